"""The stages of a run that finds fields, as the commands call them."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from pipeline.run import Run
from pipeline.tasks import check
from serving.errors import CheckreaderError
from tests.support import tiny_check

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    run = Run(tmp_path / "check")
    assert check.run_name(Namespace()) == "check"
    for stage, data in ((check.train, "digits"), (check.evaluate, None)):
        with pytest.raises(
            CheckreaderError,
            match=r"needs --data FOLDER: checks with labels\.jsonl, as `checkreader draw-checks`",
        ):
            stage(run, Namespace(stage=stage.__name__, data=data))
    for stage, line in (
        (check.calibrate, "has nothing to calibrate"),
        (check.report, "has no report: `checkreader evaluate"),
    ):
        with pytest.raises(CheckreaderError, match=line):
            stage(run, Namespace())


def test_evaluated(tmp_path: Path) -> None:
    run = tiny_check.copied(tmp_path)
    tiny_check.written(tmp_path / "checks", 2)
    record, text = check.evaluate(run, Namespace(stage="evaluate", data=str(tmp_path / "checks")))
    assert record["data"]["n"] == 2
    assert text.startswith("check-fields, found of 2 checks of checks: amount")


@pytest.mark.slow
def test_verified_on_drawn_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The formats agree about drawn checks; each part is compared."""
    monkeypatch.setattr(check, "VERIFIED", 2)
    run = tiny_check.copied(tmp_path)
    record, _ = check.verify(run, Namespace(explain=None))
    assert record["pictures"] == 2
    floats = [pair for pair in record["pairs"] if pair["left"] == "keras" and pair["lsb"] is None]
    assert floats
    assert all(pair["probability"] <= 1e-4 for pair in floats)
    explained, text = check.verify(run, Namespace(explain=("keras", "onnx_float32")))
    assert explained["first"] is None
    assert "do not drift apart" in text
