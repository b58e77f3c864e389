"""LeNet-5, whole, in one file: the view that is trained.

LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document
Recognition (Proc. IEEE 86(11), 1998), section II-B, with the full C3
connectivity that every descendant uses: 61,706 parameters.

    C1 5×5 → S2 2×2 → C3 5×5 → S4 2×2 → C5 → F6 → logits

Averages, and the activation after them (as in 1998), fold into the convolutions before them
(`pipeline.networks.folded`): that is the view that is deployed.

C1 is padded, so a 28×28 picture takes the place of the paper's 32×32. C5 sees
a 5×5 map through 5×5 kernels: it is a convolution and a dense layer at once,
and is written as the dense layer, which every runtime computes faster.

    python -m pipeline.networks.lenet5        # prints the table of layers, 61,706 parameters
"""

from __future__ import annotations

import dataclasses
from types import ModuleType
from typing import Any

from pipeline.config import Lenet5Options

CLASSES = 10
SIDE = 28
LAYERS = ("c1", "s2", "c3", "s4", "c5", "f6", "logits")


def build(keras: ModuleType, options: Lenet5Options = Lenet5Options()) -> Any:
    """Builds the network from pixels to logits.

    Args:
        keras: the module to build with: Keras 3, or the legacy `tf_keras` that
            tensorflow-model-optimization needs. Both give the same network.
        options: pooling, activation and their order.

    Returns:
        A functional model `image` float32 [N, 28, 28, 1] → `logits` float32 [N, 10].
    """
    layers = keras.layers
    pool = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}[options.pooling]
    early, late = (options.activation, None) if options.activate == "before" else (None, options.activation)

    def subsample(x: Any, name: str) -> Any:
        x = pool(2, name=name)(x)  # [N, H, W, C] → [N, H/2, W/2, C]
        return x if late is None else layers.Activation(late, name=f"{name}_{late}")(x)

    image = keras.Input((SIDE, SIDE, 1), name="image")
    x = layers.Conv2D(6, 5, padding="same", activation=early, name="c1")(image)  # [N, 28, 28, 6]
    x = subsample(x, "s2")  # [N, 14, 14, 6]
    x = layers.Conv2D(16, 5, activation=early, name="c3")(x)  # [N, 10, 10, 16]
    x = subsample(x, "s4")  # [N, 5, 5, 16]
    x = layers.Flatten(name="flatten")(x)  # [N, 400]
    x = layers.Dense(120, activation=options.activation, name="c5")(x)
    x = layers.Dense(84, activation=options.activation, name="f6")(x)
    x = layers.Dense(CLASSES, name="logits")(x)
    return keras.Model(image, x, name="lenet5")


def deployable(keras: ModuleType, model: Any, temperature: float) -> Any:
    """Builds the network to release: temperature folded into the last layer, softmax at the end.

    Args:
        keras: the module that `model` was built with.
        model: a model of `build`; it is not changed.
        temperature: divides the logits (Guo et al. 2017, temperature scaling).

    Returns:
        A model `image` float32 [N, 28, 28, 1] → `probabilities` float32 [N, 10].
    """
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    last = copy.get_layer("logits")
    last.set_weights([weight / temperature for weight in last.get_weights()])
    probabilities = keras.layers.Softmax(name="probabilities")(copy.output)
    return keras.Model(copy.input, probabilities, name="lenet5")


@dataclasses.dataclass(frozen=True)
class LayerRow:
    """A row of the table of layers; counts are for one picture."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    multiply_accumulates: int
    receptive_field: int


def table(options: Lenet5Options = Lenet5Options()) -> list[LayerRow]:
    """Computes shape, parameters `(Wk·Hk·Cin+1)·Cout`, multiply-accumulates and receptive field per layer.

    Derived from the architecture's numbers alone, so that it can be checked
    against what Keras counts. The receptive field is in pixels of the padded
    32×32 input and grows as `field += (kernel − 1)·stride_so_far`.
    """
    rows = []
    channels, side, field, stride = 1, SIDE, 1, 1
    for name, kind, kernel, out, padding in (
        ("c1", "convolution", 5, 6, 2),
        ("s2", f"{options.pooling} pooling", 2, 6, 0),
        ("c3", "convolution", 5, 16, 0),
        ("s4", f"{options.pooling} pooling", 2, 16, 0),
        ("c5", "dense (5×5 convolution)", 5, 120, 0),
        ("f6", "dense", 1, 84, 0),
        ("logits", "dense", 1, CLASSES, 0),
    ):
        field += (kernel - 1) * stride
        if "pooling" in kind:
            side, stride, parameters, macs = side // 2, stride * 2, 0, 0
        else:
            side = side + 2 * padding - kernel + 1
            parameters = (kernel * kernel * channels + 1) * out
            macs = kernel * kernel * channels * out * side * side
        shape = (side, side, out) if side > 1 else (out,)
        rows.append(LayerRow(name, kind, shape, parameters, macs, min(field, 32)))
        channels = out
    return rows


def format_table(rows: list[LayerRow]) -> str:
    """Formats the table of layers as text, with totals."""
    lines = [f"{'layer':7} {'kind':24} {'shape':12} {'parameters':>10} {'MACs':>8} {'field':>6}"]
    for row in rows:
        shape = "×".join(map(str, row.shape))
        lines.append(
            f"{row.name:7} {row.kind:24} {shape:12} {row.parameters:10,} "
            f"{row.multiply_accumulates:8,} {row.receptive_field:3}×{row.receptive_field}"
        )
    parameters = sum(row.parameters for row in rows)
    macs = sum(row.multiply_accumulates for row in rows)
    lines.append(f"{'total':7} {'':24} {'':12} {parameters:10,} {macs:8,}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(format_table(table()))
