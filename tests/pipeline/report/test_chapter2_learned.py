"""Chapter 2: filters, feature maps and F6 as features."""

from __future__ import annotations


def test_other_classifiers_get_both_kinds_of_inputs(reported: dict) -> None:
    classifiers = dict(reported["learned"]["f6_classifiers"])
    network = classifiers.pop("network")
    assert len(classifiers) == 3
    for accuracies in classifiers.values():
        assert set(accuracies) == {"F6", "pixels"}
        assert all(0.5 < accuracy <= 1 for accuracy in accuracies.values())
    assert 0.5 < network["F6"] <= 1


def test_the_numbers_are_in_the_page(reported: dict, html: str) -> None:
    for accuracies in reported["learned"]["f6_classifiers"].values():
        assert f"{accuracies['F6']:.2%}" in html


def test_each_layer_is_shown(html: str) -> None:
    for title in ("C1, 6 maps of 28×28", "S2, 6 maps of 14×14", "C5, 120 numbers", "logits, 10 numbers"):
        assert title in html
    assert html.count("Best input of unit") == 6 + 16
