import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.config import TrainConfig
from pipeline.data import digits as data
from pipeline.data.mixture import Mixture, alone
from pipeline.synthesis import nondigits
from pipeline.training import distillation, teacher
from pipeline.training.distillation import TransferSet

# Keras about its own insides, on which the command line is silent.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

CONFIG = TrainConfig(data="digits", batch=32, distillation=0.5, temperature=2.0, passes=2, nondigits=0.25)
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def digits() -> data.Dataset:
    whole = data.load("digits")
    return dataclasses.replace(whole, train=whole.train.take(np.arange(100)))


@pytest.fixture
def teachers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """Replaces training by an untrained teacher, with a cache of its own; lists the paths of the teachers."""
    trained = []

    def train(path: Path, config: TrainConfig, mixture: Mixture, saved: Callable[[], None]):
        trained.append(path)
        keras.utils.set_random_seed(config.seed)
        model = teacher.build()
        path.parent.mkdir(parents=True, exist_ok=True)
        model.save(path)
        return model

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(teacher, "train", train)
    monkeypatch.setattr(teacher, "STAGES", (8, 8))
    return trained


@pytest.fixture(scope="module")
def transfer(digits: data.Dataset) -> TransferSet:
    views = RNG.integers(0, 256, (2, 100, 28, 28)).astype(np.uint8)
    return TransferSet(views, RNG.normal(size=(2, 100, 10)).astype(np.float16), alone(digits))


def load(digits: data.Dataset, config: TrainConfig = CONFIG) -> TransferSet:
    return distillation.load(config, digits, alone(digits))


def test_views_and_the_teachers_answers(digits: data.Dataset, teachers: list[Path]) -> None:
    found = load(digits)
    assert [(view.shape, view.dtype) for view in found.views] == [((100, 28, 28), np.uint8)] * 2
    assert [(row.shape, row.dtype) for row in found.logits] == [((100, 10), np.float16)] * 2
    assert isinstance(found.views[0], np.memmap)
    assert np.array_equal(found.mixture.labels, digits.train.labels)
    flat = np.concatenate([*found.views, digits.train.images]).reshape(300, -1)
    assert len(np.unique(flat, axis=0)) == 300  # every view is distorted in its own way
    images = found.views[1][..., None].astype(np.float32) / 255
    expected = np.mean([keras.models.load_model(path)(images, training=False) for path in teachers], 0)
    np.testing.assert_allclose(found.logits[1], expected, rtol=0.05, atol=0.05)  # bfloat16


def test_made_once(digits: data.Dataset, teachers: list[Path], tmp_path: Path) -> None:
    """By every seed together; a stronger distortion makes another, with the same teacher."""
    first = load(digits)
    again = load(digits, dataclasses.replace(CONFIG, seed=7, epochs=3))
    assert np.array_equal(first.views, again.views)
    assert np.array_equal(first.logits, again.logits)
    stronger = load(digits, dataclasses.replace(CONFIG, elastic=1.0))
    assert not np.array_equal(first.views, stronger.views)
    assert [path.stem for path in teachers] == [f"network-{seed}" for seed in teacher.SEEDS]
    assert sorted(path.name.split("-")[0] for path in (tmp_path / "checkreader").iterdir()) == [
        "teacher",
        "transfer",
        "transfer",
    ]


def test_an_interruption_loses_one_pass(digits, teachers, monkeypatch) -> None:
    whole = load(digits, dataclasses.replace(CONFIG, passes=3))
    calls: list[int] = []

    def stopped() -> None:
        calls.append(1)
        raise KeyboardInterrupt

    config = dataclasses.replace(CONFIG, passes=3)
    monkeypatch.setenv("XDG_CACHE_HOME", os.environ["XDG_CACHE_HOME"] + "-2")
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            distillation.load(config, digits, alone(digits), stopped)
    resumed = distillation.load(config, digits, alone(digits), stopped)
    assert len(calls) == 3  # each pass was made once, and nothing was left to make
    assert len(teachers) == 2 * len(teacher.SEEDS)
    for expected, found in zip(whole.logits, resumed.logits, strict=True):
        assert np.array_equal(expected, found)


def batches(transfer: TransferSet, config: TrainConfig, count: int, epoch: int = 0) -> list:
    outliers = nondigits.pictures(24, 0, ("scribble",))
    return list(distillation.stream(transfer, outliers, config, epoch).take(count).as_numpy_iterator())


def test_stream(transfer: TransferSet) -> None:
    """Each picture with its label and the teacher's answer to this view; three steps an epoch."""
    known = {
        view.tobytes(): (number, i)
        for number, views in enumerate(transfer.views)
        for i, view in enumerate(views)
    }
    for step, (image, target) in enumerate(batches(transfer, CONFIG, 9)):
        assert (image.shape, image.dtype) == ((40, 28, 28, 1), np.float32)
        assert (target.shape, target.dtype) == ((40, 20), np.float32)
        for pixels, row in zip(np.rint(image[:32, ..., 0] * 255).astype(np.uint8), target, strict=False):
            number, i = known[pixels.tobytes()]
            assert number == step // 3 % 2
            assert row[:10].argmax() == transfer.mixture.labels[i]
            assert np.array_equal(row[10:], transfer.logits[number, i].astype(np.float32))
        assert (target[32:, :10] == np.float32(0.1)).all()
        assert not target[32:, 10:].any()


def test_labels_are_smoothed(transfer: TransferSet) -> None:
    ((_, target),) = batches(transfer, dataclasses.replace(CONFIG, label_smoothing=0.2), 1)
    np.testing.assert_allclose(target[:32, :10].max(1), 0.82, rtol=1e-6)


def test_stream_goes_on_in_any_epoch(transfer: TransferSet) -> None:
    whole, later = batches(transfer, CONFIG, 9), batches(transfer, CONFIG, 3, epoch=2)
    for expected, found in zip(whole[6:], later, strict=True):
        assert np.array_equal(expected[0], found[0])
        assert np.array_equal(expected[1], found[1])
    assert not np.array_equal(whole[0][1], later[0][1])  # the same pass, in another order
    other = batches(transfer, dataclasses.replace(CONFIG, seed=1), 1)
    assert not np.array_equal(whole[0][1], other[0][1])


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_loss(share: float) -> None:
    target, logits = RNG.dirichlet(np.ones(10), 5), RNG.normal(size=(5, 10))
    answers = RNG.normal(size=(5, 10))

    def log_softmax(x: np.ndarray) -> np.ndarray:
        return x - np.log(np.exp(x).sum(1, keepdims=True))

    hard = -(target * log_softmax(logits)).sum(1)
    soft = -(np.exp(log_softmax(answers / 2)) * log_softmax(logits / 2)).sum(1)
    found = distillation.loss(dataclasses.replace(CONFIG, distillation=share))(
        tf.constant(np.concatenate([target, answers], 1), tf.float32), tf.constant(logits, tf.float32)
    )
    np.testing.assert_allclose(found, (1 - share) * hard + share * 4 * soft, rtol=1e-5)
