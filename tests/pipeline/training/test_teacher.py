import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from pipeline import precision
from pipeline.config import TrainConfig
from pipeline.data import digits as data
from pipeline.data.mixture import Mixture, alone
from pipeline.training import teacher

CONFIG = TrainConfig(data="digits", epochs=2, batch=64, learning_rate=2e-3, nondigits=0.0, elastic=0.0)

# Keras about its own insides, on which the command line is silent.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*shuffle=True. was passed"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),
]


@pytest.fixture(scope="module")
def mixture() -> Mixture:
    whole = data.load("digits")
    return alone(dataclasses.replace(whole, train=whole.train.take(np.arange(200))))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float32"])
def test_network(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "fastest", lambda: policy)
    model = teacher.build()
    assert model.input_shape == (None, 28, 28, 1)
    assert model.output_shape == (None, 10)
    assert {layer.compute_dtype for layer in model.layers[1:-1]} == {policy.removeprefix("mixed_")}
    assert {weight.dtype for weight in model.weights} - {"uint32"} == {"float32"}
    assert 38e6 < len(teacher.SEEDS) * teacher.multiply_accumulates(model) < 40e6


def images(mixture: Mixture) -> np.ndarray:
    return mixture.pictures(0)[:50, ..., None].astype(np.float32) / 255


def test_goes_on_after_an_interruption(
    mixture: Mixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every weight learns; a training that was interrupted ends with the same weights as one that was not."""
    monkeypatch.setattr(teacher, "STAGES", (8,))
    monkeypatch.setattr(teacher, "SEEDS", (3,))

    def stop() -> None:
        raise KeyboardInterrupt

    keras.utils.set_random_seed(3)
    before = [weight.numpy() for weight in teacher.build().trainable_weights]
    (model,) = teacher.load(tmp_path / "whole", CONFIG, mixture)
    for old, new in zip(before, model.trainable_weights, strict=True):
        assert not np.array_equal(old, new.numpy())
    with pytest.raises(KeyboardInterrupt):
        teacher.load(tmp_path / "interrupted", CONFIG, mixture, stop)
    assert [path.name for path in (tmp_path / "interrupted").iterdir()] == ["network-3.npz"]
    saves: list[int] = []
    (resumed,) = teacher.load(tmp_path / "interrupted", CONFIG, mixture, lambda: saves.append(1))
    assert len(saves) == 1  # the second epoch
    assert [path.name for path in (tmp_path / "interrupted").iterdir()] == ["network-3.keras"]
    expected = np.asarray(model(images(mixture), training=False))
    assert np.array_equal(np.asarray(resumed(images(mixture), training=False)), expected)
    (reopened,) = teacher.load(tmp_path / "whole", CONFIG, mixture, stop)  # nothing is trained
    assert np.array_equal(np.asarray(reopened(images(mixture), training=False)), expected)


def test_logits_are_averaged(mixture: Mixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher, "STAGES", (8,))
    models = [teacher.build() for _ in range(2)]
    answers = [np.asarray(model(images(mixture), training=False)) for model in models]
    assert not np.array_equal(*answers)
    np.testing.assert_allclose(
        teacher.logits(models)(images(mixture)), np.mean(answers, 0), atol=0.05
    )  # bfloat16
