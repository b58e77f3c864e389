"""Counts set by set, on printed fields."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import field_sets
from benchmarks.field_sets import FieldSet
from serving.decoding.field_string import field_format
from serving.manifest import Threshold
from serving.recognition.fields import FieldPrediction
from tests.support import tiny_field
from tests.support.field_readings import fields


def prediction(
    text: str, confidence: float, amount: str | None = None, accepted: bool = True
) -> FieldPrediction:
    return FieldPrediction(1, text, text, amount, None, confidence, accepted, None, [], None, [])


def test_counts() -> None:
    labeled = fields(["1250", "7", "12"], amounts=["12.50", None, "12"])
    predictions = [
        prediction("1250", 0.9, "1250"),  # exact, and a hundred times too much
        prediction("7", 0.8),
        prediction("12", 0.95, "12", accepted=False),  # whatever its confidence
    ]
    threshold = Threshold(0.05, 0.5, 0.0, 0.0, 0.05, 0.5, 100)
    record = field_sets.counts(labeled, predictions, [threshold])
    assert (record["exact"], record["amounts_right"]) == (3, 1)
    assert record["thresholds"] == [{"max_error": 0.05, "accepted": 2, "wrong": 1}]
    assert record["counted"] == []  # the surest is wrong


def test_sets_that_lie_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "printed").mkdir()
    tiny_field.written(tmp_path / "printed", 4)
    sets = [FieldSet("printed", field_format("number")), FieldSet("elsewhere", field_format("amount"))]
    record = field_sets.measure(tmp_path, sets)
    (entry,) = record["sets"]
    assert (entry["set"], entry["kind"], entry["fields"]) == ("printed", "number", 4)
    assert set(entry["models"]) == set(field_sets.MODELS)
    for model in entry["models"].values():
        assert model["accuracy"] == pytest.approx(model["exact"] / 4)
