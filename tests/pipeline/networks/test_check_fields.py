from __future__ import annotations

import keras
import numpy as np

from pipeline.networks.check_fields import NETWORK
from serving.recognition.check_locator import LABELS


def test_sizes() -> None:
    """The issue allows 150,000 parameters; the table counts the network that is deployed."""
    model = NETWORK.build(keras, NETWORK.classes, normalized=False)
    table = NETWORK.table()
    assert model.count_params() == sum(row.parameters for row in table) < 150_000
    assert model.output_shape == (None, NETWORK.steps, len(LABELS))
    shapes = [layer.output.shape[1:] for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [row.shape for row in table] == shapes


def test_folding_keeps_the_function() -> None:
    keras.utils.set_random_seed(1)
    model = NETWORK.build(keras, NETWORK.classes)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    image = rng.random((1, NETWORK.height, NETWORK.width, 1), np.float32)
    expected = np.asarray(model(image, training=False))
    folded = NETWORK.fold(keras, model)
    np.testing.assert_allclose(np.asarray(folded(image)), expected, rtol=1e-3, atol=1e-3)
    released = NETWORK.deployable(keras, folded)
    np.testing.assert_allclose(np.asarray(released(image)).sum(-1), 1, rtol=1e-5)
