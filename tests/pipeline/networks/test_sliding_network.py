"""Networks that slide: what one table of layers says is what is built, for each of them."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from pipeline.networks import lenet5_field, lenet5_micr
from pipeline.networks.sliding_network import SlidingNetwork

NETWORKS = [lenet5_field.NETWORK, lenet5_micr.NETWORK]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_what_is_built_is_what_is_stated(network: SlidingNetwork) -> None:
    plain = network.build(keras, network.classes, normalized=False)
    rows = network.table(160)
    assert plain.name == network.name
    assert sum(row.parameters for row in rows) == plain.count_params()
    steps = (160 - network.sliding.receptive) // network.sliding.stride + 1
    assert plain(np.zeros((1, 32, 160, 1), np.float32)).shape == (1, steps, network.classes)
    assert rows[-1].shape == (1, steps, network.classes)
    assert rows[-1].receptive_field == network.sliding.receptive


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_folded_is_the_same_function(network: SlidingNetwork) -> None:
    keras.utils.set_random_seed(0)
    model = network.build(keras, network.classes)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    image = rng.random((1, 32, 96, 1), np.float32)
    folded = network.fold(keras, model)
    np.testing.assert_allclose(folded(image), model(image, training=False), rtol=1e-3, atol=1e-3)
    answer = np.asarray(network.deployable(keras, folded)(image))
    np.testing.assert_allclose(answer, keras.ops.softmax(folded(image)), atol=1e-6)


def test_the_micr_network_is_small() -> None:
    assert sum(row.parameters for row in lenet5_micr.NETWORK.table()) < 250_000
    assert lenet5_micr.NETWORK.alphabet.symbols == "0123456789ABCD"
