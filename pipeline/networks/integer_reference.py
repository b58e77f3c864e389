"""Computes the integer network in NumPy, as the reference for every 8-bit artifact.

Weights, scales, zero points and fused activations are read from the int8
`.tflite` itself, by the graph and never by a tensor's name. The other 8-bit
writers (ONNX, Keras, C) start from the same `Reference`, so that there is one
set of integers.

There are two ways of rounding, and both are computed exactly:

    tflm     TensorFlow Lite Micro: gemmlowp's double rounding in every layer
             (MultiplyByQuantizedMultiplier, TFLITE_SINGLE_ROUNDING = 0)
    litert   LiteRT's reference kernels: the same in convolutions, but the dense
             layers round(accumulator · scale) once, in double precision

They differ by one unit in the last place, in a few pictures of a hundred.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Final, Literal, NoReturn

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from pipeline.networks.check_fields import GridNetwork
from pipeline.networks.lenet5 import SIDE
from pipeline.networks.spec import DIGIT, TASKS, Task
from serving.errors import CheckreaderError

Int8 = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float32]
Mode = Literal["tflm", "litert"]
Kind = Literal["conv", "max_pool", "average_pool", "dense"]

CHUNK: Final = 500  # pictures of 28×28 at a time: the unfolded convolutions stay under 150 MB
_KINDS: Final[dict[str, Kind]] = {
    "CONV_2D": "conv",
    "MAX_POOL_2D": "max_pool",
    "AVERAGE_POOL_2D": "average_pool",
    "FULLY_CONNECTED": "dense",
}
_RESHAPING: Final = ("RESHAPE", "SQUEEZE")  # they leave the integers as they are


def _names(enum: type) -> dict[int, str]:
    return {number: name for name, number in vars(enum).items() if isinstance(number, int)}


_OPERATORS: Final = _names(schema.BuiltinOperator)
_TYPES: Final = _names(schema.TensorType)
_ACTIVATIONS: Final = _names(schema.ActivationFunctionType)


class Unsupported(CheckreaderError):
    """A format does not support an operator or option of the network; the message names it."""


@dataclasses.dataclass(frozen=True)
class Scale:
    """real = (integer − zero_point) · scale; `scale` is a float32's value."""

    scale: float
    zero_point: int


@dataclasses.dataclass(frozen=True, eq=False)
class Layer:
    """One operator of the integer network.

    Attributes:
        name: one of the task's.
        kind: the operation.
        input, output: the scales of its input and output.
        low, high: bounds that clamp the output; a fused ReLU is `low` = zero point.
        shape: of the output, [H, W, C] or [C]; −1 is any size.
        window, stride: of convolution and pooling, (rows, columns).
        padding: rows above, below, columns left, right.
        weights: int8 [Cout, rows, columns, Cin] or [Cout, Cin]; zero point 0. Empty for pooling.
        weight_scales: float32 [1] or [Cout].
        bias: int32 [Cout], in units of input scale · weight scale.
    """

    name: str
    kind: Kind
    input: Scale
    output: Scale
    low: int
    high: int
    shape: tuple[int, ...]
    window: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    weights: Int8 = dataclasses.field(default_factory=lambda: np.zeros(0, np.int8))
    weight_scales: Floats = dataclasses.field(default_factory=lambda: np.zeros(0, np.float32))
    bias: npt.NDArray[np.int32] = dataclasses.field(default_factory=lambda: np.zeros(0, np.int32))


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
    """The integer network: its layers in order, and its task."""

    layers: tuple[Layer, ...]
    task: Task = DIGIT

    @property
    def input(self) -> Scale:
        """The pixels' scale: 1/255 and −128, so that the integer is pixel − 128."""
        return self.layers[0].input

    @property
    def output(self) -> Scale:
        """The logits' scale; it includes the temperature."""
        return self.layers[-1].output

    @property
    def classes(self) -> int:
        """How many logits a picture, a step or a part has."""
        network = self.task.network
        return len(self.layers[-1].weights) // (network.parts if isinstance(network, GridNetwork) else 1)


def logits(reference: Reference, pixels: npt.NDArray[np.uint8], mode: Mode = "tflm") -> Int8:
    """Computes int8 [N, 10] from uint8 pixels [N, 28, 28], or [N, T, K] from a field's [N, 32, W]; 0 = paper."""
    last = activations(reference, pixels, mode)[reference.layers[-1].name]
    return last.reshape(reference.task.output_shape(len(pixels), pixels.shape[2], reference.classes))


def activations(
    reference: Reference, pixels: npt.NDArray[np.uint8], mode: Mode = "tflm", chunk: int = CHUNK
) -> dict[str, Int8]:
    """Computes every layer's output, int8 [N, H, W, C] or [N, C], by name and in order.

    Args:
        reference: the network.
        pixels: uint8 [N, 28, 28] or [N, 32, W].
        mode: how to round.
        chunk: how many pictures of 28×28, or as many pixels, to compute at a time.
    """
    size = max(1, chunk * SIDE**2 // (pixels.shape[1] * pixels.shape[2]))
    chunks = [
        _run(reference, pixels[start : start + size], mode) for start in range(0, max(len(pixels), 1), size)
    ]
    return {name: np.concatenate([outputs[name] for outputs in chunks]) for name in chunks[0]}


def _run(reference: Reference, pixels: npt.NDArray[np.uint8], mode: Mode) -> dict[str, Int8]:
    x = (pixels[..., None].astype(np.int16) - 128).astype(np.int8)
    outputs = {}
    for layer in reference.layers:
        x = _POOL[layer.kind](layer, x) if layer.kind in _POOL else _multiply(layer, x, mode)
        outputs[layer.name] = x
    return outputs


def _multiply(layer: Layer, x: Int8, mode: Mode) -> Int8:
    """Computes a convolution or dense layer: exact accumulators, then the mode's rounding."""
    matrix = layer.weights.reshape(len(layer.weights), -1).T
    # Sums of integers below 2^24 are exact in float32, in whatever order BLAS adds them.
    small = 255 * int(np.abs(matrix.astype(np.int64)).sum(0).max()) < 2**24
    dtype = np.float32 if small else np.float64
    centered = x.astype(dtype) - layer.input.zero_point
    if layer.kind == "conv":
        up, down, left, right = layer.padding
        centered = np.pad(centered, ((0, 0), (up, down), (left, right), (0, 0)))
        columns = _windows(layer, centered).transpose(0, 1, 2, 4, 5, 3)  # [N, H, W, rows, columns, C]
        shape = columns.shape[:3]
    else:
        columns, shape = centered, (len(x),)
    sums = columns.reshape(-1, len(matrix)) @ matrix.astype(dtype)  # one large product, not many small ones
    sums = sums.reshape(*shape, len(layer.weights)).astype(np.int64) + layer.bias
    if mode == "litert" and layer.kind == "dense":
        exact = sums * (layer.input.scale * layer.weight_scales.astype(np.float64) / layer.output.scale)
        scaled = np.trunc(exact + np.copysign(0.5, exact)).astype(np.int64)
    else:
        multiplier, shift = multipliers(layer)
        scaled = requantize(sums, multiplier, shift)
    return _clamp(layer, scaled + layer.output.zero_point)


def multipliers(layer: Layer) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns each output channel's fixed-point multiplier in [2^30, 2^31) and left shift, as TFLM prepares them."""
    if layer.kind == "dense":
        # Here TFLM multiplies the two float32 scales as floats, in convolutions as doubles.
        product = (np.float32(layer.input.scale) * layer.weight_scales).astype(np.float64)
    else:
        product = layer.input.scale * layer.weight_scales.astype(np.float64)
    pairs = [_fixed_point(real / layer.output.scale) for real in product]
    return np.array([pair[0] for pair in pairs], np.int64), np.array([pair[1] for pair in pairs], np.int64)


def _fixed_point(real: float) -> tuple[int, int]:
    """Computes TensorFlow Lite's QuantizeMultiplier."""
    fraction, shift = math.frexp(real)
    fixed = math.floor(fraction * 2**31 + 0.5)
    if fixed == 2**31:
        fixed, shift = fixed // 2, shift + 1
    return (0, 0) if shift < -31 else (fixed, shift)


def requantize(
    sums: npt.NDArray[np.int64], multiplier: npt.NDArray[np.int64], shift: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Computes gemmlowp's MultiplyByQuantizedMultiplier: sums · multiplier · 2^(shift − 31), rounded twice.

    Args:
        sums: int32 values [..., C].
        multiplier, shift: [C] or [1], from `multipliers`.
    """
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    product = (sums << left) * multiplier
    product += np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = (product + np.where(product < 0, (1 << 31) - 1, 0)) >> 31  # toward zero, as C divides
    mask = (1 << right) - 1
    threshold = (mask >> 1) + (high < 0)
    return (high >> right) + ((high & mask) > threshold)


def _windows(layer: Layer, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Returns a view of all windows: [N, H, W, C] → [N, H', W', C, rows, columns]."""
    view = np.lib.stride_tricks.sliding_window_view(x, layer.window, axis=(1, 2))
    return view[:, :: layer.stride[0], :: layer.stride[1]]


def _max_pool(layer: Layer, x: Int8) -> Int8:
    return _clamp(layer, _windows(layer, x).max(axis=(4, 5)))


def _average_pool(layer: Layer, x: Int8) -> Int8:
    """Averages the integers and rounds halves away from zero."""
    total = _windows(layer, x).sum(axis=(4, 5), dtype=np.int32)
    count = layer.window[0] * layer.window[1]
    return _clamp(layer, np.sign(total) * ((np.abs(total) + count // 2) // count))


_POOL: Final = {"max_pool": _max_pool, "average_pool": _average_pool}


def _clamp(layer: Layer, x: npt.NDArray[Any]) -> Int8:
    clamped: Int8 = np.clip(x, layer.low, layer.high).astype(np.int8)
    return clamped


def operators(tflite: bytes) -> tuple[str, ...]:
    """Lists the different operators of a `.tflite` that `load` reads, in the order of their first use."""
    return tuple(dict.fromkeys(operator_names(schema.ModelT.InitFromPackedBuf(tflite, 0))))


def operator_names(model: Any) -> list[str]:
    """Names each operator of a model (`ModelT`) in order; a custom one has its own name."""
    codes = [model.operatorCodes[node.opcodeIndex] for node in model.subgraphs[0].operators]
    return [
        code.customCode.decode()
        if code.customCode
        else _OPERATORS.get(code.builtinCode, f"number {code.builtinCode}")
        for code in codes
    ]


def load(tflite: bytes) -> Reference:
    """Reads the integer network from an int8 `.tflite`.

    Raises:
        CheckreaderError: not a TensorFlow Lite file, damaged, a float model, an
            operator or option that is not computed here (`Unsupported`), a
            dynamic shape, or not the layers of a digit's or a field's network.
    """
    if tflite[4:8] != b"TFL3":
        raise CheckreaderError("not a TensorFlow Lite file: its identifier TFL3 is missing")
    try:
        model = schema.ModelT.InitFromPackedBuf(tflite, 0)
        return _read(model)
    except CheckreaderError:
        raise
    # The flatbuffer library checks nothing: damage shows as whatever error Python meets first.
    except Exception as error:
        raise CheckreaderError(f"damaged TensorFlow Lite file ({type(error).__name__}: {error})") from None


def _read(model: Any) -> Reference:
    graph = model.subgraphs[0]
    names = operator_names(model)
    if len(model.subgraphs) != 1 or len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise CheckreaderError("expected one graph with one input and one output")
    source = graph.inputs[0]
    if (kind := _TYPES[graph.tensors[source].type]) != "INT8":
        raise CheckreaderError(f"the input is {kind}, expected INT8: not an integer model")
    for operator in names:
        if operator not in _KINDS and operator not in _RESHAPING:
            raise Unsupported(
                f"operator {operator} is not computed by the integer reference; it has "
                f"{', '.join((*_KINDS, *_RESHAPING))}"
            )
    tasks = _tasks(graph.tensors[source])
    task = next((task for task in tasks if _filters(task) == _filters_of(model, graph)), tasks[0])
    layer_names = task.layers(sum(operator in _KINDS for operator in names))
    layers: list[Layer] = []
    for operator, entry in zip(names, graph.operators, strict=True):
        if entry.inputs[0] != source:
            raise CheckreaderError(f"operator {operator} does not follow the one before it: not a chain")
        if operator in _KINDS:
            layers.append(_layer(layer_names[len(layers)], _KINDS[operator], model, entry))
        source = entry.outputs[0]
    if source != graph.outputs[0]:
        raise CheckreaderError("the last operator is not the output")
    reference = Reference(tuple(layers), task)
    if not math.isclose(reference.input.scale, 1 / 255, rel_tol=1e-6) or reference.input.zero_point != -128:
        raise CheckreaderError(f"the input is quantized as {reference.input}, expected 1/255 and -128")
    return reference


def _tasks(image: Any) -> list[Task]:
    """Returns the tasks whose networks have an input of this shape."""
    shape = tuple(int(side) for side in _signature(image))
    tasks = [task for task in TASKS.values() if shape == (1, task.height, task.width or -1, 1)]
    if tasks:
        return tasks
    if -1 in shape:
        raise CheckreaderError(
            f"dynamic shape {list(shape)}: expected a static batch of 1, free in nothing but a field's width"
        )
    shapes = dict.fromkeys(str([1, task.height, task.width or -1, 1]) for task in TASKS.values())
    raise CheckreaderError(f"the input is {list(shape)}, expected {' or '.join(shapes)}")


def _filters(task: Task) -> list[int]:
    """Returns the filters of a sliding network's convolutions before the logits; none for a digit's."""
    return [filters for _, _, filters in task.network.layers] if task.network else []


def _filters_of(model: Any, graph: Any) -> list[int]:
    """Returns the filters of a graph's convolutions but the last."""
    operators = zip(operator_names(model), graph.operators, strict=True)
    kernels = [entry.inputs[1] for operator, entry in operators if _KINDS.get(operator) == "conv"]
    return [int(graph.tensors[kernel].shape[0]) for kernel in kernels[:-1]]


def _layer(name: str, kind: Kind, model: Any, entry: Any) -> Layer:
    def refuse(feature: str) -> NoReturn:
        raise Unsupported(f"layer {name}: {feature} is not computed by the integer reference")

    tensors, options = model.subgraphs[0].tensors, entry.builtinOptions
    source, target = tensors[entry.inputs[0]], tensors[entry.outputs[0]]
    for tensor in (source, target):
        if (dtype := _TYPES[tensor.type]) != "INT8":
            refuse(f"an activation of type {dtype}")
    output = _scale(target)
    low, high = -128, 127
    match _ACTIVATIONS[options.fusedActivationFunction]:
        case "NONE":
            pass
        case "RELU":
            low = max(low, output.zero_point)
        case "RELU6":
            low = max(low, output.zero_point)
            high = min(high, output.zero_point + math.floor(6 / output.scale + 0.5))
        case other:
            refuse(f"the fused activation {other}")
    layer = Layer(name, kind, _scale(source), output, low, high, _shape(target))
    if kind in ("conv", "dense"):
        weights = tensors[entry.inputs[1]]
        # The converter leaves out a bias of zeros.
        bias = tensors[entry.inputs[2]] if entry.inputs[2] >= 0 else None
        for tensor, expected in ((weights, "INT8"), (bias, "INT32")):
            if tensor is not None and (dtype := _TYPES[tensor.type]) != expected:
                refuse(f"a constant of type {dtype}")
        if any(weights.quantization.zeroPoint) or weights.quantization.quantizedDimension != 0:
            refuse("an asymmetric weight")
        layer = dataclasses.replace(
            layer,
            weights=_constant(model, weights, np.int8),
            weight_scales=np.array(weights.quantization.scale, np.float32),
            bias=np.zeros(weights.shape[0], np.int32) if bias is None else _constant(model, bias, np.int32),
        )
    elif layer.input != layer.output:
        refuse("pooling between two different scales")
    if kind == "dense":
        return layer
    rows, columns = (
        layer.weights.shape[1:3] if kind == "conv" else (options.filterHeight, options.filterWidth)
    )
    layer = dataclasses.replace(layer, window=(rows, columns), stride=(options.strideH, options.strideW))
    if kind == "conv" and (options.dilationHFactor, options.dilationWFactor) != (1, 1):
        refuse("dilation")
    if options.padding == schema.Padding.VALID:
        return layer
    sides = _shape(source)[:2]
    if min(sides) < 0:
        refuse("padding of any width")
    padding = same_padding(layer, sides)
    if kind != "conv" and any(padding):
        refuse("padded pooling")
    return dataclasses.replace(layer, padding=padding)


def same_padding(layer: Layer, sides: Sequence[int]) -> tuple[int, int, int, int]:
    """Computes the padding that TensorFlow calls "same".

    Args:
        layer: a convolution or pooling layer, for its window and stride.
        sides: rows and columns of its input.

    Returns:
        Rows above, rows below, columns left, columns right.
    """
    padding = []
    for side, window, stride in zip(sides, layer.window, layer.stride, strict=True):
        total = max((math.ceil(side / stride) - 1) * stride + window - side, 0)
        padding += [total // 2, total - total // 2]
    up, down, left, right = padding
    return up, down, left, right


def _signature(tensor: Any) -> Any:
    return tensor.shapeSignature if tensor.shapeSignature is not None else tensor.shape


def _shape(tensor: Any) -> tuple[int, ...]:
    """Returns the shape without the batch, which `_task` checks."""
    return tuple(int(side) for side in _signature(tensor)[1:])


def _scale(tensor: Any) -> Scale:
    return Scale(float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0]))


def _constant(model: Any, tensor: Any, dtype: type) -> npt.NDArray[Any]:
    raw = np.asarray(model.buffers[tensor.buffer].data, np.uint8).tobytes()
    return np.frombuffer(raw, np.dtype(dtype).newbyteorder("<")).reshape(tensor.shape).astype(dtype)
