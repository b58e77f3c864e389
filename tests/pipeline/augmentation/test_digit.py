import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.augmentation import digit
from pipeline.config import TrainConfig
from pipeline.data import digits
from pipeline.data.digits import Split
from pipeline.data.mixture import Mixture, Source
from pipeline.synthesis import nondigits
from tests.support import mixtures

CONFIG = TrainConfig(data="digits", epochs=4, batch=32, affine=1.0, elastic=1.0, pen=1.0, anneal=0.3)
OFF = dataclasses.replace(CONFIG, affine=0.0, elastic=0.0, pen=0.0)
SEED = tf.constant([3, 4], tf.int64)


@pytest.fixture(scope="module")
def split() -> Split:
    return digits.load("digits").train.take(np.arange(100))


@pytest.fixture(scope="module")
def outliers() -> np.ndarray:
    return nondigits.pictures(24, 0, ("scribble", "letter"))


def batches(split: Split, outliers: np.ndarray, config: TrainConfig, count: int, epoch: int = 0):
    return list(digit.stream(mixtures.of(split), outliers, config, epoch).take(count).as_numpy_iterator())


def equal(first: list, second: list) -> bool:
    return all(
        np.array_equal(a, b)
        for one, two in zip(first, second, strict=True)
        for a, b in zip(one, two, strict=True)
    )


def test_contract(split: Split, outliers: np.ndarray) -> None:
    config = dataclasses.replace(CONFIG, nondigits=0.25, label_smoothing=0.1)
    for image, target in batches(split, outliers, config, 4):
        assert (image.shape, image.dtype) == ((40, 28, 28, 1), np.float32)
        assert (target.shape, target.dtype) == ((40, 10), np.float32)
        np.testing.assert_allclose(target.sum(1), 1, atol=1e-6)
        assert image.min() >= 0
        assert image.max() <= 1
        assert (np.abs(target[:32].max(1) - 0.91) < 1e-6).all()
        assert (target[32:] == np.float32(0.1)).all()


def test_same_seed_same_stream(split: Split, outliers: np.ndarray) -> None:
    first = batches(split, outliers, CONFIG, 5)
    assert equal(first, batches(split, outliers, CONFIG, 5))
    other = batches(split, outliers, dataclasses.replace(CONFIG, seed=1), 5)
    assert not any(np.array_equal(a[0], b[0]) for a, b in zip(first, other, strict=True))


def test_every_picture_is_distorted_in_its_own_way(split: Split) -> None:
    """One picture again and again: no step and no place in a batch repeats another."""
    same = split.take(np.zeros(96, np.intp))
    seen = [
        picture.tobytes()
        for image, _ in batches(same, np.empty((0, 28, 28), np.uint8), CONFIG, 6)
        for picture in image
    ]
    assert len(set(seen)) == len(seen) == 192


def test_goes_on_in_any_epoch(split: Split, outliers: np.ndarray) -> None:
    per_epoch = digit.steps(mixtures.of(split), CONFIG)
    assert per_epoch == 3
    whole = batches(split, outliers, CONFIG, 4 * per_epoch)
    for epoch in (1, 3):
        assert equal(
            whole[epoch * per_epoch :], batches(split, outliers, CONFIG, (4 - epoch) * per_epoch, epoch)
        )
    assert not np.array_equal(whole[0][0], whole[per_epoch][0])  # another epoch, other distortions


def test_without_strength_the_pictures_come_as_they_are(split: Split) -> None:
    originals = {image.tobytes(): label for image, label in zip(split.images, split.labels, strict=True)}
    seen = []
    for image, target in batches(split, np.empty((0, 28, 28), np.uint8), OFF, 3):
        assert len(image) == 32
        for picture, label in zip(
            np.rint(image[..., 0] * 255).astype(np.uint8), target.argmax(1), strict=True
        ):
            assert originals[picture.tobytes()] == label
            seen.append(picture.tobytes())
    assert len(set(seen)) == 96  # an epoch shows none twice


def test_set_smaller_than_a_batch(split: Split) -> None:
    few = split.take(np.arange(20))
    assert digit.steps(mixtures.of(few), CONFIG) == 1
    ((image, target),) = batches(few, np.empty((0, 28, 28), np.uint8), CONFIG, 1)
    assert len(image) == len(target) == 32


def test_every_batch_has_its_shares(split: Split) -> None:
    """The first source is shown once an epoch, a small one again and again, in the pass of the epoch."""
    pictures = [np.full((6, 28, 28), level, np.uint8) for level in (101, 102)]
    few = Source("few", 0.25, pictures, np.arange(6, dtype=np.uint8), {}, False, {})
    mixture = Mixture((dataclasses.replace(mixtures.of(split).sources[0], share=0.75), few))
    assert digit.steps(mixture, OFF) == 4
    none = np.empty((0, 28, 28), np.uint8)
    stream = list(digit.stream(mixture, none, OFF).take(8).as_numpy_iterator())
    for step, (image, target) in enumerate(stream):
        assert (np.rint(image[24:] * 255) == 101 + step // 4).all()
        assert (image[:24].std((1, 2, 3)) > 0).all()
        labels = target[24:].argmax(1)
        assert set(labels) <= set(range(6))
    first = np.concatenate([target[24:].argmax(1) for _, target in stream[:4]])
    assert set(np.bincount(first, minlength=6)) <= {5, 6}  # 32 of 6
    shown = {picture.tobytes() for image, _ in stream[:4] for picture in image[:24]}
    assert len(shown) == 96


@pytest.mark.parametrize(("share", "extra"), [(0.0, 0), (0.1, 3), (0.5, 16), (1.0, 32)])
def test_share_of_nondigits(split: Split, outliers: np.ndarray, share: float, extra: int) -> None:
    config = dataclasses.replace(OFF, nondigits=share)
    known = {picture.tobytes() for picture in outliers}
    for image, target in batches(split, outliers, config, 2):
        assert len(image) == 32 + extra
        assert ((target == np.float32(0.1)).all(1)).sum() == extra
        pixels = np.rint(image[..., 0] * 255).astype(np.uint8)
        assert all(picture.tobytes() in known for picture in pixels[32:])


def test_distortions_fade(split: Split) -> None:
    """From full strength in the first epoch to what `anneal` leaves in the last."""
    strengths = [float(digit.fade(tf.constant(epoch), CONFIG)) for epoch in range(6)]
    assert strengths[0] == pytest.approx(1)
    assert strengths[3:] == pytest.approx([0.3] * 3)
    assert strengths == sorted(strengths, reverse=True)
    assert float(digit.fade(tf.constant(0), dataclasses.replace(CONFIG, epochs=1))) == pytest.approx(1)


@given(
    st.tuples(*[st.sampled_from([0.0, 0.5, 1.0])] * 3).filter(any),
    st.tuples(st.integers(0, 2**40), st.integers(0, 2**40)),
)
@settings(deadline=None, max_examples=15)
def test_distortion_moves_and_keeps_the_range(
    strengths: tuple[float, float, float], seed: tuple[int, int]
) -> None:
    images = np.zeros((16, 28, 28, 1), np.float32)
    images[:, 6:22, 10:13] = 1
    images[:, 12:15, 6:22] = 0.6
    config = dataclasses.replace(CONFIG, affine=strengths[0], elastic=strengths[1], pen=strengths[2])
    out = digit.distort(tf.constant(images), tf.constant(seed, tf.int64), config).numpy()
    assert out.shape == images.shape
    assert 0 <= out.min() <= out.max() <= 1 + 1e-6
    changed = np.abs(out - images).mean((1, 2, 3)) > 1e-3
    assert changed.any()
    assert len({picture.tobytes() for picture in out}) > changed.sum() // 2
    assert (out.sum((1, 2, 3)) / images[0].sum() > 0.3).all()
    assert (out.sum((1, 2, 3)) / images[0].sum() < 2.5).all()


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_strength_multiplies(strength: float) -> None:
    images = tf.constant(np.random.default_rng(0).random((4, 28, 28, 1), np.float32))
    out = digit.distort(images, SEED, CONFIG, strength).numpy()
    assert np.allclose(out, images, atol=1e-5) == (strength == 0)


def test_paper_stays_paper() -> None:
    paper = tf.zeros((3, 28, 28, 1))
    assert not digit.distort(paper, SEED, CONFIG).numpy().any()


def test_elastic_field_is_unit_and_smooth() -> None:
    bumps = digit.bump_weights()
    np.testing.assert_allclose((bumps**2).sum(1), 1, atol=1e-5)
    nodes = np.random.default_rng(0).normal(size=(8, 500))
    field = bumps @ nodes
    assert field.std() == pytest.approx(1, abs=0.1)
    assert np.abs(np.diff(field, axis=0)).max() < 1
