"""Makes the 8-bit version of a trained network that slides over fields or MICR lines, or that finds the fields of a check.

    checkreader quantize --run field

The network is built once more with fake-quantization nodes (Jacob et al.,
CVPR 2018): weights symmetric per channel, activations by their ranges on
fields, the input pinned to [0, 1] so that the integer is pixel − 128.
The converter turns that graph into integers. Nothing is trained.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline.networks import batching, spec
from pipeline.records import TrainRecord
from pipeline.run import QUANTIZED, WEIGHTS, Run, replacing
from serving.errors import CheckreaderError
from serving.images.digit import tensor

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Ranges = dict[str, tuple[float, float]]
Infer = Callable[[Floats], Floats]  # float32 [N, 32, W, 1] → probabilities float32 [N, T, K]


@dataclasses.dataclass(frozen=True)
class FieldQuantizeConfig:
    """Settings of one quantization run."""

    share: float = 0.9999  # share of the activations within the ranges; the largest saturate
    logits: float = 0.99997  # the same of the logits, at either end, where they decide nothing
    seed: int = 0  # of the fields that the ranges are measured on


def quantize(run: Run, config: FieldQuantizeConfig, fields: Sequence[Pixels]) -> dict[str, Any]:
    """Quantizes the run's float network; writes the SavedModel `quantized/` and `quantize.json`.

    The SavedModel has fake-quantization nodes and the signature `single`, `image` float32
    [1, H, W, 1] → `logits` float32 [1, T, K].

    Args:
        run: a trained run of the task `field`, `micr` or `check`.
        config: shares for the ranges.
        fields: uint8 [32, w] or [128, 288] each, to measure the activations' ranges on; their labels are not needed.

    Returns:
        The run's record: config, number of fields, ranges, and the share of steps at which float and
        fake-quantized network have the same best symbol.

    Raises:
        CheckreaderError: `train` was not run or is of another task, or there are no fields.
    """
    trained = run.read(TrainRecord)
    task = spec.task_of_record(trained)
    if task.network is None:
        raise CheckreaderError(f"{run.path}: not a run of the task field, micr or check")
    try:
        network = keras.models.load_model(run / WEIGHTS, compile=False)
    # A damaged archive, HDF5 file or configuration: each library has its own errors.
    except Exception as error:
        raise CheckreaderError(f"{run / WEIGHTS}: Keras cannot load it: {error}") from None
    batches = batching.make_batches(task, fields)
    ranges = activation_ranges(network, batches, config.share, config.logits)
    quantized = fake_quantized(network, ranges)
    with replacing(run / QUANTIZED) as temporary:
        _save(quantized, task, temporary)
        shutil.rmtree(run / QUANTIZED, ignore_errors=True)  # a folder cannot replace a full one
    files = sorted(path for path in (run / QUANTIZED).rglob("*") if path.is_file())

    def best_symbols(infer: Infer) -> npt.NDArray[np.intp]:
        return np.asarray(batching.predict(batches, lambda pixels: infer(tensor(pixels))).argmax(1))

    float_best = best_symbols(lambda image: np.asarray(network(image, training=False)))
    best = best_symbols(_compile(quantized, task))
    return run.record(
        "quantize",
        [str(path.relative_to(run.path)) for path in files],
        task=task.name,
        config=dataclasses.asdict(config),
        data=trained.data,
        fields=len(fields),
        ranges={name: list(limits) for name, limits in ranges.items()},
        metrics={"steps": len(best), "same_best_symbol": float((best == float_best).mean())},
    )


def activation_ranges(network: Any, batches: Sequence[batching.Batch], share: float, logits: float) -> Ranges:
    """Measures lower (at most 0) and upper end of each convolution's outputs on all fields.

    Args:
        network: a model of `lenet5_field.fold`.
        batches: padded fields.
        share: share of each batch's outputs within the range; 1 = all. The largest saturate, so that the
            rest has finer steps.
        logits: the same of the logits, over all fields and at either end.
    """
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    probe = keras.Model(network.input, [layer.output for layer in convolutions])
    limits: dict[str, list[tuple[float, float]]] = {layer.name: [] for layer in convolutions[:-1]}
    all_logits = []
    for batch in batches:
        *inner, last = (np.asarray(output) for output in probe(tensor(batch.pixels), training=False))
        for layer, values in zip(convolutions[:-1], inner, strict=True):
            high = float(values.max() if share >= 1 else np.quantile(values, share))
            limits[layer.name].append((min(0.0, float(values.min())), high))
        all_logits.append(last.ravel())
    low, high = np.quantile(np.concatenate(all_logits), (1 - logits, logits)).tolist()
    return {
        name: (min(low for low, _ in each), max(high for _, high in each)) for name, each in limits.items()
    } | {convolutions[-1].name: (min(0.0, low), max(0.0, high))}


def fake_quantized(network: Any, ranges: Ranges) -> Callable[[tf.Tensor], tf.Tensor]:
    """Rebuilds the network with fake-quantization nodes: a function of float32 [N, 32, W, 1] → logits [N, T, K]."""
    layers = [(layer, layer.get_weights()) for layer in network.layers]

    def run(image: tf.Tensor) -> tf.Tensor:
        x = tf.quantization.fake_quant_with_min_max_args(image, 0.0, 1.0)
        for layer, weights in layers:
            match type(layer).__name__:
                case "Conv2D":
                    kernel = weights[0]
                    largest = np.maximum(np.abs(kernel).max((0, 1, 2)), np.finfo(np.float32).tiny)
                    kernel = tf.quantization.fake_quant_with_min_max_vars_per_channel(
                        kernel, -largest, largest, narrow_range=True
                    )
                    x = tf.nn.conv2d(x, kernel, layer.strides[0], layer.padding.upper())
                    x = tf.nn.bias_add(x, weights[1])
                    if layer.activation.__name__ == "relu":
                        x = tf.nn.relu(x)
                    x = tf.quantization.fake_quant_with_min_max_args(x, *ranges[layer.name])
                case "MaxPooling2D":
                    x = tf.nn.max_pool2d(x, layer.pool_size, layer.strides, "VALID")
                case "Reshape":
                    single_row = layer.target_shape[0] == -1
                    x = tf.squeeze(x, 1) if single_row else tf.reshape(x, [-1, *layer.target_shape])
        return x

    return run


def _compile(quantized: Callable[[tf.Tensor], tf.Tensor], task: spec.Task) -> Infer:
    function = tf.function(
        lambda image: tf.nn.softmax(quantized(image)),
        [tf.TensorSpec(task.image, tf.float32)],
        autograph=False,
    )
    return lambda image: np.asarray(function(tf.constant(image)))


def _save(quantized: Callable[[tf.Tensor], tf.Tensor], task: spec.Task, folder: Path) -> None:
    image = tf.TensorSpec([1, *task.image[1:]], tf.float32, name="image")
    single = tf.function(lambda image: {"logits": quantized(image)}, [image], autograph=False)
    tf.saved_model.save(tf.Module(), str(folder), signatures={"single": single})
