"""The field network: its arithmetic, its steps, and that folding changes nothing."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from pipeline.networks import lenet5_field
from serving.images import sliding_window


@pytest.fixture(scope="module")
def normalized():
    keras.utils.set_random_seed(0)
    model = lenet5_field.build(keras, lenet5_field.CLASSES)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    return model


@pytest.mark.parametrize("width", [40, 41, 48, 128])
def test_steps(normalized, width: int) -> None:
    image = np.random.default_rng(width).random((2, 32, width, 1), np.float32)
    steps = (width - lenet5_field.SLIDING.receptive) // lenet5_field.SLIDING.stride + 1
    assert normalized(image).shape == (2, steps, lenet5_field.CLASSES)
    assert lenet5_field.table(width)[-1].shape == (1, steps, lenet5_field.CLASSES)


def test_folded_is_the_same_function(normalized) -> None:
    image = np.random.default_rng(1).random((2, 32, 96, 1), np.float32)
    plain = lenet5_field.fold(keras, normalized)
    np.testing.assert_allclose(plain(image), normalized(image, training=False), atol=1e-4)
    assert not [layer for layer in plain.layers if "BatchNormalization" in type(layer).__name__]


def test_table_counts_what_keras_counts() -> None:
    plain = lenet5_field.build(keras, lenet5_field.CLASSES, normalized=False)
    rows = lenet5_field.table()
    assert sum(row.parameters for row in rows) == plain.count_params() < 300_000
    for row in rows:
        assert row.parameters == plain.get_layer(row.name).count_params()


def test_deployable_answers_probabilities(normalized) -> None:
    plain = lenet5_field.fold(keras, normalized)
    image = np.random.default_rng(2).random((1, 32, 64, 1), np.float32)
    answer = np.asarray(lenet5_field.deployable(keras, plain)(image))
    np.testing.assert_allclose(answer.sum(-1), 1, atol=1e-5)
    np.testing.assert_allclose(answer, keras.ops.softmax(plain(image)), atol=1e-6)


def test_a_step_sees_what_the_manifest_says(normalized) -> None:
    """A change of one column changes the steps whose receptive field holds it, and no other."""
    slide = lenet5_field.SLIDING
    image = np.random.default_rng(3).random((1, 32, 160, 1), np.float32)
    before = np.asarray(normalized(image, training=False))[0]
    column = 80
    image[:, :, column] += 5
    changed = np.flatnonzero(np.abs(np.asarray(normalized(image, training=False))[0] - before).max(1) > 0)
    first = -(-(column - slide.receptive + 1) // slide.stride)
    assert changed.min() >= first
    assert changed.max() <= column // slide.stride
    assert {first + 1, column // slide.stride - 1} <= set(changed.tolist())


def test_padding_changes_no_step_of_the_field(normalized) -> None:
    rng = np.random.default_rng(4)
    ink, slide = 37, lenet5_field.SLIDING
    image = np.zeros((1, 32, 160, 1), np.float32)
    image[:, :, slide.left : slide.left + ink] = rng.random((1, 32, ink, 1))
    exact = image[:, :, : slide.left + ink + slide.right]
    own = sliding_window.steps(ink, slide)
    whole = np.asarray(normalized(image, training=False))[0, :own]
    np.testing.assert_allclose(whole, np.asarray(normalized(exact, training=False))[0, :own], atol=1e-4)
