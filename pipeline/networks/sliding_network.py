"""A convolutional network that slides over a normalized field or line: its layers, built, folded and counted.

What differs between the networks is a table of layers, a geometry and an alphabet (`lenet5_field`, `lenet5_micr`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from pipeline.networks.batch_normalization import fold
from pipeline.networks.lenet5 import LayerRow
from serving.decoding.alphabet import Alphabet
from serving.manifest import Sliding

Layer = tuple[str, tuple[int, int], int]  # name, kernel rows and columns, filters
Subsampling = tuple[str, tuple[int, int]]  # name, rows and columns between the 2×2 windows


@dataclass(frozen=True)
class SlidingNetwork:
    """A network `image` float32 [N, height, W, 1] → logits float32 [N, T, K].

    Attributes:
        name: of the model.
        alphabet: that a training from scratch teaches.
        layers: the convolutions before the logits.
        subsampled: the 2×2 maximum after each layer that has one.
        sliding: the geometry.
        compared: the symbols in which a reading has to be right to be exact.
    """

    name: str
    alphabet: Alphabet
    layers: tuple[Layer, ...]
    subsampled: Mapping[str, Subsampling]
    sliding: Sliding
    compared: str

    @property
    def classes(self) -> int:
        """K: the alphabet's symbols and the blank."""
        return self.alphabet.blank + 1

    def build(self, keras: ModuleType, classes: int, normalized: bool = True) -> Any:
        """Builds a model `image` float32 [N, 32, W, 1] → logits float32 [N, T, K], T = (W − receptive) // stride + 1.

        Args:
            keras: `keras` or `tf_keras`.
            classes: K, an alphabet's symbols and the blank.
            normalized: with batch normalization after the convolutions (Ioffe, Szegedy, ICML 2015), which
                training from scratch needs; `fold` takes it into the weights.
        """
        layers = keras.layers
        x = image = keras.Input((self.sliding.height, None, 1), name="image")
        for name, kernel, filters in self.layers:
            if normalized:
                x = layers.Conv2D(filters, kernel, use_bias=False, name=name)(x)
                x = layers.BatchNormalization(momentum=0.98, name=f"{name}_norm")(x)
                x = layers.ReLU(name=f"{name}_relu")(x)
            else:
                x = layers.Conv2D(filters, kernel, activation="relu", name=name)(x)
            if name in self.subsampled:
                subsample, strides = self.subsampled[name]
                x = layers.MaxPooling2D(2, strides=strides, name=subsample)(x)
        x = layers.Conv2D(classes, 1, name="logits", dtype="float32")(x)
        return keras.Model(
            image, layers.Reshape((-1, classes), name="steps", dtype="float32")(x), name=self.name
        )

    def fold(self, keras: ModuleType, model: Any) -> Any:
        """Folds batch normalization into the convolutions; returns a new model that computes the same function."""
        plain = self.build(keras, model.output_shape[-1], normalized=False)
        fold(model, plain, [name for name, _, _ in self.layers])
        return plain

    def deployable(self, keras: ModuleType, model: Any) -> Any:
        """Builds the network to release, with softmax at the end.

        Args:
            keras: the module that `model` was built with.
            model: a model without batch normalization; it is not changed.

        Returns:
            A model `image` float32 [N, 32, W, 1] → `probabilities` float32 [N, T, K].
        """
        copy = self.build(keras, model.output_shape[-1], normalized=False)
        copy.set_weights(model.get_weights())
        return keras.Model(
            copy.input, keras.layers.Softmax(name="probabilities")(copy.output), name=self.name
        )

    def table(self, width: int = 128, classes: int | None = None) -> list[LayerRow]:
        """Computes shape, parameters, multiply-accumulates and receptive field per layer, for `width` columns.

        Parameters are the folded network's; the receptive field is that of the columns.
        """
        rows = []
        channels, high, wide, field, step = 1, self.sliding.height, width, 1, 1
        for name, (kernel_rows, kernel_columns), filters in (
            *self.layers,
            ("logits", (1, 1), classes or self.classes),
        ):
            field += (kernel_columns - 1) * step
            high, wide = high - kernel_rows + 1, wide - kernel_columns + 1
            weights = kernel_rows * kernel_columns * channels
            macs = weights * filters * high * wide
            rows.append(
                LayerRow(name, "convolution", (high, wide, filters), (weights + 1) * filters, macs, field)
            )
            channels = filters
            if name in self.subsampled:
                subsample, (_, columns) = self.subsampled[name]
                field += step
                step *= columns
                high, wide = high // 2, wide // 2 if columns == 2 else wide - 1
                rows.append(LayerRow(subsample, "max pooling", (high, wide, channels), 0, 0, field))
        return rows
