from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.records import CalibrateRecord, FieldRecords, Records, TrainRecord, VerifyRecord, convert
from pipeline.release.documents import read_records
from pipeline.run import Run
from serving.errors import CheckreaderError
from tests.support.paths import ROOT

RELEASED = ROOT / "models" / "records"


@pytest.mark.parametrize(("folder", "kind"), [(".", Records), ("field", FieldRecords)])
def test_records_of_the_release_are_read(folder: str, kind: type[Records] | type[FieldRecords]) -> None:
    """Those of runs made under the product's old name, too."""
    records = read_records(RELEASED / folder, kind)
    content = {path.stem: json.loads(path.read_text()) for path in (RELEASED / folder).glob("*.json")}
    train = content["train"]
    assert records.train.config == train["config"]
    assert records.train.task == train.get("task", "digit")
    assert set(records.evaluate.families) == set(content["evaluate"]["families"])
    for name, family in content["evaluate"]["families"].items():
        thresholds = [point.threshold for point in records.evaluate.families[name].thresholds]
        assert thresholds == [entry["threshold"] for entry in family["thresholds"]]
    for name, speed in content["benchmark"]["formats"].items():
        assert records.benchmark.formats[name].p50_ms == speed["p50_ms"]


def test_confidence_of_a_calibrated_field_run() -> None:
    content = json.loads((RELEASED / "field" / "calibrate.json").read_text())
    record = convert(content, CalibrateRecord, RELEASED)
    for name, family in content["families"].items():
        calibration = record.families[name].calibration
        assert calibration.confidence.scale == family["calibration"]["confidence"]["scale"]
        assert calibration.refusals == family["calibration"]["refusals"]


def test_a_run_reads_its_records_as_their_types(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.record("train", [], preset="quick", config={"seed": 3}, data={"name": "digits"}, extra=1)
    record = run.read(TrainRecord)
    assert (record.task, record.preset, record.config) == ("digit", "quick", {"seed": 3})
    assert record.calibration is None
    assert record.environment.packages["keras"].startswith("3.")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "missing required field `passed`"),
        ({"passed": "yes", "broken": []}, "Expected `bool`, got `str` - at `$.passed`"),
        ({"passed": True, "broken": [1]}, "Expected `str`, got `int`"),
    ],
)
def test_a_record_that_lacks_something_is_refused_in_one_line(
    tmp_path: Path, content: dict[str, object], reason: str
) -> None:
    run = Run(tmp_path)
    run.record("verify", [], **content)
    with pytest.raises(CheckreaderError) as caught:
        run.read(VerifyRecord)
    assert str(caught.value).startswith(f"{tmp_path / 'verify.json'}: not a record of this version (")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
