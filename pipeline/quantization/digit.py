"""Makes the 8-bit version of a trained network, folded where it folds, with tensorflow-model-optimization.

    checkreader quantize --run mnist                  # quantization-aware training, a minute
    checkreader quantize --run mnist --method ptq     # ranges measured, nothing trained
    checkreader quantize --run mnist --compare        # the effect of pruning and clustering on size and accuracy

That library takes only models of the legacy `tf_keras`. So the network is built
once more with it and the weights are copied; this file alone imports the two.

Weights are quantized symmetrically (per channel in convolutions), activations
by ranges. The library starts these at ±6 and moves them by a thousandth per
step, which takes thousands of steps to converge; here they are seeded from the
float network's activations on training pictures. The input's range is pinned to
[0, 1], so that the integer is pixel − 128.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline import progress
from pipeline.augmentation import digit
from pipeline.config import QuantizeConfig, TrainConfig
from pipeline.data.digits import Dataset
from pipeline.metrics import calibration
from pipeline.networks import folded, lenet5
from pipeline.records import TrainRecord
from pipeline.run import QUANTIZED, WEIGHTS, Run, replacing
from pipeline.synthesis import nondigits
from pipeline.training import distillation
from serving.errors import CheckreaderError
from serving.images.digit import tensor

_KERAS: Final = "TF_USE_LEGACY_KERAS"
# Factor on the logits' measured range. Runtimes round differently inside, and these differences stay below a
# coarser last place; pictures unlike the training's also saturate later.
_HEADROOM: Final = 1.5
_COMPRESS_RATE: Final = 10.0  # pruning and clustering learn this much faster than QAT

Floats = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingData:
    """Batches of pictures with their targets, and the loss for these targets."""

    batches: tf.data.Dataset
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def quantize(run: Run, config: QuantizeConfig, data: Dataset) -> dict[str, Any]:
    """Quantizes the run's float network; writes the SavedModel `quantized/` and `quantize.json`.

    The SavedModel has fake-quantization nodes and two signatures, `single` for
    one picture and `serving_default` for any number, both `image` float32
    [N, 28, 28, 1] → `logits` float32 [N, 10].

    Args:
        run: a trained run.
        config: method, steps, pruning, clustering.
        data: the run's data set; its validation part chooses temperature and thresholds.

    Returns:
        The run's record: config, data, calibration, validation metrics.

    Raises:
        CheckreaderError: `train` was not run, or the config asks for both pruning and clustering.
    """
    float_model, training_data, trained = open_network(run, config, data)
    model = quantize_network(compress(float_model, config, training_data), config, data, training_data)
    logits = predict(model, data.validation.images)
    others = predict(model, nondigits.pictures(trained.outliers, trained.seed + nondigits.VALIDATION))
    fitted = calibration.fit(logits, data.validation.labels, others)
    with replacing(run / QUANTIZED) as temporary:
        save(model, temporary)
        shutil.rmtree(run / QUANTIZED, ignore_errors=True)  # a folder cannot replace a full one
    files = sorted(path for path in (run / QUANTIZED).rglob("*") if path.is_file())
    return run.record(
        "quantize",
        [str(path.relative_to(run.path)) for path in files],
        config=dataclasses.asdict(config),
        data=data.record(),
        calibration=msgspec.to_builtins(fitted),
        metrics={
            "validation_accuracy": accuracy(logits, data),
            "float_validation_accuracy": accuracy(predict(float_model, data.validation.images), data),
        },
    )


def import_legacy() -> tuple[ModuleType, Any]:
    """Imports `tf_keras` and tensorflow-model-optimization; other modules and processes keep Keras 3."""
    before = os.environ.get(_KERAS)
    os.environ[_KERAS] = "1"
    try:
        import tensorflow_model_optimization as tfmot
        import tf_keras
    finally:
        # The library sets the variable itself, too.
        os.environ.pop(_KERAS, None)
        if before is not None:
            os.environ[_KERAS] = before
    return tf_keras, tfmot


def open_network(run: Run, config: QuantizeConfig, data: Dataset) -> tuple[Any, TrainingData, TrainConfig]:
    """Opens the run's float network in `tf_keras`, with the data to train it on and its config.

    Raises:
        CheckreaderError: `train` was not run, or the config asks for both pruning and clustering.
    """
    if config.prune and config.cluster:
        raise CheckreaderError("pruning and clustering exclude each other: choose one")
    trained = TrainConfig.from_json(run.read(TrainRecord).config)
    import keras

    tf_keras, _ = import_legacy()
    tf_keras.utils.set_random_seed(config.seed)
    tf.config.experimental.enable_op_determinism()
    try:
        original = keras.models.load_model(run / WEIGHTS, compile=False)
    # A damaged archive, HDF5 file or configuration: each library has its own errors.
    except Exception as error:
        raise CheckreaderError(f"{run / WEIGHTS}: Keras cannot load it: {error}") from None
    folds = folded.folds(keras, original)
    model = folded.build(tf_keras) if folds else lenet5.build(tf_keras, trained.network)
    for layer in folded.fold(keras, original).layers:
        model.get_layer(layer.name).set_weights(layer.get_weights())
    outliers = nondigits.pictures(trained.outliers if trained.nondigits else 0, trained.seed)
    # Other distortions than in training but always the same, and as weak as at its end.
    augmented = dataclasses.replace(trained, batch=config.batch, seed=config.seed + 1)
    if trained.distillation:
        last = max(0, trained.passes - math.ceil(config.steps / digit.steps(data.train, augmented)))
        batches = distillation.stream(distillation.load(trained, data), outliers, augmented, epoch=last)
        return model, TrainingData(batches, distillation.loss(trained)), trained
    batches = digit.stream(data.train, outliers, augmented, epoch=trained.epochs)
    return model, TrainingData(batches, tf_keras.losses.CategoricalCrossentropy(from_logits=True)), trained


def compress(model: Any, config: QuantizeConfig, training_data: TrainingData) -> Any:
    """Prunes or clusters the float network and trains it on; returns the same network if the config asks for neither."""
    _, tfmot = import_legacy()
    rate = config.learning_rate * _COMPRESS_RATE
    if config.prune:
        sparsity = tfmot.sparsity.keras
        schedule = sparsity.PolynomialDecay(
            0.0, config.prune, 0, max(1, config.steps * 3 // 4), frequency=max(1, config.steps // 50)
        )
        wrapped = sparsity.prune_low_magnitude(_copy(model), schedule)
        _fit(wrapped, config, training_data, rate, [sparsity.UpdatePruningStep()])
        return _copy(sparsity.strip_pruning(wrapped))
    if config.cluster:
        clustering = tfmot.clustering.keras
        wrapped = clustering.cluster_weights(
            _copy(model), config.cluster, cluster_centroids_init=clustering.CentroidInitialization.LINEAR
        )
        _fit(wrapped, config, training_data, rate)
        # Stripping leaves layers that belong to two networks; a copy belongs to itself.
        return _copy(clustering.strip_clustering(wrapped))
    return model


def _copy(model: Any) -> Any:
    tf_keras, _ = import_legacy()
    copy = tf_keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def quantize_network(model: Any, config: QuantizeConfig, data: Dataset, training_data: TrainingData) -> Any:
    """Adds fake-quantization nodes to the network, measures their ranges and, unless `ptq`, trains it."""
    _, tfmot = import_legacy()
    combine = tfmot.experimental.combine
    if config.prune:
        scheme = combine.Default8BitPrunePreserveQuantizeScheme()
    elif config.cluster:
        scheme = combine.Default8BitClusterPreserveQuantizeScheme(False)
    else:
        scheme = None
    annotated = tfmot.quantization.keras.quantize_annotate_model(_copy(model))
    quantized = tfmot.quantization.keras.quantize_apply(annotated, *([scheme] if scheme else []))
    ranges = _ranges(model, data.train.images[: config.calibration])
    _set_ranges(quantized, ranges)
    if config.method == "qat":
        _fit(quantized, config, training_data, config.learning_rate)
    else:
        # One pass in training mode measures the weights' ranges, and would move the activations'.
        quantized(tensor(data.train.images[:1]), training=True)
        _set_ranges(quantized, ranges)
    if config.cluster:
        # Not exported under a shorter name.
        preserve = "python.core.quantization.keras.collab_opts.cluster_preserve.cluster_utils"
        cluster_utils = importlib.import_module(f"{tfmot.__name__}.{preserve}")
        quantized = cluster_utils.strip_clustering_cqat(quantized)
    _finish_ranges(quantized)
    return quantized


def _ranges(model: Any, images: npt.NDArray[np.uint8]) -> dict[str, tuple[float, float]]:
    """Measures the smallest (at most 0) and the largest output of each layer."""
    tf_keras, _ = import_legacy()
    probe = tf_keras.Model(model.input, [layer.output for layer in model.layers])
    outputs = probe.predict(tensor(images), verbose=0)
    return {
        layer.name: (min(0.0, float(output.min())), float(output.max()))
        for layer, output in zip(model.layers, outputs, strict=True)
    }


def _set_ranges(quantized: Any, ranges: dict[str, tuple[float, float]]) -> None:
    for layer in quantized.layers:
        low, high = ranges.get(layer.name.removeprefix("quant_"), (0.0, 1.0))
        for variable, is_max in _activation_ranges(layer):
            variable.assign(high if is_max else low)


def _finish_ranges(quantized: Any) -> None:
    """Sets the input's range to [0, 1], widens the logits' and gives pooling the range of its input.

    An average stays within its input's range, and averaging integers needs one scale.
    """
    before: list[Any] = []
    for layer in quantized.layers:
        ranges = _activation_ranges(layer)
        for i, (variable, is_max) in enumerate(ranges):
            if layer.name == "quantize_layer":
                variable.assign(float(is_max))
            elif layer.name == "quant_logits":
                variable.assign(variable * _HEADROOM)
            elif layer.name in ("quant_s2", "quant_s4") and before:
                variable.assign(before[i][0])
        before = ranges or before


def _activation_ranges(layer: Any) -> list[tuple[Any, bool]]:
    """Lists the layer's range variables for activations, each with True if it is the upper end."""
    names = [(weight, weight.name.split("/")[-1].split(":")[0]) for weight in layer.weights]
    kinds = ("post_activation", "pre_activation", "output", "quantize_layer")
    return [
        (weight, name.endswith("_max"))
        for weight, name in names
        if name.endswith(("_min", "_max")) and name[:-4] in kinds
    ]


def _fit(
    model: Any,
    config: QuantizeConfig,
    training_data: TrainingData,
    rate: float,
    callbacks: Sequence[Any] = (),
) -> None:
    tf_keras, _ = import_legacy()
    model.compile(
        tf_keras.optimizers.Adam(tf_keras.optimizers.schedules.CosineDecay(rate, config.steps)),
        training_data.loss,
    )
    counter = tf_keras.callbacks.LambdaCallback(
        on_batch_end=lambda batch, logs: progress.note(f"quantize: step {batch + 1:,} of {config.steps:,}")
    )
    model.fit(training_data.batches, steps_per_epoch=config.steps, callbacks=[*callbacks, counter], verbose=0)


def predict(model: Any, images: npt.NDArray[np.uint8]) -> Floats:
    """Computes logits float32 [N, 10] of pictures uint8 [N, 28, 28]."""
    if not len(images):
        return np.zeros((0, lenet5.CLASSES), np.float32)
    return np.asarray(model.predict(tensor(images), batch_size=1000, verbose=0))


def accuracy(logits: Floats, data: Dataset) -> float:
    """Computes the validation accuracy of the logits, float32 [N, 10]."""
    return float((logits.argmax(1) == data.validation.labels).mean())


def save(model: Any, folder: Path) -> None:
    """Writes the SavedModel that `quantize` describes."""

    def signature(batch: int | None) -> Callable[..., Any]:
        spec = tf.TensorSpec([batch, lenet5.SIDE, lenet5.SIDE, 1], tf.float32, name="image")
        run = tf.function(lambda image: {"logits": model(image, training=False)}, autograph=False)
        return run.get_concrete_function(spec)  # type: ignore[no-any-return]

    module = tf.Module()
    module.variables_ = model.variables  # the graph alone, without Keras's own description of it
    signatures = {"single": signature(1), "serving_default": signature(None)}
    tf.saved_model.save(module, str(folder), signatures=signatures)
