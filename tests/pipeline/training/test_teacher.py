import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from pipeline.config import TrainConfig
from pipeline.data import digits as data
from pipeline.training import teacher

CONFIG = TrainConfig(data="digits", epochs=2, batch=64, learning_rate=2e-3, nondigits=0.0, elastic=0.0)

# Keras about its own insides, on which the command line is silent.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*shuffle=True. was passed"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),
]


@pytest.fixture(scope="module")
def digits() -> data.Dataset:
    whole = data.load("digits")
    return dataclasses.replace(whole, train=whole.train.take(np.arange(200)))


def test_network() -> None:
    model = teacher.build()
    assert model.input_shape == (None, 28, 28, 1)
    assert model.output_shape == (None, 10)
    assert {layer.compute_dtype for layer in model.layers[1:-1]} == {"bfloat16"}
    assert {weight.dtype for weight in model.weights} - {"uint32"} == {"float32"}


def test_learns_repeatably_and_is_written(digits: data.Dataset, tmp_path: Path) -> None:
    one = teacher.train(tmp_path / "one.keras", CONFIG, digits)
    two = teacher.train(tmp_path / "two.keras", CONFIG, digits)
    images = digits.train.images[:50, ..., None].astype(np.float32) / 255
    answers = np.asarray(one(images, training=False))
    assert answers.dtype == np.float32
    assert np.array_equal(answers, np.asarray(two(images, training=False)))
    read = keras.models.load_model(tmp_path / "one.keras", compile=False)
    assert np.array_equal(answers, np.asarray(read(images, training=False)))


def test_every_weight_learns(digits: data.Dataset, tmp_path: Path) -> None:
    keras.utils.set_random_seed(CONFIG.seed)
    before = [weight.numpy() for weight in teacher.build().trainable_weights]
    trained = teacher.train(tmp_path / "teacher.keras", CONFIG, digits)
    for old, new in zip(before, trained.trainable_weights, strict=True):
        assert not np.array_equal(old, new.numpy())
