from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.augmentation import check as augmentation
from pipeline.config import check_preset
from pipeline.networks import spec
from pipeline.records import TrainRecord
from pipeline.run import Run
from pipeline.training import check
from serving.errors import CheckreaderError
from tests.support import tiny_check
from tests.support.killed import Killed

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CONFIG = dataclasses.replace(
    check_preset("quick", 0), views=1, steps=4, batch=2, averaging=0.5, precision="float32"
)


OFTEN = {"recalibration": 2, "every": 2}


def test_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at its fourth batch, a training ends with the weights of an undisturbed one."""
    labeled = tiny_check.written(tmp_path / "checks", 20)
    runs = [Run(tmp_path / name) for name in ("whole", "killed")]
    for run in runs:
        run.path.mkdir()
    record = check.train(runs[0], CONFIG, labeled, "quick", **OFTEN)
    assert record["metrics"]["validation_overlaps"].keys() == tiny_check.PLACES.keys()
    batches = augmentation.batches

    def killing(*arguments: object) -> Iterator[object]:
        for number, batch in enumerate(batches(*arguments)):
            if number == 3:
                raise Killed
            yield batch

    with monkeypatch.context() as patch:
        patch.setattr(augmentation, "batches", killing)
        with pytest.raises(Killed):
            check.train(runs[1], CONFIG, labeled, "quick", **OFTEN)
    assert (runs[1] / "checkpoint-check.npz").exists()
    check.train(runs[1], CONFIG, labeled, "quick", resume=True, **OFTEN)
    trained = [run.read(TrainRecord) for run in runs]
    assert trained[0].files == trained[1].files
    assert spec.task_of_record(trained[0]) is spec.CHECK
    assert spec.classes(trained[0]) == 6
    assert not list(runs[1].path.glob("checkpoint-*"))


def test_too_few_checks(tmp_path: Path) -> None:
    labeled = tiny_check.written(tmp_path / "few", 3)
    with pytest.raises(
        CheckreaderError, match="few: 3 checks, at least 20 are needed: `checkreader draw-checks`"
    ):
        check.train(Run(tmp_path), CONFIG, labeled, "quick")
