"""Lays out an integer network for the exported C: which kernel computes each layer, and where in memory.

The kernels in `c/` are short and fast because they assume things of the network. `layout` checks each of them,
and refuses a network that lacks one by the layer's name.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from pipeline.networks import integer_reference
from pipeline.networks.integer_reference import Layer, Reference, Unsupported
from pipeline.networks.lenet5 import SIDE

Kernel = Literal["convolution", "convolution_max_pool", "average_pool", "dense", "logits"]

BLOCK: Final = (
    64  # the longest vector of bytes that a processor multiplies; memory is laid out in its multiples
)
WORD: Final = 8  # bytes that are copied at a time
PATCHES: Final = 4  # pixels that share a weight
_CONVOLUTIONS: Final = ("convolution", "convolution_max_pool")


@dataclasses.dataclass(frozen=True)
class Step:
    """One call of a kernel.

    Attributes:
        kernel: the kernel's name, without its prefix.
        layer: the layer's integers; of a convolution with maximum pooling the convolution's.
        source, target: rows, columns and channels that it reads and writes.
        positions: how often each filter is applied; 0 for average pooling.
        input, output, patches: where in the arena its input, its output and four windows lie, in bytes.
    """

    kernel: Kernel
    layer: Layer
    source: tuple[int, int, int]
    target: tuple[int, int, int]
    positions: int = 0
    input: int = 0
    output: int = 0
    patches: int = 0

    @property
    def taps(self) -> int:
        """Weights of each filter; 0 for pooling."""
        return self.layer.weights[0].size if self.layer.weights.size else 0

    @property
    def multiply_accumulates(self) -> int:
        """Multiply-accumulates for one picture; 0 for pooling."""
        return self.positions * self.layer.weights.size

    @property
    def input_bytes(self) -> int:
        """Bytes of its input, with the zeros and the rest of a word that may be read behind it."""
        return _blocks(math.prod(self.source) + WORD - 1)

    @property
    def output_bytes(self) -> int:
        """Bytes of its output, likewise."""
        return _blocks(math.prod(self.target) + WORD - 1)


@dataclasses.dataclass(frozen=True)
class Layout:
    """All steps in order, and the memory that they share.

    Attributes:
        steps: in order; the first reads the framed picture.
        patch: bytes from one of the four windows to the next.
        arena: bytes of memory.
    """

    steps: tuple[Step, ...]
    patch: int
    arena: int

    @property
    def constants(self) -> int:
        """Bytes of weights, biases, multipliers and shifts."""
        return sum(array.nbytes for step in self.steps for array in constants(step.layer).values())


def constants(layer: Layer) -> dict[str, npt.NDArray[np.integer]]:
    """Returns a layer's arrays as the kernels take them, by name; none for pooling.

    A shift is to the right and 1 less than TensorFlow Lite's: the kernels take the upper 32 bits of a product.
    """
    if not layer.weights.size:
        return {}
    multiplier, shift = integer_reference.multipliers(layer)
    shift = np.where(multiplier == 0, -2, shift)  # a filter that gives 0 whatever it is shifted by
    if layer.kind == "conv":  # a dense layer's may have one multiplier in all
        multiplier, shift = (np.broadcast_to(values, len(layer.weights)) for values in (multiplier, shift))
    return {
        "weights": layer.weights.reshape(-1),
        "bias": layer.bias,
        "multipliers": multiplier.astype(np.int32),
        "shifts": (-shift - 1).astype(np.uint8),
    }


def layout(network: Reference) -> Layout:
    """Chooses the kernels, and places what they read and write.

    Outputs alternate between the bottom and the top of the arena, and a convolution's windows lie between its input
    and its output. The first output may overwrite rows of the picture that no later window needs.

    Raises:
        Unsupported: the kernels do not compute this network; the message names the layer and the reason.
    """
    steps = tuple(_steps(network))
    convolutions = [step for step in steps if step.kernel in _CONVOLUTIONS]
    patch = max((_patch_bytes(step) for step in convolutions), default=0)
    placed = [_first(steps[0], patch)]
    arena = max(
        placed[0].patches + PATCHES * patch,
        *(step.input_bytes + _windows(step, patch) + step.output_bytes for step in steps[1:]),
    )
    for index, step in enumerate(steps[1:], 1):
        bottom, top = (
            (step.output_bytes, step.input_bytes) if index % 2 == 0 else (step.input_bytes, step.output_bytes)
        )
        ends = (0, arena - top)
        output, source = ends if index % 2 == 0 else ends[::-1]
        placed.append(dataclasses.replace(step, input=source, output=output, patches=bottom))
    return Layout(tuple(placed), patch, arena)


def check_digit(network: Reference) -> None:
    """Refuses a field's network, as the formats for microcontrollers do.

    Raises:
        Unsupported: the network reads pictures of any width.
    """
    if network.task.width is None:
        raise Unsupported(
            "C: a network that slides over fields of any width is not written, only the digit's"
        )


def _blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _patch_bytes(step: Step) -> int:
    """Returns the bytes of a window in memory: its own, and what the last word has too much."""
    row = step.layer.window[1] * step.source[2]
    return _blocks(step.taps + -row % WORD)


def _windows(step: Step, patch: int) -> int:
    return PATCHES * patch if step.kernel in _CONVOLUTIONS else 0


def _first(step: Step, patch: int) -> Step:
    """Places the first convolution: its output at the bottom, then as near as can be the picture, then the windows."""
    pixels = 1 if step.kernel == "convolution_max_pool" else PATCHES
    rows_each = step.layer.stride[0] * (2 if step.kernel == "convolution_max_pool" else 1)
    _, columns, filters = step.target
    line = step.source[1] * step.source[2]
    # When an output is written, the next window begins at or after this row of the picture.
    picture = max(
        index * filters - index // columns * rows_each * line
        for index in range(pixels, math.prod(step.target[:2]), pixels)
    )
    picture = max(picture, step.output_bytes - step.input_bytes, 0)
    return dataclasses.replace(step, input=picture, patches=_blocks(picture + step.input_bytes))


def _steps(network: Reference) -> Iterator[Step]:
    """Yields the kernels' calls, not yet placed."""
    check_digit(network)
    layers = network.layers
    above, below, before, after = layers[0].padding
    source = (SIDE + above + below, SIDE + before + after, 1)
    index = 0
    while index < len(layers):
        layer, following = layers[index], layers[index + 1 : index + 2]
        last, first = index == len(layers) - 1, index == 0
        _check(layer, first, last)
        rows, columns, channels = layer.shape if len(layer.shape) == 3 else (1, 1, *layer.shape)
        target = (rows, columns, channels)
        if layer.kind == "conv" and following and following[0].kind == "max_pool":
            _check_max_pool(following[0], target)
            pooled = (rows // 2, columns // 2, channels)
            yield Step("convolution_max_pool", layer, source, pooled, rows * columns)
            target = pooled
            index += 1
        elif layer.kind == "conv":
            yield Step("convolution", layer, source, target, rows * columns)
        elif layer.kind == "average_pool":
            yield Step("average_pool", layer, source, target)
        else:
            yield Step("logits" if last else "dense", layer, (1, 1, math.prod(source)), target, 1)
        source = target
        index += 1


def _check(layer: Layer, first: bool, last: bool) -> None:
    """Refuses a layer that breaks an assumption of the kernels."""
    if first and layer.kind != "conv":
        _refuse(layer, f"a first layer of kind {layer.kind}; it is a convolution")
    if last and layer.kind != "dense":
        _refuse(layer, f"a last layer of kind {layer.kind}; it is a dense one")
    if layer.kind == "max_pool":
        _refuse(layer, "maximum pooling that does not follow a convolution")
    if layer.input.zero_point != -128:
        _refuse(layer, f"an input with the zero point {layer.input.zero_point}; it is -128")
    clamp = (layer.low, layer.high)
    if clamp != (-128, 127) or (not last and layer.output.zero_point != -128):
        _refuse(
            layer,
            f"a clamp to {layer.low}…{layer.high} where the zero point is {layer.output.zero_point}; "
            + ("it is -128…127" if last else "ReLU's is -128…127 at -128"),
        )
    if len(set(layer.window)) > 1 or len(set(layer.stride)) > 1:
        _refuse(layer, f"a window {times(layer.window)} with stride {times(layer.stride)}; both are square")
    if any(layer.padding) and not first:
        _refuse(layer, "padding; only the first layer has it")
    if layer.weights.size:
        _check_numbers(layer, last)


def _check_numbers(layer: Layer, last: bool) -> None:
    """Refuses weights and scales that the kernels' arithmetic does not fit."""
    if layer.kind == "dense" and not last and len(layer.weights) % 4:
        _refuse(layer, f"{len(layer.weights)} outputs; they are computed four at a time")
    sums = 255 * np.abs(layer.weights.reshape(len(layer.weights), -1).astype(np.int64)).sum(1)
    if (sums + np.abs(layer.bias.astype(np.int64))).max() >= 2**30:
        _refuse(layer, "sums of more than 30 bits")
    multiplier, shift = integer_reference.multipliers(layer)
    wrong = shift[(multiplier != 0) & ((shift > -2) | (shift < -31))]
    if wrong.size:
        _refuse(layer, f"an output that is scaled by 2^{wrong[0]}; it is scaled down, by 2^-2 to 2^-31")


def _check_max_pool(layer: Layer, source: Sequence[int]) -> None:
    """Refuses maximum pooling other than of 2×2 pixels, without a rest and without a clamp of its own."""
    if (layer.low, layer.high) != (-128, 127):
        _refuse(layer, f"a clamp to {layer.low}…{layer.high}; the convolution has the ReLU")
    if (layer.window, layer.stride) != ((2, 2), (2, 2)) or source[0] % 2 or source[1] % 2:
        _refuse(
            layer,
            f"maximum pooling of {times(source[:2])} pixels by {times(layer.window)} with stride "
            f"{times(layer.stride)}; it is by 2×2, without a rest",
        )


def times(sides: Sequence[int]) -> str:
    """Formats sides as 28×28."""
    return "×".join(map(str, sides))


def _refuse(layer: Layer, feature: str) -> None:
    raise Unsupported(f"layer {layer.name}: C is not written for {feature}")
