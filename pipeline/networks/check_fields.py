"""The network that finds the fields of a check: a plain chain of padded convolutions over a thumbnail.

Three convolutions of stride 2 leave a grid of cells of 8×8 pixels. Each cell answers for its 4×4 parts of 2×2 pixels, so
that fields two pixels apart are told from each other without a way back up (sub-pixel convolution: Shi and others,
Real-Time Single Image and Video Super-Resolution, CVPR 2016). A part belongs to a field or to none; a box's edges are
where the probability falls to a half (`serving.recognition.check_locator`).

    python -m pipeline.networks.check_fields     # prints the table of layers
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from pipeline.networks.batch_normalization import fold
from pipeline.networks.lenet5 import LayerRow, format_table
from serving.recognition.check_locator import CELL, HEIGHT, LABELS, PARTS, WIDTH

Layer = tuple[str, tuple[int, int], int]  # name, kernel rows and columns, filters


@dataclass(frozen=True)
class GridNetwork:
    """A network `image` float32 [N, H, W, 1] → logits float32 [N, T, K], T = the parts of all cells.

    Rows of the output are in the order cell row, cell column, row and column of the part within the cell.

    Attributes:
        name: of the model.
        height, width: of the input.
        layers: the convolutions before the logits; the first three have a stride of 2.
        classes: K, the fields and none, which is last.
    """

    name: str
    height: int
    width: int
    layers: tuple[Layer, ...]
    classes: int

    @property
    def parts(self) -> int:
        """Parts of a cell, each with logits of its own."""
        return PARTS**2

    @property
    def steps(self) -> int:
        """T."""
        return self.height // CELL * (self.width // CELL) * self.parts

    def build(self, keras: ModuleType, classes: int, normalized: bool = True) -> Any:
        """Builds a model `image` float32 [N, H, W, 1] → logits float32 [N, T, K].

        Args:
            keras: `keras` or `tf_keras`.
            classes: K.
            normalized: with batch normalization after the convolutions, which training needs; `fold` takes it into the
                weights.
        """
        layers = keras.layers
        x = image = keras.Input((self.height, self.width, 1), name="image")
        for name, kernel, filters in self.layers:
            options = {"strides": self._stride(name), "padding": "same", "name": name}
            if normalized:
                x = layers.Conv2D(filters, kernel, use_bias=False, **options)(x)
                x = layers.BatchNormalization(momentum=0.98, name=f"{name}_norm")(x)
                x = layers.ReLU(name=f"{name}_relu")(x)
            else:
                x = layers.Conv2D(filters, kernel, activation="relu", **options)(x)
        x = layers.Conv2D(classes * self.parts, 1, name="logits", dtype="float32")(x)
        return keras.Model(
            image, layers.Reshape((self.steps, classes), name="steps", dtype="float32")(x), name=self.name
        )

    def fold(self, keras: ModuleType, model: Any) -> Any:
        """Folds batch normalization into the convolutions; returns a new model that computes the same function."""
        plain = self.build(keras, model.output_shape[-1], normalized=False)
        fold(model, plain, [name for name, _, _ in self.layers])
        return plain

    def deployable(self, keras: ModuleType, model: Any) -> Any:
        """Builds the network to release, `probabilities` float32 [N, T, K], from a folded model."""
        copy = self.build(keras, model.output_shape[-1], normalized=False)
        copy.set_weights(model.get_weights())
        return keras.Model(
            copy.input, keras.layers.Softmax(name="probabilities")(copy.output), name=self.name
        )

    def table(self, width: int | None = None, classes: int | None = None) -> list[LayerRow]:
        """Computes shape, parameters, multiply-accumulates and receptive field per layer of the folded network."""
        rows = []
        channels, high, wide, field, step = 1, self.height, self.width, 1, 1
        logits = ("logits", (1, 1), (classes or self.classes) * self.parts)
        for name, (kernel_rows, kernel_columns), filters in (*self.layers, logits):
            field += (kernel_columns - 1) * step
            stride = self._stride(name)
            step *= stride
            high, wide = high // stride, wide // stride
            weights = kernel_rows * kernel_columns * channels
            macs = weights * filters * high * wide
            rows.append(
                LayerRow(name, "convolution", (high, wide, filters), (weights + 1) * filters, macs, field)
            )
            channels = filters
        return rows

    def _stride(self, name: str) -> int:
        return 2 if name in [layer for layer, _, _ in self.layers[:3]] else 1


NETWORK: Final = GridNetwork(
    "check-fields",
    HEIGHT,
    WIDTH,
    (
        ("c1", (5, 5), 12),
        ("c2", (3, 3), 24),
        ("c3", (3, 3), 40),
        ("c4", (3, 3), 48),
        ("c5", (3, 5), 48),
        ("c6", (3, 5), 48),
        ("c7", (3, 3), 48),
    ),
    len(LABELS),
)


if __name__ == "__main__":
    print(format_table(NETWORK.table()))
