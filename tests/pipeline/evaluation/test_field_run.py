from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.data import labeled_fields
from pipeline.evaluation import evaluated_sets, field_run
from pipeline.evaluation.field_readings import FieldRecognizer
from pipeline.networks.lenet5_field import SLIDING
from pipeline.records import Calibration
from pipeline.run import Run
from serving.errors import CheckreaderError
from serving.manifest import Sliding
from tests.support import tiny_field
from tests.support.field_readings import fields, raw

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def own(tmp_path: Path) -> labeled_fields.Labeled:
    """Twelve printed fields."""
    return tiny_field.written(tmp_path, 12)


def evaluate(run: Run, own: labeled_fields.Labeled) -> dict:
    return field_run.evaluate(run, own, nonfield_count=6, invented=3)


def calibrate(run: Run, own: labeled_fields.Labeled, most_views: float | None = None) -> dict:
    return field_run.calibrate(run, own, count=6, invented=3, most_views=most_views)


def test_both_models_through_the_file_that_is_served(own: labeled_fields.Labeled, tmp_path: Path) -> None:
    run = tiny_field.copied(tmp_path)
    record = evaluate(run, own)
    assert {name: family["format"] for name, family in record["families"].items()} == {
        "lenet5-field": "onnx_float32",
        "lenet5-field-int8": "onnx_int8",
    }
    exact = [family["exact"]["value"] for family in record["families"].values()]
    assert min(exact) > 0.8
    assert record["difference"] == pytest.approx(exact[1] - exact[0])
    assert not record["trained_on"]
    assert run.require("evaluate") == record
    (kept,) = evaluated_sets.load(run)
    assert kept.families["lenet5-field"].exact.value == exact[0]
    assert sum(entry.n for entry in kept.families["lenet5-field"].reliability) <= len(own)
    assert "8 bits minus float: +" in field_run.summary(
        record
    ) or "8 bits minus float: -" in field_run.summary(record)


def test_amounts_are_read_as_such_where_labels_have_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the recognizer is asked for, and that marks are those of the network."""
    tiny_field.written(tmp_path, 2)
    (tmp_path / "labels.csv").write_text("file,text,written,amount\n0.png,12,12/-,12\n1.png,7,,\n")
    run = Run(tmp_path / "run")
    run.path.mkdir()
    run.record("train", [], task="field", config={}, data={}, alphabet="0123456789·/")
    run.record("export", [], data={}, refused={})
    monkeypatch.setattr(field_run, "predictor", lambda row, path: None)
    asked, passed = [], []
    monkeypatch.setattr(field_run, "field_recognizer", lambda *arguments, **sliding: asked.append(arguments))
    monkeypatch.setattr(
        field_run, "measure", lambda *arguments: passed.append(arguments) or {"exact": {"value": 1.0}}
    )
    evaluate_options = {"nonfield_count": 6, "invented": 3}
    field_run.evaluate(run, labeled_fields.load(tmp_path), **evaluate_options)
    assert {(alphabet.symbols, kind) for _, alphabet, _, kind in asked} == {("0123456789·/", "amount")}
    for _, _, labeled, *_ in passed:
        assert (labeled.written, labeled.marks) == (("12/", "7"), "/")


def test_fields_that_were_trained_on_are_said_to_be(own: labeled_fields.Labeled, tmp_path: Path) -> None:
    run = tiny_field.copied(tmp_path)
    train = run.require("train")
    data = {**train["data"], "own": own.record()}
    kept = {key: train[key] for key in ("task", "config", "alphabet")}
    run.record("train", ["float.keras"], **kept, data=data, calibration=None)
    record = evaluate(run, own)
    assert record["trained_on"]
    assert "trained on these very fields" in field_run.summary(record)


def test_a_format_that_was_refused(own: labeled_fields.Labeled, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    run.path.mkdir()
    run.record("train", [], task="field", config={}, data={}, calibration=None)
    run.record("export", [], data={}, refused={"onnx_float32": "no such layer"})
    with pytest.raises(CheckreaderError, match="onnx_float32 could not be exported: no such layer"):
        evaluate(run, own)


def test_calibrated_on_labeled_fields(own: labeled_fields.Labeled, tmp_path: Path) -> None:
    run = tiny_field.copied(tmp_path)
    assert field_run.stored_calibration(run, "lenet5-field") == Calibration()
    assert field_run.stored_sliding(run, "lenet5-field").sure is None
    record = calibrate(run, own, 1.3)
    for name, family in record["families"].items():
        stored = field_run.stored_calibration(run, name)
        assert stored.confidence is not None
        assert stored.confidence.scale == family["calibration"]["confidence"]["scale"]
        assert stored.thresholds == []  # twelve fields certify nothing
        assert 0 < (field_run.stored_sliding(run, name).sure or 0) <= 1
        assert 1 <= family["calibration"]["views"] <= 1.3
    assert "no threshold for max_error 0.01: needs at least 299" in field_run.calibration_summary(record)
    measured = evaluate(run, own)["families"]["lenet5-field"]
    assert (measured["confidence"], measured["seed"]) == ("out-of-fold", 0)
    assert measured["views"] == record["families"]["lenet5-field"]["calibration"]["views"]
    calibrate(run, own)
    assert field_run.stored_sliding(run, "lenet5-field").sure is None


def test_vetoes_are_read_as_fields_of_their_own_kind() -> None:
    own, amounts = fields(["1"] * 60), replace(fields(["1", "1"], amounts=["1", "1"]), name="amounts")
    asked: list[str] = []

    def recognizer(kind: str, sliding: Sliding) -> FieldRecognizer:
        asked.append(kind)
        return lambda pictures: [raw("1" if kind == "number" else "5", 0.9)] * len(pictures)

    fitted = field_run.fit("tiny", recognizer, SLIDING, own, count=0, invented=3, vetoes=[amounts])[
        "calibration"
    ]
    assert asked == ["number", "number", "amount"]
    assert fitted["thresholds"] == ()
    refusal = "amounts contradicts: 2 of the 2 that the same threshold accepts are wrong"
    assert refusal in fitted["refusals"][0]
    (threshold,) = field_run.fit("tiny", recognizer, SLIDING, own, count=0, invented=3)["calibration"][
        "thresholds"
    ]
    assert (threshold["max_error"], threshold["accepted"]) == (0.05, 1.0)


def test_other_fields_are_measured_with_the_model_s_own_confidence(
    own: labeled_fields.Labeled, tmp_path: Path
) -> None:
    run = tiny_field.copied(tmp_path)
    calibrate(run, own.take(np.arange(6)))
    record = run.require("calibrate")
    run.record("calibrate", [], **{**_content(record), "data": {"sha256": {"labels.csv": "others"}}})
    measured = evaluate(run, own)["families"]["lenet5-field"]
    assert measured["confidence"] == "reader"
    assert 0 <= measured["calibration_error"]["after"] <= 1


def test_not_calibrated_on_what_it_was_trained_on(own: labeled_fields.Labeled, tmp_path: Path) -> None:
    run = tiny_field.copied(tmp_path)
    train = run.require("train")
    data = {**train["data"], "own": own.record()}
    kept = {key: train[key] for key in ("task", "config", "alphabet")}
    run.record("train", ["float.keras"], **kept, data=data, calibration=None)
    with pytest.raises(CheckreaderError, match="the network was trained on these fields"):
        calibrate(run, own)


def _content(record: dict) -> dict:
    return {key: record[key] for key in ("task", "seed", "families")}
