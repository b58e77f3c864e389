import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.config import TrainConfig
from pipeline.data import digits as data
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

    def train(path: Path, config: TrainConfig, data: data.Dataset):
        trained.append(path)
        keras.utils.set_random_seed(config.seed)
        model = teacher.build()
        model.save(path)
        return model

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(teacher, "train", train)
    (tmp_path / "checkreader").mkdir()
    return trained


@pytest.fixture(scope="module")
def transfer(digits: data.Dataset) -> TransferSet:
    views = RNG.integers(0, 256, (2, 100, 28, 28)).astype(np.uint8)
    return TransferSet(views, RNG.normal(size=(2, 100, 10)).astype(np.float16), digits.train)


def test_views_and_the_teachers_answers(digits: data.Dataset, teachers: list[Path]) -> None:
    found = distillation.load(CONFIG, digits)
    assert (found.views.shape, found.views.dtype) == ((2, 100, 28, 28), np.uint8)
    assert (found.logits.shape, found.logits.dtype) == ((2, 100, 10), np.float16)
    assert np.array_equal(found.split.labels, digits.train.labels)
    flat = np.concatenate([found.views.reshape(200, -1), digits.train.images.reshape(100, -1)])
    assert len(np.unique(flat, axis=0)) == 300  # every view is distorted in its own way
    model = keras.models.load_model(teachers[0])
    expected = model(found.views[1][..., None].astype(np.float32) / 255, training=False)
    np.testing.assert_allclose(found.logits[1], expected, rtol=0.05, atol=0.05)  # bfloat16


def test_made_once(digits: data.Dataset, teachers: list[Path], tmp_path: Path) -> None:
    """By every seed together; a stronger distortion makes another, with the same teacher."""
    first = distillation.load(CONFIG, digits)
    again = distillation.load(dataclasses.replace(CONFIG, seed=7, epochs=3), digits)
    assert np.array_equal(first.views, again.views)
    assert np.array_equal(first.logits, again.logits)
    stronger = distillation.load(dataclasses.replace(CONFIG, elastic=1.0), digits)
    assert not np.array_equal(first.views, stronger.views)
    assert len(teachers) == 1
    assert sorted(path.name.split("-")[0] for path in (tmp_path / "checkreader").iterdir()) == [
        "teacher",
        "transfer",
        "transfer",
    ]


def test_an_interruption_leaves_no_half_a_set(digits, teachers, tmp_path: Path, monkeypatch) -> None:
    def stopped(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(distillation.digit, "distort", stopped)
        with pytest.raises(KeyboardInterrupt):
            distillation.load(CONFIG, digits)
    assert [path.suffix for path in (tmp_path / "checkreader").iterdir()] == [".keras"]
    distillation.load(CONFIG, digits)
    assert len(teachers) == 1  # the teacher was there already


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
            assert row[:10].argmax() == transfer.split.labels[i]
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
