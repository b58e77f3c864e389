"""The stages of a MICR run on labeled lines."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from pipeline.data.labeled_lines import LabeledLines
from pipeline.evaluation import micr_run
from pipeline.evaluation.micr_readings import LineReading
from pipeline.records import CalibrateRecord, MicrEvaluateRecord
from pipeline.run import Run
from serving.errors import CheckreaderError
from tests.support import tiny_micr

TEXTS = ["A021000021A 1234567C 89"] * 10 + ["B0000012345B"] * 2


@pytest.fixture
def labeled(tmp_path: Path) -> LabeledLines:
    (tmp_path / "lines").mkdir()
    return tiny_micr.written(tmp_path / "lines", TEXTS)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose files nobody reads: readings are made up, one of them wrong."""
    run = Run(tmp_path / "micr")
    run.path.mkdir()
    run.record("export", [], data={}, refused={})

    def read(infer: str, pictures: list) -> list[LineReading]:
        texts = [text.replace(" ", "") for text in TEXTS]
        texts[3] = texts[3].replace("7C", "1C")
        last = "half" if infer == "onnx_int8" else None
        return [LineReading(text, 0.9 - 0.01 * number, None, last) for number, text in enumerate(texts)]

    monkeypatch.setattr(micr_run, "predictor", lambda row, path: row.name)
    monkeypatch.setattr(micr_run, "read", read)
    return run


def test_calibrated_and_measured(run: Run, labeled: LabeledLines) -> None:
    calibrated = micr_run.calibrate(run, labeled)
    assert calibrated["data"]["groups"] == 6
    assert run.read(CalibrateRecord).families["lenet5-micr"].calibration.confidence is not None
    assert (
        "no threshold for max_error 0.05: needs at least 59 accepted groups"
        in micr_run.calibration_summary(calibrated)
    )
    record = micr_run.evaluate(run, labeled)
    typed = msgspec.convert(record, MicrEvaluateRecord)
    family = typed.families["lenet5-micr"]
    assert family.exact.value == pytest.approx(11 / 12)
    assert family.by_country["us"].n == 10
    assert [(entry.symbol, entry.read) for entry in family.confusions] == [("7", "1")]
    assert typed.difference == 0
    assert "lenet5-micr-int8: 91.67% of 12 lines exact" in micr_run.summary(record)


def test_thresholds_of_these_lines_are_applied_to_confidences_out_of_fold(
    run: Run, labeled: LabeledLines
) -> None:
    micr_run.calibrate(run, labeled)
    path = run / "calibrate.json"
    record = json.loads(path.read_text())
    for family in record["families"].values():
        family["calibration"]["confidence"] = {"scale": 0.0, "offset": 9.0}  # sure of everything
        entry = {
            "max_error": 0.05,
            "threshold": 0.999,
            "error": 0,
            "low": 0,
            "high": 0,
            "accepted": 1,
            "n": 6,
        }
        family["calibration"]["thresholds"] = [entry]
    path.write_text(json.dumps(record))

    def accepted(lines: LabeledLines) -> int:
        sets = micr_run.evaluate(run, lines)["families"]["lenet5-micr"]["sets"]
        return next(entry["accepted"] for entry in sets if entry["name"] == "lines")

    assert accepted(labeled) == 0
    assert accepted(_others(labeled)) == 12


def _others(labeled: LabeledLines) -> LabeledLines:
    return LabeledLines("others", labeled.files, labeled.texts, labeled.groups, "0")


def test_records_name_no_picture(run: Run, labeled: LabeledLines) -> None:
    micr_run.calibrate(run, labeled)
    micr_run.evaluate(run, labeled)
    for stage in ("calibrate", "evaluate"):
        text = (run / f"{stage}.json").read_text()
        assert ".png" not in text
        assert "021000021" not in text


def test_a_format_that_could_not_be_exported(run: Run, labeled: LabeledLines) -> None:
    run.record("export", [], data={}, refused={"onnx_int8": "too deep"})
    with pytest.raises(CheckreaderError, match="onnx_int8 could not be exported: too deep"):
        micr_run.calibrate(run, labeled)
