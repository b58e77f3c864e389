"""Chapter 3: the comparison of networks with one part exchanged."""

from __future__ import annotations

from tests.support.tiny_report import VARIANTS


def test_the_released_network_is_shifted_like_the_others(reported: dict) -> None:
    parts = reported["parts"]
    assert len(parts["released_shifted"]) == 7
    assert parts["released_shifted"][0] > parts["released_shifted"][6]
    assert all(len(network["shifted"]) == 7 for network in parts["comparisons"].values())


def test_each_network_is_in_the_page(reported: dict, html: str) -> None:
    for variant in VARIANTS:
        network = reported["parts"]["comparisons"][variant.name]
        assert f"{network['accuracy']:.2%}" in html
        assert f"{network['parameters']:,}" in html
        assert variant.group == "size" or variant.note in html


def test_table_one_of_1998_is_in_the_page(html: str) -> None:
    assert "60 of 96 pairs" in html
    assert html.count("<td>X</td>") == 60
