"""The stages of a MICR run, from a network that is barely trained."""

from __future__ import annotations

import dataclasses
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import micr_preset
from pipeline.networks import spec
from pipeline.quantization import field as quantization
from pipeline.records import TrainRecord
from pipeline.run import Run
from pipeline.tasks import micr
from pipeline.training import field as training
from serving.errors import CheckreaderError
from tests.support.killed import killed_at, short_rounds
from tests.support.tiny_lines import TinyLines

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CONFIG = dataclasses.replace(
    micr_preset("quick", 0), fields=64, views=1, batch=8, precision="float32", averaging=0.9
)


def train(path: Path, resume: bool = False) -> Run:
    path.mkdir(exist_ok=True)
    run, lines = Run(path), TinyLines()
    training.train(
        run,
        CONFIG,
        lines,
        lines.record(),
        "quick",
        resume,
        task=spec.MICR,
        validation=4,
        processes=1,
        recalibration=1,
        every=2,
    )
    return run


def test_trained_resumed_and_quantized(tmp_path: Path) -> None:
    """Killed in the middle, a training ends with the same weights; the record says whose they are."""
    with short_rounds():
        whole = train(tmp_path / "whole")
        with killed_at(7):
            train(tmp_path / "killed")
        resumed = train(tmp_path / "killed", resume=True)
    trained = whole.read(TrainRecord)
    assert spec.task_of_record(trained) is spec.MICR
    assert spec.alphabet(trained).symbols == "0123456789ABCD"
    assert spec.classes(trained) == 15
    assert resumed.read(TrainRecord).files == trained.files
    fields = [pixels for pixels, _ in TinyLines()(np.random.default_rng(0), 4)]
    record = quantization.quantize(whole, quantization.FieldQuantizeConfig(), fields)
    assert (record["task"], record["fields"]) == ("micr", 4)
    assert 0 <= record["metrics"]["same_best_symbol"] <= 1


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    run, options = Run(tmp_path / "micr"), Namespace(data=None, stage="calibrate")
    assert micr.run_name(options) == "micr"
    for stage in (micr.calibrate, micr.evaluate):
        with pytest.raises(
            CheckreaderError, match="'checkreader calibrate' of a MICR run needs --data FOLDER"
        ):
            stage(run, options)
    with pytest.raises(
        CheckreaderError, match=r"micr: a MICR run has no report: `checkreader evaluate --run micr"
    ):
        micr.report(run, options)


@pytest.mark.parametrize(
    ("name", "value"), [("veto", [Path("others")]), ("views", 1.5), ("read_as", "amount")]
)
def test_options_of_fields_are_refused(tmp_path: Path, name: str, value: object) -> None:
    options = Namespace(data="lines", stage="calibrate", **{name: value})
    with pytest.raises(CheckreaderError, match=r"--\w+: for fields alone"):
        micr.calibrate(Run(tmp_path), options)


def test_stages_follow_each_other() -> None:
    assert micr.TASK.next["verify"] == "calibrate --data FOLDER"
    assert micr.TASK.next["calibrate"] == "evaluate --data FOLDER"
    assert set(micr.TASK.next) | {"release"} == set(micr.TASK.stages)
