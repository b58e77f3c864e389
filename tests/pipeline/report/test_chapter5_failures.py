"""Chapter 5: what corruptions do, in its numbers and its words."""

from __future__ import annotations

import pytest

from pipeline.evaluation.corruptions import KINDS
from pipeline.report import chapter5_failures


def test_defects_in_training_are_noted() -> None:
    assert chapter5_failures.defects_note({"defects": 0.0}) == ""
    assert "30% of its pictures had a line across" in chapter5_failures.defects_note({"defects": 0.3})


def test_every_corruption_is_measured_before_and_after_normalization(reported: dict) -> None:
    corruptions = reported["failures"]["corruptions"]
    assert list(corruptions["kinds"]) == list(KINDS)
    for key in ("raw", "normalized"):
        values = [kind[key] for kind in corruptions["kinds"].values()]
        assert corruptions["mean"][key] == pytest.approx(sum(values) / 15)


def test_rotation_and_pen_are_best_in_the_middle(reported: dict) -> None:
    """A digit as it was written is read better than one upside down or with a pen of no width."""
    failures = reported["failures"]
    assert failures["rotation"]["0"]["raw"] > max(
        failures["rotation"][angle]["raw"] for angle in ("-90", "90")
    )
    assert failures["pen"]["0"]["raw"] >= failures["pen"]["-2"]["raw"]
    assert failures["inverted"]["normalized"] > failures["inverted"]["raw"]
