"""Makes the 8-bit version of a trained network, folded where it folds, with tensorflow-model-optimization.

    checkreader quantize --run mnist                  # quantization-aware training, a minute
    checkreader quantize --run mnist --method ptq     # ranges measured, nothing trained
    checkreader quantize --run mnist --compare        # the effect of pruning and clustering on size and accuracy

That library takes only models of the legacy `tf_keras`. So the network is built
once more with it and the weights are copied.

Weights are quantized symmetrically (per channel in convolutions), activations
by ranges. The library starts these at ±6 and moves them by a thousandth per
step, which takes thousands of steps to converge; here they are seeded from the
float network's activations on training pictures. The input's range is pinned to
[0, 1], so that the integer is pixel − 128.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline import progress
from pipeline.augmentation import digit
from pipeline.config import QuantizeConfig, TrainConfig
from pipeline.data.digits import Dataset, Split
from pipeline.data.mixture import Mixture
from pipeline.metrics import calibration
from pipeline.networks import folded, lenet5
from pipeline.quantization import ranges
from pipeline.quantization.legacy import import_legacy
from pipeline.records import TrainRecord
from pipeline.run import QUANTIZED, WEIGHTS, Run, replacing
from pipeline.synthesis import nondigits
from pipeline.training import checkpoint, distillation, sources
from serving.errors import CheckreaderError
from serving.images.digit import tensor

CHECKPOINT: Final = "quantize-checkpoint.npz"
CHECKPOINT_STEPS: Final = 250  # between two checkpoints
_COMPRESS_RATE: Final = 10.0  # pruning and clustering learn this much faster than QAT

Floats = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingData:
    """Batches of pictures with their targets, the loss for these targets, and what the pictures come from."""

    batches: tf.data.Dataset
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    mixture: Mixture


def quantize(run: Run, config: QuantizeConfig, data: Dataset, data_dir: Path | None = None) -> dict[str, Any]:
    """Quantizes the run's float network; writes the SavedModel `quantized/` and `quantize.json`.

    The SavedModel has fake-quantization nodes and two signatures, `single` for
    one picture and `serving_default` for any number, both `image` float32
    [N, 28, 28, 1] → `logits` float32 [N, 10].

    Args:
        run: a trained run.
        config: method, steps, pruning, clustering.
        data: the run's data set; its validation part chooses temperature and thresholds, as in training together
            with UNIPEN's.
        data_dir: where UNIPEN lies, if the run was trained on it; None: as `pipeline.data.unipen.locate`.

    Returns:
        The run's record: config, data, calibration, validation metrics.

    Raises:
        CheckreaderError: `train` was not run or used other sources, or the config asks for both pruning and
            clustering.
    """
    stopwatch = run.stopwatch("quantize", goes_on=True)
    float_model, training_data, trained = open_network(run, config, data, data_dir)
    state = run / CHECKPOINT
    model = quantize_network(
        compress(float_model, config, training_data), config, data, training_data, state, stopwatch.save
    )
    validation, validations = training_data.mixture.validation, training_data.mixture.validations
    logits = predict(model, validation.images)
    others = predict(model, nondigits.pictures(trained.outliers, trained.seed + nondigits.VALIDATION))
    fitted = calibration.fit(logits, validation.labels, others)
    with replacing(run / QUANTIZED) as temporary:
        save(model, temporary)
        shutil.rmtree(run / QUANTIZED, ignore_errors=True)  # a folder cannot replace a full one
    files = sorted(path for path in (run / QUANTIZED).rglob("*") if path.is_file())
    record = run.record(
        "quantize",
        [str(path.relative_to(run.path)) for path in files],
        seconds=stopwatch.seconds(),
        config=dataclasses.asdict(config),
        data=data.record(),
        calibration=msgspec.to_builtins(fitted),
        metrics={
            "validation_accuracy": accuracy(logits, validation),
            "float_validation_accuracy": accuracy(predict(float_model, validation.images), validation),
            "sources": {
                name: accuracy(predict(model, split.images), split) for name, split in validations.items()
            },
        },
    )
    for path in (state, stopwatch.path):
        path.unlink(missing_ok=True)
    return record


def open_network(
    run: Run, config: QuantizeConfig, data: Dataset, data_dir: Path | None = None
) -> tuple[Any, TrainingData, TrainConfig]:
    """Opens the run's float network in `tf_keras`, with the data to train it on and its config.

    Raises:
        CheckreaderError: `train` was not run or used other sources, or the config asks for both pruning and
            clustering.
    """
    if config.prune and config.cluster:
        raise CheckreaderError("pruning and clustering exclude each other: choose one")
    record = run.read(TrainRecord)
    trained = TrainConfig.from_json(record.config)
    mixture = sources.load(trained, data, data_dir)
    if record.sources and json.loads(json.dumps(mixture.record())) != record.sources:
        raise CheckreaderError(
            f"{run.path}: was trained on other sources than lie here now: put UNIPEN where it was, or train again"
        )
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
        last = max(0, trained.passes - math.ceil(config.steps / digit.steps(mixture, augmented)))
        transfer = distillation.load(trained, data, mixture)
        batches = distillation.stream(transfer, outliers, augmented, epoch=last)
        return model, TrainingData(batches, distillation.loss(trained), mixture), trained
    batches = digit.stream(mixture, outliers, augmented, epoch=trained.epochs)
    loss = tf_keras.losses.CategoricalCrossentropy(from_logits=True)
    return model, TrainingData(batches, loss, mixture), trained


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


def quantize_network(
    model: Any,
    config: QuantizeConfig,
    data: Dataset,
    training_data: TrainingData,
    state: Path | None = None,
    saved: Callable[[], None] = lambda: None,
) -> Any:
    """Adds fake-quantization nodes to the network, measures their ranges and, unless `ptq`, trains it.

    Args:
        model: as `open_network` or `compress` return it.
        config: method and steps.
        data: the ranges are measured on its training pictures.
        training_data: as `open_network` returns it.
        state: checkpoint of the training, which goes on from there; None: it starts anew and keeps none.
        saved: called after each checkpoint.
    """
    tf_keras, tfmot = import_legacy()
    combine = tfmot.experimental.combine
    if config.prune:
        scheme = combine.Default8BitPrunePreserveQuantizeScheme()
    elif config.cluster:
        scheme = combine.Default8BitClusterPreserveQuantizeScheme(False)
    else:
        scheme = None
    annotated = tfmot.quantization.keras.quantize_annotate_model(_copy(model))
    quantized = tfmot.quantization.keras.quantize_apply(annotated, *([scheme] if scheme else []))
    measured = ranges.measure(tf_keras, model, data.train.images[: config.calibration])
    ranges.seed(quantized, measured)
    if config.method == "qat":
        _fit(quantized, config, training_data, config.learning_rate, state=state, saved=saved)
    else:
        # One pass in training mode measures the weights' ranges, and would move the activations'.
        quantized(tensor(data.train.images[:1]), training=True)
        ranges.seed(quantized, measured)
    if config.cluster:
        # Not exported under a shorter name.
        preserve = "python.core.quantization.keras.collab_opts.cluster_preserve.cluster_utils"
        cluster_utils = importlib.import_module(f"{tfmot.__name__}.{preserve}")
        quantized = cluster_utils.strip_clustering_cqat(quantized)
    ranges.finish(quantized)
    return quantized


def _fit(
    model: Any,
    config: QuantizeConfig,
    training_data: TrainingData,
    rate: float,
    callbacks: Sequence[Any] = (),
    state: Path | None = None,
    saved: Callable[[], None] = lambda: None,
) -> None:
    """Trains for the config's steps; with a path for its `state` it keeps checkpoints there and goes on from one."""
    tf_keras, _ = import_legacy()
    model.compile(
        tf_keras.optimizers.Adam(tf_keras.optimizers.schedules.CosineDecay(rate, config.steps)),
        training_data.loss,
    )
    weights = hashlib.sha256(b"".join(weight.tobytes() for weight in model.get_weights())).hexdigest()
    done, settings = 0, f"{config} from {weights}"
    if state is not None:
        model.optimizer.build(model.trainable_variables)
        done = checkpoint.restore(state, model, settings, f"delete {state.name}")

    def note(batch: int, logs: dict[str, float]) -> None:
        step = done + batch + 1
        progress.note(f"quantize: step {step:,} of {config.steps:,}")
        if state is not None and step % CHECKPOINT_STEPS == 0:
            checkpoint.save(state, model, settings, step)
            saved()

    counter = tf_keras.callbacks.LambdaCallback(on_batch_end=note)
    if done < config.steps:
        model.fit(
            training_data.batches.skip(done),
            steps_per_epoch=config.steps - done,
            callbacks=[*callbacks, counter],
            verbose=0,
        )


def predict(model: Any, images: npt.NDArray[np.uint8]) -> Floats:
    """Computes logits float32 [N, 10] of pictures uint8 [N, 28, 28]."""
    if not len(images):
        return np.zeros((0, lenet5.CLASSES), np.float32)
    return np.asarray(model.predict(tensor(images), batch_size=1000, verbose=0))


def accuracy(logits: Floats, split: Split) -> float:
    """Computes the accuracy of the logits, float32 [N, 10]."""
    return float((logits.argmax(1) == split.labels).mean())


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
