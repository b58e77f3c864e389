from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from pipeline.training import checkpoint
from serving.errors import CheckreaderError

# Keras about its own insides, on which the command line is silent.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


def compiled(seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    image = keras.Input((3,))
    model = keras.Model(image, keras.layers.Dense(2)(image))
    model.compile(keras.optimizers.AdamW(1e-3), "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def variables(model: keras.Model) -> list[np.ndarray]:
    return [variable.numpy() for variable in (*model.variables, *model.optimizer.variables)]


def test_restores(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    model, other = compiled(0), compiled(1)
    assert checkpoint.restore(path, other, "settings") == 0
    model.train_on_batch(np.ones((4, 3)), np.zeros((4, 2)))
    checkpoint.save(path, model, "settings", 7)
    assert checkpoint.restore(path, other, "settings") == 7
    assert all(map(np.array_equal, variables(model), variables(other)))


def test_counts_more_than_epochs(tmp_path: Path) -> None:
    path, model = tmp_path / "state.npz", compiled(0)
    assert checkpoint.restore_counts(path, model, "settings") == ()
    checkpoint.save(path, model, "settings", 7, False, 3, 0)
    assert checkpoint.restore_counts(path, model, "settings") == (7, 0, 3, 0)
    assert checkpoint.restore(path, model, "settings") == 7


def test_restores_what_earlier_versions_kept(tmp_path: Path) -> None:
    """A single number, not a list of them."""
    path, model = tmp_path / "state.npz", compiled(0)
    np.savez(path, config="settings", epoch=5, **{f"v{i}": value for i, value in enumerate(variables(model))})
    assert checkpoint.restore(path, model, "settings") == 5


def test_refuses(tmp_path: Path) -> None:
    path, model = tmp_path / "state.npz", compiled(0)
    checkpoint.save(path, model, "settings", 1)
    with pytest.raises(CheckreaderError, match="with another config or other data: delete it, or use those"):
        checkpoint.restore(path, model, "others", "delete it")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(CheckreaderError, match=r"damaged checkpoint .*: train without --resume"):
        checkpoint.restore(path, model, "settings")
