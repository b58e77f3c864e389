"""Spells a Keras network as one plain TensorFlow function with constant weights, for the converters.

From Keras's own function they would keep variables, compute the batch's size to
flatten, and name tensors after a process-wide counter. ONNX would wrap each
operator in transpositions between TensorFlow's channels-last and its own
channels-first layout; here the network is spelled in either. A picture has one
channel, which makes the first transposition a reshape, and the last is a
permutation of the first dense layer's weights: none is left. A network that slides
over a field ends in a row of steps, which one transposition moves in front of the
symbols.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline.networks.integer_reference import Unsupported
from pipeline.networks.lenet5 import LAYERS

Layout = Literal["NHWC", "NCHW"]
Weights = list[npt.NDArray[np.float32]]


def plain_function(
    network: Any, layout: Layout, output: str, features: bool = False
) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """Returns the network as a function `image` float32 [N, H, W, 1] → {name: float32 tensor}.

    Args:
        network: a Keras model of `lenet5` or `lenet5_field`, of Keras 3 or `tf_keras`.
        layout: the layout it computes in; input and outputs are channels-last.
        output: the name of the last layer's output.
        features: True makes the layers before the last outputs, too.
    """
    layers = [(layer, layer.get_weights()) for layer in network.layers]

    def run(image: tf.Tensor) -> dict[str, tf.Tensor]:
        x = _channels_first(image) if layout == "NCHW" else image
        outputs = {}
        for layer, weights in layers:
            x = _step(layer, weights, x, layout)
            # With the activation after the subsampling, s2 is the output of both.
            name = layer.name.split("_")[0]
            if features and name in LAYERS[:-1]:
                channels_first = len(x.shape) == 4 and layout == "NCHW"
                outputs[name] = tf.transpose(x, [0, 2, 3, 1]) if channels_first else x
        return {**outputs, output: x}

    return run


def _channels_first(image: tf.Tensor) -> tf.Tensor:
    if None in image.shape[1:]:
        return tf.transpose(image, [0, 3, 1, 2])  # tf2onnx writes it as a reshape
    _, height, width, channels = image.shape
    return tf.reshape(image, [-1, channels, height, width])


def _step(layer: Any, weights: Weights, x: tf.Tensor, layout: Layout) -> tf.Tensor:
    match kind := type(layer).__name__:
        case "InputLayer":
            return x
        case "Conv2D":
            x = tf.nn.conv2d(x, weights[0], layer.strides[0], layer.padding.upper(), data_format=layout)
            return _activate(layer, tf.nn.bias_add(x, weights[1], data_format=layout))
        case "MaxPooling2D":
            return tf.nn.max_pool2d(x, layer.pool_size, layer.strides, "VALID", data_format=layout)
        case "AveragePooling2D":
            return tf.nn.avg_pool2d(x, 2, 2, "VALID", data_format=layout)
        case "Activation":
            return _activate(layer, x)
        case "Flatten":
            return x  # the dense layer after it flattens
        case "Dense":
            kernel = weights[0]
            if len(x.shape) == 4:
                if layout == "NCHW":
                    _, channels, height, width = x.shape
                    kernel = kernel.reshape(height, width, channels, -1).transpose(2, 0, 1, 3)
                    kernel = kernel.reshape(height * width * channels, -1)
                x = tf.reshape(x, [-1, len(kernel)])
            return _activate(layer, tf.nn.bias_add(tf.matmul(x, kernel), weights[1]))
        case "Reshape":
            return rows(layer, tf.transpose(x, [0, 2, 3, 1]) if layout == "NCHW" else x)
        case "Softmax":
            return tf.nn.softmax(x)
    raise Unsupported(f"layer {layer.name}: {kind} is not exported")


def rows(layer: Any, x: tf.Tensor) -> tf.Tensor:
    """Returns channels-last maps as rows, as the Keras layer `Reshape` does: steps of one row, or parts of a grid."""
    if layer.target_shape[0] == -1:
        return tf.squeeze(x, 1)
    return tf.reshape(x, [-1, *layer.target_shape])


def _activate(layer: Any, x: tf.Tensor) -> tf.Tensor:
    match name := layer.activation.__name__:
        case "linear":
            return x
        case "relu":
            return tf.nn.relu(x)
        case "tanh":
            return tf.tanh(x)
        case "sigmoid":
            return tf.sigmoid(x)
    raise Unsupported(f"layer {layer.name}: the activation {name} is not exported")
