"""Runs any exported file, whatever runtime it needs.

    predictor         images → probabilities, as production computes them
    logit_predictor   pixels → int8 logits, for the 8-bit family
    layer_predictor   pixels → every layer's output, for `verify --explain`

Only the runtime of the format in question is imported, so that a process that runs
one format measures the costs of that format alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.networks.spec import TASKS, Task
from serving.errors import CheckreaderError
from serving.images.digit import tensor
from serving.runtime.network import softmax

if TYPE_CHECKING:
    from pipeline.export.formats import Format
    from pipeline.networks.integer_reference import Scale

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Int8 = npt.NDArray[np.int8]

BATCH: Final = 256  # pictures per call where a runtime takes many at once

# The operators that are a layer, by ONNX's names and by TensorFlow Lite's.
_LAYER_OPERATORS: Final = {
    *("Conv", "MaxPool", "AveragePool", "Gemm", "MatMul"),
    *("CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D", "FULLY_CONNECTED"),
}
_LAST: Final = "logits"  # the last layer of every view
# They move values or change their type; the layer that computed the values comes before them.
_PASSED: Final = {
    *("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Identity", "Cast"),
    *("DequantizeLinear", "Softmax", "RESHAPE", "TRANSPOSE", "SOFTMAX"),
}


def predictor(row: Format, path: Path, threads: int | None = None) -> Callable[[Floats], Floats]:
    """Loads a file for inference.

    Args:
        row: the file's row in the table of formats.
        path: the file.
        threads: threads inside an operator; None = as many as this process may use. Keras takes it only
            before TensorFlow has computed anything in this process.

    Returns:
        A function float32 [N, 28, 28, 1] → float32 [N, 10] probabilities, or, for fields, [N, 32, W, 1] →
        [N, T, K]; N ≥ 1.

    Raises:
        CheckreaderError: the runtime cannot load the file.
        RuntimeError: `threads` comes too late for TensorFlow.
    """
    if row.runtime == "keras":
        return _keras_predictor(_load_keras(path, threads))
    if row.runtime == "litert":
        from serving.runtime import litert

        return litert.load(path, threads).infer
    if row.runtime in ("c", "wasm"):
        from pipeline.export import compiled

        classifier = compiled.load(path)
        scale = np.float32(classifier.scale)
        return lambda image: softmax(classifier.logits(_pixels(image)).astype(np.float32) * scale)
    from serving.runtime import onnx

    network = onnx.load(path, threads)
    index = [output.name for output in network.outputs].index("probabilities")
    return lambda image: np.asarray(network.run(image)[index], np.float32)


def logit_predictor(row: Format, path: Path, scale: Scale) -> Callable[[Pixels], Int8]:
    """Loads an 8-bit file to compute its own integers: uint8 [N, 28, 28] → int8 [N, 10], or [N, 32, W] → [N, T, K].

    The ONNX graph keeps them inside as `logits_int8`; a copy in memory gets them as an output. The
    file runs with the optimizations that production uses.

    Args:
        row: the file's row in the table of formats.
        path: the file.
        scale: the logits'; Keras computes with real numbers on that grid.

    Raises:
        CheckreaderError: the runtime cannot load the file.
    """
    if row.runtime in ("c", "wasm"):
        from pipeline.export import compiled

        return compiled.load(path).logits
    if row.runtime == "litert":
        run, _ = _litert_runner(path.read_bytes())
        return lambda pixels: _in_batches(run, _centered(pixels), 1)[0]
    task = TASKS[row.task]
    if row.runtime == "onnxruntime":
        import onnx

        run_onnx = _onnx_runner(onnx.load(path), ["logits_int8"])

        def raw_logits(pixels: Pixels) -> Int8:
            return _in_batches(run_onnx, tensor(pixels), BATCH)[0]
    else:
        run_layers = _keras_activations(path, task)

        def raw_logits(pixels: Pixels) -> Int8:
            return _integers(run_layers(pixels)[_LAST], scale)

    def logits(pixels: Pixels) -> Int8:
        count, width = len(pixels), pixels.shape[2]
        raw = raw_logits(pixels)
        classes = task.output_classes(count, width, raw.size)
        shape = task.views[0](width, classes)[-1].shape  # every view ends in the same layer
        return _channels_last(raw, shape).reshape(task.output_shape(count, width, classes))

    return logits


def layer_predictor(row: Format, path: Path) -> Callable[[Pixels], dict[str, Floats]]:
    """Loads a file to compute every layer's output, as real values.

    A layer's output is the last tensor computed before the next layer begins, so its activation
    function is part of it, and 8-bit tensors are dequantized with their own scale. Tensors become
    outputs of a copy in memory, with the runtime's optimizations on: the same computation is compared
    that production runs.

    Args:
        row: the file's row in the table of formats.
        path: the file.

    Returns:
        A function uint8 [N, 28, 28] or [N, 32, W] → float32 [N, H, W, C] or [N, C] for each layer of the
        view that the file holds, in their order.

    Raises:
        CheckreaderError: the file does not hold a view's layers one after the other, or outputs none.
    """
    task = TASKS[row.task]
    if row.runtime in ("c", "wasm"):
        raise CheckreaderError(
            f"{row.name} shows no layers: it computes what the reference does, explain that"
        )
    readers = {"keras": _keras_activations, "litert": _litert_activations, "onnxruntime": _onnx_activations}
    run_layers = readers[row.runtime](path, task)

    def layer_outputs_of(pixels: Pixels) -> dict[str, Floats]:
        outputs = run_layers(pixels)
        count, width = len(pixels), pixels.shape[2]
        logits = outputs.get(_LAST)  # none: a file that `table` refuses
        classes = None if logits is None else task.output_classes(count, width, logits.size)
        table = task.table(len(outputs), width, classes)
        return {layer.name: _channels_last(outputs[layer.name], layer.shape) for layer in table}

    return layer_outputs_of


def layer_outputs(
    nodes: Iterable[tuple[str, Sequence[Any], Sequence[Any]]], end: Any, task: Task
) -> dict[str, Any]:
    """Finds each layer's output in a graph, by its operators instead of by tensors' names.

    Args:
        nodes: (operator, inputs, outputs) of every node, the data input first.
        end: the graph's last tensor.
        task: whose views name the layers.

    Returns:
        The tensor of each layer, in order.

    Raises:
        CheckreaderError: no view has as many layers.
    """
    producers = {targets[0]: (operator, inputs[0]) for operator, inputs, targets in nodes if len(inputs)}
    outputs: list[Any] = []  # from the last layer to the first
    output, quantized = None, False
    while end in producers:
        operator, source = producers[end]
        if operator == "DequantizeLinear" and quantized:
            output = None  # it was 8-bit before, and is quantized again only after it was moved
        if output is None and operator not in _PASSED:
            output, quantized = end, operator == "QuantizeLinear"
        elif operator not in _PASSED:
            quantized = False
        if operator in _LAYER_OPERATORS:
            outputs.append(output)
            output = None
        end = source
    return dict(zip(task.layers(len(outputs)), reversed(outputs), strict=True))


def _channels_last(values: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Turns [N, R·S·C, H/R, W/S], with R×S neighboring pixels as channels, into [N, H, W, C], and a 1×1 map into [N, C]."""
    if len(shape) == 3 and values.ndim == 4 and values.shape[1:] != shape:
        height, width = values.shape[2:]
        blocks = values.reshape(-1, shape[0] // height, shape[1] // width, shape[2], height, width)
        values = blocks.transpose(0, 4, 1, 5, 2, 3)
    return values.reshape(len(values), *shape)


def _in_batches(
    run: Callable[[Any], Sequence[npt.NDArray[Any]]], rows: Any, size: int
) -> list[npt.NDArray[Any]]:
    """Calls `run` with `size` rows at a time, and concatenates each of its outputs."""
    parts = [run(rows[start : start + size]) for start in range(0, len(rows), size)]
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def _dequantize(values: npt.NDArray[Any], scale: float, zero_point: int) -> Floats:
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


def _integers(values: Floats, scale: Scale) -> Int8:
    integers = np.clip(np.rint(values / scale.scale) + scale.zero_point, -128, 127)
    return np.asarray(integers, np.int8)


def _pixels(image: Floats) -> Pixels:
    """Returns the pixels that `serving.images.digit.tensor` turned into an image."""
    return np.asarray(np.rint(image[..., 0] * np.float32(255)), np.uint8)


# Keras


def _load_keras(path: Path, threads: int | None = None) -> Any:
    import keras
    import tensorflow as tf

    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    try:
        return keras.models.load_model(path, compile=False)
    except (OSError, ValueError) as error:
        raise CheckreaderError(f"{path}: Keras cannot load it: {str(error).splitlines()[0]}") from None


def _keras_predictor(model: Any) -> Callable[[Floats], Floats]:
    run = _compile(model)
    return lambda image: _in_batches(lambda part: [run(part)], image, BATCH)[0]


def _compile(model: Any) -> Callable[[Floats], Any]:
    """Returns the model as a function that is compiled once, also for pictures of any width."""
    if None not in model.input.shape[1:]:
        predict_on_batch: Callable[[Floats], Any] = model.predict_on_batch
        return predict_on_batch
    import tensorflow as tf

    signature = [tf.TensorSpec(model.input.shape, tf.float32)]
    function = tf.function(lambda image: model(image, training=False), signature, autograph=False)

    def run(image: Floats) -> Any:
        return tf.nest.map_structure(np.asarray, function(tf.constant(image)))

    return run


def _keras_activations(path: Path, task: Task) -> Callable[[Pixels], dict[str, Floats]]:
    import keras

    model, names = _load_keras(path), task.layer_names
    moving = keras.layers.Flatten | keras.layers.Reshape | keras.layers.Softmax
    outputs: dict[str, Any] = {}
    current = None
    for layer in model.layers:
        current = layer.name if layer.name in names else current
        # A separate activation belongs to the layer before it; softmax and layers that move values do not.
        if current and not isinstance(layer, moving):
            outputs[current] = layer.output
    inner = keras.Model(model.input, list(outputs.values()))
    return lambda pixels: dict(zip(outputs, _in_batches(_compile(inner), tensor(pixels), BATCH), strict=True))


# LiteRT


def _centered(pixels: Pixels) -> Int8:
    """Returns the int8 network's input: pixel − 128."""
    return (pixels[..., None].astype(np.int16) - 128).astype(np.int8)


def _litert_runner(
    content: bytes,
) -> tuple[Callable[[npt.NDArray[Any]], list[npt.NDArray[Any]]], list[dict[str, Any]]]:
    """Returns a function from one row to all outputs as they are, and the outputs' details."""
    from ai_edge_litert.interpreter import Interpreter

    from serving.runtime.cpu import cpus

    interpreter = Interpreter(model_content=content, num_threads=cpus())
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    shape = tuple(interpreter.get_input_details()[0]["shape"].tolist())
    details = interpreter.get_output_details()

    def run(row: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        nonlocal shape
        if row.shape != shape:  # fields differ in width
            interpreter.resize_tensor_input(source, row.shape)
            interpreter.allocate_tensors()
            shape = row.shape
        interpreter.set_tensor(source, row)
        interpreter.invoke()
        return [interpreter.get_tensor(detail["index"]) for detail in details]

    return run, details


def _litert_activations(path: Path, task: Task) -> Callable[[Pixels], dict[str, Floats]]:
    from ai_edge_litert import schema_py_generated as schema

    from pipeline.export.provenance import serialize

    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    graph = model.subgraphs[0]
    nodes = [
        (names[model.operatorCodes[node.opcodeIndex].builtinCode], node.inputs, node.outputs)
        for node in graph.operators
    ]
    tensors = layer_outputs(nodes, graph.outputs[0], task)
    integers = graph.tensors[graph.inputs[0]].type == schema.TensorType.INT8
    # Not `experimental_preserve_all_tensors`: it may take the model away from XNNPACK.
    graph.outputs = np.array(list(tensors.values()), np.int32)
    model.signatureDefs = None  # they name outputs that the graph no longer has
    run, details = _litert_runner(serialize(model))

    def run_layers(pixels: Pixels) -> dict[str, Floats]:
        outputs = _in_batches(run, _centered(pixels) if integers else tensor(pixels), 1)
        return {
            name: _dequantize(values, *detail["quantization"]) if values.dtype == np.int8 else values
            for name, values, detail in zip(tensors, outputs, details, strict=True)
        }

    return run_layers


# ONNX Runtime


def _onnx_runner(model: Any, names: Sequence[str]) -> Callable[[Floats], list[npt.NDArray[Any]]]:
    """Returns a function that computes the named tensors of a graph, wherever in it they are."""
    import onnx

    from serving.runtime import onnx as runtime

    present = {output.name for output in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in present)
    session = runtime.session(model.SerializeToString())
    return lambda image: session.run(list(names), {session.get_inputs()[0].name: image})


def _onnx_activations(path: Path, task: Task) -> Callable[[Pixels], dict[str, Floats]]:
    import onnx

    model = onnx.load(path)
    nodes = model.graph.node
    tensors = layer_outputs(
        [(node.op_type, node.input, node.output) for node in nodes], "probabilities", task
    )
    # The variant that outputs its layers names them itself.
    tensors |= {output.name: output.name for output in model.graph.output if output.name in tensors}
    constants = {entry.name: onnx.numpy_helper.to_array(entry) for entry in model.graph.initializer}
    scales: dict[str, tuple[float, int]] = {}
    for node in nodes:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            integers = node.output[0] if node.op_type == "QuantizeLinear" else node.input[0]
            if np.size(constants[node.input[1]]) == 1:  # weights have one per channel, activations never
                scales[integers] = (constants[node.input[1]].item(), constants[node.input[2]].item())
        elif node.input[0] in scales:  # pooling and moving keep the scale
            scales[node.output[0]] = scales[node.input[0]]
    run = _onnx_runner(model, list(tensors.values()))

    def run_layers(pixels: Pixels) -> dict[str, Floats]:
        outputs = _in_batches(run, tensor(pixels), BATCH)
        return {
            name: _dequantize(values, *scales[output])
            if values.dtype.kind in "iu"
            else values.astype(np.float32)
            for (name, output), values in zip(tensors.items(), outputs, strict=True)
        }

    return run_layers
