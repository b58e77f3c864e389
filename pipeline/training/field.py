"""Trains `lenet5-field` or `lenet5-micr` from scratch on drawn fields or lines, or fine-tunes released weights.

    checkreader train --task field --data mnist --preset release --fonts FONTS --run field
    checkreader train --task field --data mnist --preset release --fonts FONTS --run field --start released

The run's `train.json` records settings, alphabet, data and results; `float.keras` holds
the averaged weights with batch normalization folded in, pixels → logits. Checkpoints are
kept after some hundred steps, and `--resume` ends with the same weights as a run without an interruption.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.special import softmax

from pipeline.augmentation import recombine
from pipeline.augmentation.batch_stream import BatchStream
from pipeline.augmentation.field import drawn_batches
from pipeline.config import FieldTrainConfig
from pipeline.networks import lenet5_field, spec
from pipeline.networks.sliding_network import SlidingNetwork
from pipeline.records import TrainRecord
from pipeline.run import WEIGHTS, Run, Stopwatch, replacing, sha256
from pipeline.synthesis.sampler import Item, TrainingSampler
from pipeline.training import checkpoint, ctc
from pipeline.training.digit import remove_timestamps
from serving.decoding import alphabet as alphabets
from serving.decoding.alphabet import Alphabet
from serving.errors import CheckreaderError
from serving.repository.store import Repository

Floats = npt.NDArray[np.float32]

START: Final = "lenet5-field"  # the released model that fine-tuning starts from
CHECKPOINT_STEPS: Final = 500  # between two checkpoints; a minute or so


def train(
    run: Run,
    config: FieldTrainConfig,
    sampler: TrainingSampler,
    data: dict[str, Any],
    preset: str,
    resume: bool = False,
    *,
    start: Start | None = None,
    task: spec.Task = spec.FIELD,
    validation: int = 1_000,
    processes: int = 2,
    recalibration: int = ctc.RECALIBRATION,
    every: int = CHECKPOINT_STEPS,
) -> dict[str, Any]:
    """Trains on drawn fields, from scratch or from earlier weights, and writes `float.keras` and `train.json`.

    Args:
        run: where everything is written.
        config: the settings.
        sampler: draws the fields to train on.
        data: names and checksums of the sampler's sources, for the record.
        preset: the config's name, for the record.
        resume: go on from the run's last checkpoint, which must be of the same config and sampler.
        start: the weights to begin with, which need no opening, and of which the config may retain a share; None = from
            scratch.
        task: of the network.
        validation: number of fields to validate on, by other writers than those of the training.
        processes: that draw while the network trains.
        recalibration: see `ctc.fit`.
        every: steps between two checkpoints.

    Returns:
        The run's record: config, alphabet, data, validation metrics.

    Raises:
        CheckreaderError: the checkpoint is damaged, or of other settings.
    """
    network = task.network
    assert isinstance(network, SlidingNetwork)
    if start is not None:
        config = dataclasses.replace(config, start=start.sha256)
    checkpoints = Checkpoints.of(run, resume, (config, sampler.settings(), data, recalibration), every)
    held_out = sampler.validation()(np.random.default_rng([config.seed, 7]), validation)
    _seed(config)
    opening, rest = config.parts()
    model = start.network() if start else network.build(keras, network.classes)
    weights = model.get_weights()
    stream = drawn_batches(sampler, config, network.alphabet, processes, network)
    try:
        schedule = checkpoints.schedule
        if start is None:
            ctc.fit(
                model,
                opening,
                stream,
                held_out,
                recalibration,
                schedule("opening"),
                "train, opening",
                network,
            )
            model = network.fold(keras, model)
        ctc.fit(model, rest, stream, held_out, recalibration, schedule("rest"), "train, rest", network)
    finally:
        stream.close()
    plain = _in_float(model, network)
    if start is not None:
        plain.set_weights(mixed(plain.get_weights(), weights, config.retained))
    metrics = {"validation_exact": ctc.accuracy(plain, held_out, network)}
    return write_record(
        run, plain, config, network.alphabet, data, preset, metrics, checkpoints, task=task.name
    )


@dataclasses.dataclass(frozen=True)
class Checkpoints:
    """Keeps the checkpoints of a run's trainings, of which there are several, and sums its seconds.

    Attributes:
        run: whose they are.
        settings: what decides all of its trainings.
        every: steps between two checkpoints.
        stopwatch: of the stage.
    """

    run: Run
    settings: str
    every: int
    stopwatch: Stopwatch

    @classmethod
    def of(cls, run: Run, resume: bool, settings: object, every: int = CHECKPOINT_STEPS) -> Checkpoints:
        """Opens a run's checkpoints, and deletes those that are there unless its trainings go on from them."""
        checkpoints = cls(run, repr(settings), every, run.stopwatch("train", goes_on=resume))
        if not resume:
            checkpoints.delete()
        return checkpoints

    def schedule(self, part: str) -> checkpoint.Schedule:
        """Returns the schedule of one training."""
        path = self.run / f"checkpoint-{part}.npz"
        return checkpoint.Schedule(path, f"{part} of {self.settings}", self.every, self.stopwatch.save)

    def delete(self) -> None:
        """Deletes them."""
        for path in self.run.path.glob("checkpoint-*.npz"):
            path.unlink()


@dataclasses.dataclass(frozen=True)
class Start:
    """The weights that fine-tuning starts from: a `.keras` file and its network's alphabet."""

    path: Path
    alphabet: Alphabet

    @classmethod
    def of(cls, config: FieldTrainConfig) -> Start:
        """Returns the weights that a config names, those of a run, or the released ones.

        Raises:
            CheckreaderError: they are not there, or not as they were recorded.
        """
        if config.start is not None:
            path = Path(config.start)
            return cls(path, spec.alphabet(Run(path.parent).read(TrainRecord)))
        repository = Repository.open()
        model = repository.model(START)
        artifact = next(file for file in model.artifacts if file.runtime == "keras")
        repository.read(artifact.path, artifact.sha256)
        return cls(repository.folder / artifact.path, alphabets.parse(model.labels))

    @property
    def sha256(self) -> str:
        """The checksum of the file."""
        return sha256(self.path)

    def network(self) -> Any:
        """Builds the network with these weights."""
        model = lenet5_field.build(keras, self.alphabet.blank + 1, normalized=False)
        try:
            model.set_weights(keras.models.load_model(self.path, compile=False).get_weights())
        except (OSError, ValueError) as error:
            line = str(error).splitlines()[0]
            raise CheckreaderError(f"{self.path}: not the weights of a field network: {line}") from None
        return model


def mixed(trained: Sequence[Floats], start: Sequence[Floats], share: float) -> list[Floats]:
    """Returns the weighted mean of trained weights and of those at the start, of which it takes a share."""
    return [
        np.asarray((1 - share) * after + share * before, np.float32)
        for after, before in zip(trained, start, strict=True)
    ]


def fine_tune(
    config: FieldTrainConfig,
    start: Start,
    stream: BatchStream,
    schedule: checkpoint.Schedule | None = None,
    name: str = "train",
) -> Any:
    """Fine-tunes a network on the batches of `stream`; returns it. `schedule` and `name` are as for `ctc.fit`."""
    _seed(config)
    model = start.network()
    ctc.fit(model, config, stream, (), schedule=schedule, name=name)
    return _in_float(model)


def cuts(start: Start, items: Sequence[Item], marks: str) -> list[tuple[recombine.Cut, ...]]:
    """Finds where fields can be cut, with the network that fine-tuning starts from.

    Args:
        start: that network.
        items: the fields, their texts in its symbols.
        marks: those of its symbols that texts name.
    """
    outputs = ctc.logits(start.network(), [pixels for pixels, _ in items])
    return [
        recombine.cuts(pixels, text, softmax(steps, axis=1), start.alphabet, marks)
        for (pixels, text), steps in zip(items, outputs, strict=True)
    ]


def _in_float(model: Any, network: SlidingNetwork = lenet5_field.NETWORK) -> Any:
    """Returns the same network computing in float32."""
    keras.mixed_precision.set_global_policy("float32")
    plain = network.build(keras, model.output_shape[-1], normalized=False)
    plain.set_weights(model.get_weights())
    return plain


def _seed(config: FieldTrainConfig) -> None:
    keras.utils.set_random_seed(config.seed)
    tf.config.experimental.enable_op_determinism()
    keras.mixed_precision.set_global_policy(config.precision)


def write_record(
    run: Run,
    model: Any,
    config: FieldTrainConfig,
    alphabet: Alphabet,
    data: dict[str, Any],
    preset: str,
    metrics: dict[str, Any],
    checkpoints: Checkpoints,
    **content: Any,
) -> dict[str, Any]:
    """Writes `float.keras` and `train.json`, and deletes the checkpoints; returns the record."""
    with replacing(run / WEIGHTS) as temporary:
        model.save(temporary)
        remove_timestamps(temporary)
    record = run.record(
        "train",
        [WEIGHTS],
        seconds=checkpoints.stopwatch.seconds(),
        preset=preset,
        config=dataclasses.asdict(config),
        alphabet=alphabet.symbols,
        data=data,
        metrics=metrics,
        **{"task": "field", "calibration": None, **content},
    )
    checkpoints.delete()
    checkpoints.stopwatch.path.unlink(missing_ok=True)
    return record
