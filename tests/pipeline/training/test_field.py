"""The stage `train` of a field run: from scratch."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pipeline.augmentation import field as stream
from pipeline.augmentation.batch_stream import BatchStream
from pipeline.config import FieldTrainConfig
from pipeline.networks import lenet5_field
from pipeline.networks.lenet5_field import ALPHABET
from pipeline.run import Run
from pipeline.synthesis.sampler import HandwritingSampler, Item
from pipeline.training import checkpoint, field
from serving.errors import CheckreaderError
from tests.support import tiny_field
from tests.support.killed import killed_at, short_rounds

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@dataclasses.dataclass(frozen=True)
class Repeating(HandwritingSampler):
    """Draws a few fields and repeats them; thousands are shuffled before the first batch."""

    def __call__(self, rng: np.random.Generator, count: int) -> list[Item]:
        items = super().__call__(rng, min(count, 8))
        return [items[index % len(items)] for index in range(count)]


SAMPLER = Repeating(invented=2)
CONFIG = FieldTrainConfig(fields=256, views=1, batch=64, precision="float32", averaging=0.9)
TUNING = dataclasses.replace(CONFIG, fields=40, batch=8, real=0.5)  # five steps


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Draws in this process, 40 fields at a time."""

    def draw_blocks(sample: stream.Sampler, seed: int, processes: int, first: int) -> Iterator[list[Item]]:
        for number in itertools.count(first):
            yield sample(np.random.default_rng([seed, number]), 40)

    monkeypatch.setattr(stream, "draw_blocks", draw_blocks)
    with short_rounds():
        yield


@pytest.mark.usefixtures("small")
def test_further(tmp_path: Path) -> None:
    """Begins with earlier weights, without an opening, and records their checksum."""
    start = field.Start.of(
        dataclasses.replace(CONFIG, start=str(tiny_field.untrained(tmp_path) / "float.keras"))
    )
    run = tmp_path / "run"
    changes = {"fields": 16, "opening": 0.0, "learning_rate": 1e-9, "retained": 0.5}
    record = _trained(run, start=start, **changes)
    config = dataclasses.replace(CONFIG, **{"batch": 8} | changes, start=start.sha256)
    assert record["config"] == dataclasses.asdict(config)
    weights = keras.models.load_model(run / "float.keras", compile=False).get_weights()
    for after, before in zip(weights, start.network().get_weights(), strict=True):
        np.testing.assert_allclose(after, before, atol=1e-6)


def test_the_mean_of_weights() -> None:
    trained, start = [np.full((2, 3), 4, np.float32), np.zeros(1, np.float32)], [np.zeros((2, 3)), np.ones(1)]
    weights = field.mixed(trained, start, 0.25)
    assert [array.dtype for array in weights] == [np.float32, np.float32]
    np.testing.assert_array_equal(weights[0], np.full((2, 3), 3))
    np.testing.assert_array_equal(weights[1], [0.25])


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "batch", [pytest.param(3, marks=pytest.mark.slow), 6, pytest.param(8, marks=pytest.mark.slow)]
)
def test_resumed_from_scratch(tmp_path: Path, batch: int) -> None:
    """Killed in the opening, just after it, and later: with the same weights in the end, bit for bit."""
    whole = _trained(tmp_path / "whole")
    run = Run(tmp_path / "whole")
    assert run.require("train") == whole
    assert (whole["task"], whole["preset"], whole["calibration"]) == ("field", "mine", None)
    assert FieldTrainConfig.from_json(whole["config"]) == dataclasses.replace(
        CONFIG, fields=48, batch=8, opening=0.5
    )
    assert whole["alphabet"] == ALPHABET.symbols
    model = keras.models.load_model(run / "float.keras", compile=False)
    assert model(np.zeros((1, 32, 64, 1), np.float32)).shape == (1, 13, lenet5_field.CLASSES)
    assert not [path for path in run.path.iterdir() if "seconds" in path.name or "checkpoint" in path.name]
    assert keras.mixed_precision.global_policy().name == "float32"
    with killed_at(batch):
        _trained(tmp_path / "run")
    assert not (tmp_path / "run" / "train.json").exists()
    (tmp_path / "run" / "train-seconds.json").write_text("5000.0")
    record = _trained(tmp_path / "run", resume=True)
    assert record["files"] == whole["files"]
    assert record["metrics"] == whole["metrics"]
    assert record["seconds"] > 5000


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_a_checkpoint_of_another_config_is_refused(tmp_path: Path) -> None:
    with killed_at(3):
        _trained(tmp_path / "run")
    line = r"checkpoint-opening\.npz: written with another config or other data: train without --resume, or use those"
    with pytest.raises(CheckreaderError, match=line):
        _trained(tmp_path / "run", resume=True, learning_rate=1e-4)
    with pytest.raises(CheckreaderError, match=line):
        _trained(tmp_path / "run", resume=True, sampler=dataclasses.replace(SAMPLER, invented=3))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("batch", [2, 4])
def test_resumed_fine_tuning(tmp_path: Path, batch: int) -> None:
    """Killed before and after the first checkpoint, with batches of real and of synthetic fields."""
    start = field.Start.of(
        dataclasses.replace(TUNING, start=str(tiny_field.untrained(tmp_path) / "float.keras"))
    )
    expected = field.fine_tune(TUNING, start, _mixed())
    schedule = checkpoint.Schedule(tmp_path / "checkpoint.npz", "settings", 2)
    with killed_at(batch):
        field.fine_tune(TUNING, start, _mixed(), schedule)
    for _ in range(2):  # the second time all is done
        tuned = field.fine_tune(TUNING, start, _mixed(), schedule)
        for weights, others in zip(tuned.get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_array_equal(weights, others)


def _trained(
    folder: Path,
    resume: bool = False,
    sampler: Repeating = SAMPLER,
    start: field.Start | None = None,
    **changes: object,
) -> dict[str, Any]:
    """Trains on three batches, measures statistics on two, and trains on three; every other one has a checkpoint."""
    folder.mkdir(exist_ok=True)
    config = dataclasses.replace(CONFIG, **{"fields": 48, "batch": 8, "opening": 0.5} | changes)
    options = {"validation": 4, "processes": 1, "recalibration": 2, "every": 2, "start": start}
    return field.train(Run(folder), config, sampler, sampler.record(), "mine", resume, **options)


def _mixed() -> BatchStream:
    items = SAMPLER(np.random.default_rng(0), 8)
    return stream.mixed_batches(lambda rng: items[rng.integers(4)], items[4:], TUNING, ALPHABET, "")


def test_the_alphabet_of_the_start(tmp_path: Path) -> None:
    released = field.Start.of(CONFIG)
    assert (released.alphabet.symbols, released.path.suffix) == ("0123456789.,/-x", ".keras")
    assert released.network().output_shape[-1] == 16
    run = Run(tmp_path)
    (run / "float.keras").write_bytes(b"weights")
    run.record("train", ["float.keras"], task="field", config={}, data={}, alphabet="0123456789/")
    start = field.Start.of(dataclasses.replace(CONFIG, start=str(run / "float.keras")))
    assert start.alphabet.symbols == "0123456789/"
    with pytest.raises(CheckreaderError, match=r"float.keras: not the weights of a field network"):
        start.network()
    (run / "float.keras").write_bytes(b"others")
    with pytest.raises(CheckreaderError, match="its SHA-256 differs"):
        field.Start.of(dataclasses.replace(CONFIG, start=str(run / "float.keras")))


def test_no_released_weights_to_go_on_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHECKREADER_MODELS", str(tmp_path))
    with pytest.raises(CheckreaderError, match="no models in"):
        field.Start.of(CONFIG)
