import numpy as np
import pytest
import tensorflow as tf

from pipeline.augmentation import defects
from pipeline.synthesis.digit_drawing import digit
from serving.images.digit import normalize, tensor

SEED = tf.constant([3, 5], tf.int64)


@pytest.fixture(scope="module")
def images() -> tf.Tensor:
    rng = np.random.default_rng(0)
    return tf.constant(tensor(np.stack([normalize(digit(i % 10, rng)) for i in range(60)])))


def test_as_many_as_asked_for_and_the_rest_untouched(images: tf.Tensor) -> None:
    found = defects.damage(images, SEED, 0.5).numpy()
    assert (found.shape, found.dtype) == ((60, 28, 28, 1), np.float32)
    assert 0 <= found.min() <= found.max() <= 1
    changed = (found != images.numpy()).any((1, 2, 3))
    assert 25 <= changed.sum() <= 30  # a line may miss the picture's ink and paper, a blur never does
    assert np.array_equal(found[~changed], images.numpy()[~changed])


def test_nothing_asked_for(images: tf.Tensor) -> None:
    assert defects.damage(images, SEED, 0.0) is images


def test_the_seed_decides(images: tf.Tensor) -> None:
    once, again = (defects.damage(images, SEED, 1.0).numpy() for _ in range(2))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, defects.damage(images, SEED + 1, 1.0).numpy())


@pytest.mark.parametrize("defect", defects.DEFECTS)
def test_each_defect_differs_from_picture_to_picture(images: tf.Tensor, defect) -> None:
    same = tf.repeat(images[:1], 20, axis=0)
    found = defect(same, SEED).numpy()
    assert found.shape == same.shape
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1 + 1e-6
    assert len(np.unique(found.reshape(20, -1), axis=0)) > (3 if defect is defects.outline else 15)


def test_an_outline_is_hollow(images: tf.Tensor) -> None:
    stroke = np.zeros((1, 28, 28, 1), np.float32)
    stroke[0, 10:18, 5:25] = 1
    found = np.concatenate(
        [defects.outline(tf.constant(stroke), tf.constant([0, seed], tf.int64)) for seed in range(8)]
    )
    assert found[:, 12:16, 8:22].max() == 0
    assert (found.max((1, 2, 3)) >= 0.7).all()


def test_a_batch_of_any_size(images: tf.Tensor) -> None:
    run = tf.function(lambda x: defects.damage(x, SEED, 1.0))
    for count in (1, 5, 60):
        assert run(images[:count]).shape == (count, 28, 28, 1)
