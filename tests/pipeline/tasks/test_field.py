from __future__ import annotations

import dataclasses
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import FieldTrainConfig
from pipeline.data import labeled_fields
from pipeline.run import Run, sha256
from pipeline.synthesis.sampler import HandwritingSampler
from pipeline.tasks import field
from serving.errors import CheckreaderError
from tests.support import tiny_field
from tests.support.killed import killed_at, short_rounds

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SAMPLER = HandwritingSampler(invented=2)
CONFIG = FieldTrainConfig(fields=256, views=1, batch=64, precision="float32", averaging=0.9)


@pytest.fixture
def labeled(tmp_path: Path) -> labeled_fields.Labeled:
    """Ten printed fields."""
    return tiny_field.written(tmp_path, 10)


def test_on_with_labeled_fields(
    labeled: labeled_fields.Labeled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.evaluation.cross_validation.FOLDS", 2)
    start = tiny_field.trained() / "float.keras"
    before = sha256(start)
    config = dataclasses.replace(CONFIG, fields=64, batch=16, learning_rate=1e-4, real=0.5, start=str(start))
    run = Run(tmp_path / "run")
    record = field.finetune(run, config, SAMPLER, SAMPLER.record(), labeled, "mine", nonfields=4)
    assert run.require("train")["metrics"] == record["metrics"]
    assert sha256(start) == before
    assert record["data"]["own"]["sha256"] == labeled.sha256
    assert len(record["cross_validation"]["folds"]) == 2
    # The start reads such fields already, and small steps do not make it forget.
    assert record["metrics"]["exact"]["value"] > 0.5
    assert not record["calibration"]["thresholds"]
    assert record["calibration"]["nonfields"] == 4


@pytest.mark.slow
def test_resumed_in_a_fold(
    labeled: labeled_fields.Labeled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the second fold's training: the first is kept, and all ends as without an interruption."""
    monkeypatch.setattr("pipeline.evaluation.cross_validation.FOLDS", 2)
    start = tiny_field.trained() / "float.keras"
    config = dataclasses.replace(CONFIG, fields=24, batch=8, real=0.5, recombined=0.5, start=str(start))

    def finetune(name: str, resume: bool = False) -> dict[str, object]:
        (tmp_path / name).mkdir(exist_ok=True)
        run, sources = Run(tmp_path / name), SAMPLER.record()
        return field.finetune(run, config, SAMPLER, sources, labeled, "mine", resume, nonfields=4, every=2)

    with short_rounds():
        whole = finetune("whole")
        with killed_at(6):
            finetune("run")
        assert {path.name for path in (tmp_path / "run").glob("*.npz")} == {
            f"checkpoint-fold-{number}.npz" for number in (1, 2)
        }
        record = finetune("run", resume=True)
        assert record["files"] == whole["files"]
        assert record["cross_validation"] == whole["cross_validation"]
        assert not list((tmp_path / "run").glob("*.npz"))
        with killed_at(3):
            finetune("run")
        other = labeled.take(np.arange(9))
        with pytest.raises(
            CheckreaderError, match=r"checkpoint-fold-1\.npz: written with another config or other data"
        ):
            field.finetune(
                Run(tmp_path / "run"), config, SAMPLER, SAMPLER.record(), other, "mine", True, every=2
            )


@pytest.mark.parametrize(
    ("stage", "data", "name"),
    [
        ("train", "digits", "field"),
        ("train", "mnist", "field"),
        ("train", "some/checks", "checks"),
        ("evaluate", "some/checks", "field"),
        ("calibrate", None, "field"),
    ],
)
def test_a_training_on_labeled_fields_is_called_after_their_folder(
    stage: str, data: str | None, name: str
) -> None:
    assert field.run_name(Namespace(stage=stage, data=data, name=None)) == name


def test_or_as_one_says() -> None:
    assert field.run_name(Namespace(stage="train", data="some/checks", name="bank")) == "bank"


@pytest.mark.parametrize("stage", ["calibrate", "evaluate"])
def test_labeled_fields_must_be_named(stage: str, tmp_path: Path) -> None:
    with pytest.raises(CheckreaderError, match=f"'checkreader {stage}' of a field run needs --data FOLDER"):
        field.TASK.stages[stage](Run(tmp_path), Namespace(stage=stage, data=None))


def test_quantized_by_drawn_fields(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the ranges are measured on, normalized, by the seed of the training."""
    run = Run(tmp_path)
    run.record("train", [], config={"seed": 7}, data={}, task="field")
    passed = []

    def quantize(run: Run, config: object, fields: list[object]) -> dict[str, object]:
        passed.append(fields)
        assert config.seed == 7
        return {"metrics": {"same_best_symbol": 0.987, "steps": 1234}}

    monkeypatch.setattr("pipeline.quantization.field.quantize", quantize)
    _, text = field.quantize(run, Namespace())
    assert text == f"{tmp_path}: at 98.70% of 1,234 steps the same best symbol"
    field.quantize(run, Namespace())
    first, second = passed
    assert len(first) == 512
    assert {pixels.shape[0] for pixels in first} == {32}
    assert all((one == other).all() for one, other in zip(first, second, strict=True))
