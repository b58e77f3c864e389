from __future__ import annotations

import keras
import numpy as np

from pipeline.networks.batch_normalization import fold


def test_the_same_function() -> None:
    """With statistics and scales that are not those of a new layer."""
    image = keras.Input((6, 6, 1))
    layers = keras.layers
    normalized = layers.BatchNormalization(name="c1_norm")
    x = normalized(layers.Conv2D(3, 3, use_bias=False, name="c1")(image))
    model = keras.Model(image, layers.Conv2D(2, 1, name="logits")(x))
    rng = np.random.default_rng(0)
    normalized.set_weights([rng.uniform(0.5, 2, weight.shape) for weight in normalized.get_weights()])
    plain = keras.Model(image, layers.Conv2D(2, 1, name="logits")(layers.Conv2D(3, 3, name="c1")(image)))
    fold(model, plain, ["c1"])
    pixels = rng.random((4, 6, 6, 1), np.float32)
    np.testing.assert_allclose(
        np.asarray(plain(pixels)), np.asarray(model(pixels, training=False)), rtol=1e-4, atol=1e-5
    )
