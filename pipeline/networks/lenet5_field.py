"""LeNet-5 sliding over a field: one pass reads a whole amount.

The space-displacement network of LeCun, Bottou, Bengio, Haffner (Proc. IEEE
86(11), 1998, section VII) in its modern form: valid convolutions, the dense
layers written as convolutions, so that every step sees 32 rows and 40 columns,
a digit and half of each neighbor, of a picture of any width. Steps are 2
columns apart, since touching repeats such as 11 and 000 need a blank between
them. CTC aligns the steps' outputs with the labels (Graves, Fernández, Gomez,
Schmidhuber, ICML 2006).

    C1 5×5 → S2 2×2 → C3 3×3, 3×3 → S4 2×2 (1 column apart) → C5 3×3, 3×3 → F6 1×9 → logits

    python -m pipeline.networks.lenet5_field     # prints the table of layers, 277,776 parameters
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

from pipeline.networks.lenet5 import LayerRow, format_table
from serving.decoding.alphabet import DIGITS, EITHER, Alphabet
from serving.images.field import HEIGHT
from serving.manifest import Sliding

ALPHABET: Final = Alphabet(
    DIGITS + ".,/-x"
)  # that a training from scratch teaches; "x" stands for cents left out
CLASSES: Final = ALPHABET.blank + 1
POINTS: Final = ".,"  # the marks that `EITHER` stands for

# name, kernel rows and columns, filters; 2×2 subsampling after the layers in `_SUBSAMPLED`
_LAYERS: Final = (  # before the logits
    ("c1", (5, 5), 20),
    ("c3a", (3, 3), 40),
    ("c3b", (3, 3), 56),
    ("c5a", (3, 3), 80),
    ("c5b", (3, 3), 120),
    ("f6", (1, 9), 112),
)
_SUBSAMPLED: Final = {"c1": ("s2", (2, 2)), "c3b": ("s4", (2, 1))}  # name, rows and columns between windows

# The first step is centered on the first column of ink, the last step on the last column.
SLIDING: Final = Sliding(
    height=HEIGHT, receptive=40, stride=2, left=20, right=20, bucket=16, slants=(0.0, 0.12, -0.12)
)


def translate(text: str, alphabet: Alphabet) -> str:
    """Writes a text in an alphabet's symbols.

    A point or comma that the alphabet lacks becomes `EITHER`; what else it lacks is left out.
    """
    either = EITHER if EITHER in alphabet.symbols else ""
    return "".join(char if char in alphabet.symbols else either if char in POINTS else "" for char in text)


def classes(text: str, alphabet: Alphabet) -> tuple[int, ...]:
    """Returns the classes of a text as `translate` writes it."""
    return alphabet.labels(translate(text, alphabet))


def build(keras: ModuleType, classes: int, normalized: bool = True) -> Any:
    """Builds a model `image` float32 [N, 32, W, 1] → logits float32 [N, T, K], T = (W − 40) // 2 + 1.

    Args:
        keras: `keras` or `tf_keras`.
        classes: K, an alphabet's symbols and the blank.
        normalized: with batch normalization after the convolutions (Ioffe, Szegedy, ICML 2015), which
            training from scratch needs; `fold` takes it into the weights.
    """
    layers = keras.layers
    x = image = keras.Input((HEIGHT, None, 1), name="image")
    for name, kernel, filters in _LAYERS:
        if normalized:
            x = layers.Conv2D(filters, kernel, use_bias=False, name=name)(x)
            x = layers.BatchNormalization(momentum=0.98, name=f"{name}_norm")(x)
            x = layers.ReLU(name=f"{name}_relu")(x)
        else:
            x = layers.Conv2D(filters, kernel, activation="relu", name=name)(x)
        if name in _SUBSAMPLED:
            subsample, strides = _SUBSAMPLED[name]
            x = layers.MaxPooling2D(2, strides=strides, name=subsample)(x)
    x = layers.Conv2D(classes, 1, name="logits", dtype="float32")(x)
    return keras.Model(
        image, layers.Reshape((-1, classes), name="steps", dtype="float32")(x), name="lenet5-field"
    )


def fold(keras: ModuleType, model: Any) -> Any:
    """Folds batch normalization into the convolutions; returns a new model that computes the same function."""
    plain = build(keras, model.output_shape[-1], normalized=False)
    for name, _, _ in _LAYERS:
        (kernel,) = model.get_layer(name).get_weights()
        norm = model.get_layer(f"{name}_norm")
        gamma, beta, mean, variance = norm.get_weights()
        scale = gamma / (variance + norm.epsilon) ** 0.5
        plain.get_layer(name).set_weights([kernel * scale, beta - mean * scale])
    plain.get_layer("logits").set_weights(model.get_layer("logits").get_weights())
    return plain


def deployable(keras: ModuleType, model: Any) -> Any:
    """Builds the network to release, with softmax at the end.

    Args:
        keras: the module that `model` was built with.
        model: a model without batch normalization; it is not changed.

    Returns:
        A model `image` float32 [N, 32, W, 1] → `probabilities` float32 [N, T, K].
    """
    copy = build(keras, model.output_shape[-1], normalized=False)
    copy.set_weights(model.get_weights())
    return keras.Model(
        copy.input, keras.layers.Softmax(name="probabilities")(copy.output), name="lenet5-field"
    )


def table(width: int = 128, classes: int = CLASSES) -> list[LayerRow]:
    """Computes shape, parameters, multiply-accumulates and receptive field per layer, for `width` columns.

    Parameters are the folded network's; the receptive field is that of the columns.
    """
    rows = []
    channels, high, wide, field, step = 1, HEIGHT, width, 1, 1
    for name, (kernel_rows, kernel_columns), filters in (*_LAYERS, ("logits", (1, 1), classes)):
        field += (kernel_columns - 1) * step
        high, wide = high - kernel_rows + 1, wide - kernel_columns + 1
        weights = kernel_rows * kernel_columns * channels
        macs = weights * filters * high * wide
        rows.append(
            LayerRow(name, "convolution", (high, wide, filters), (weights + 1) * filters, macs, field)
        )
        channels = filters
        if name in _SUBSAMPLED:
            subsample, (_, columns) = _SUBSAMPLED[name]
            field += step
            step *= columns
            high, wide = high // 2, wide // 2 if columns == 2 else wide - 1
            rows.append(LayerRow(subsample, "max pooling", (high, wide, channels), 0, 0, field))
    return rows


if __name__ == "__main__":
    print(format_table(table()))
