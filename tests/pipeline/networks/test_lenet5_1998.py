"""Against the paper: its counts, its table I, its non-linearity."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from pipeline.networks import lenet5_1998

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import keras


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    return lenet5_1998.build()


def test_parameters(model: keras.Model) -> None:
    counts = {
        layer.name: sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
        for layer in model.layers
        if layer.weights
    }
    assert counts == {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164, "logits": 0}
    assert sum(counts.values()) == 60_000
    assert model.get_layer("logits").count_params() == 840


def test_table_i() -> None:
    """Columns of the paper's table I, as it prints them."""
    assert [len(sources) for sources in lenet5_1998.TABLE_I] == [3] * 6 + [4] * 9 + [6]
    assert lenet5_1998.TABLE_I[:6] == ((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5))
    assert lenet5_1998.TABLE_I[6:9] == ((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5))
    assert lenet5_1998.TABLE_I[12:15] == ((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5))
    assert all(sum(source in sources for sources in lenet5_1998.TABLE_I) == 10 for source in range(6))


def test_c3_sees_only_the_maps_of_the_table(model: keras.Model) -> None:
    layer = model.get_layer("c3")
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(1, 14, 14, 6)).astype(np.float32)
    before = np.asarray(layer(maps))
    for source in range(6):
        changed = maps.copy()
        changed[..., source] += rng.normal(size=(1, 14, 14))
        moved = np.abs(np.asarray(layer(changed)) - before).max((0, 1, 2)) > 1e-6
        assert moved.tolist() == [source in sources for sources in lenet5_1998.TABLE_I]


def test_subsampling(model: keras.Model) -> None:
    layer = model.get_layer("s2")
    coefficient, bias = np.linspace(0.1, 0.6, 6), np.linspace(-0.2, 0.3, 6)
    saved = layer.get_weights()
    layer.set_weights([coefficient, bias])
    x = np.random.default_rng(1).normal(size=(2, 4, 4, 6)).astype(np.float32)
    total = x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]
    expected = 1.7159 * np.tanh(2 / 3 * (total * coefficient + bias))
    np.testing.assert_allclose(np.asarray(layer(x)), expected, rtol=1e-5)
    layer.set_weights(saved)


def test_squash_keeps_one() -> None:
    np.testing.assert_allclose(np.asarray(lenet5_1998.squash(np.array([-1.0, 0, 1]))), [-1, 0, 1], atol=1e-4)


def test_output_is_minus_the_squared_distance() -> None:
    codes = lenet5_1998.codes()
    assert (codes.shape, codes.dtype, set(np.unique(codes))) == ((84, 10), np.float32, {-1.0, 1.0})
    assert len(np.unique(codes, axis=1)[0]) == 10
    x = np.random.default_rng(2).normal(size=(5, 84)).astype(np.float32)
    layer = lenet5_1998.Distances()
    expected = -((x[:, :, None] - codes) ** 2).sum(1)
    np.testing.assert_allclose(np.asarray(layer(x)), expected, rtol=1e-4)
    assert np.asarray(layer(codes.T)).argmax(1).tolist() == list(range(10))


def test_levels(model: keras.Model) -> None:
    """Paper −0.1 also in the margin, ink 1.175."""
    part = keras.Model(model.input, model.get_layer("levels").output)
    image = np.zeros((1, 28, 28, 1), np.float32)
    image[0, 14, 14] = 1
    seen = np.asarray(part(image))
    assert seen.shape == (1, 32, 32, 1)
    assert seen[0, 16, 16, 0] == pytest.approx(1.175)
    assert np.unique(np.delete(seen.ravel(), 16 * 32 + 16)) == pytest.approx([-0.1])


def test_weights_begin_near_zero(model: keras.Model) -> None:
    for name, fan_in in (("c1", 25), ("c5", 400), ("f6", 120)):
        kernel = model.get_layer(name).get_weights()[0]
        assert 0.9 * 2.4 / fan_in < np.abs(kernel).max() <= 2.4 / fan_in
