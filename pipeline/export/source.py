"""The source of every export: the float network, the quantized one, and where they come from."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from pathlib import Path
from typing import Any

import keras

from pipeline.export.formats import Format
from pipeline.export.provenance import encode
from pipeline.networks import folded, lenet5, spec
from pipeline.networks.spec import Task
from pipeline.records import QuantizeRecord, TrainRecord
from pipeline.run import QUANTIZED, WEIGHTS, Run
from serving import __version__
from serving.errors import CheckreaderError
from serving.manifest import Threshold


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """An opened quantized run.

    Attributes:
        network: the float Keras model as it was trained, pixels → logits.
        quantized: the folder of the quantized SavedModel.
        temperatures: the divisors of the logits, per model (`task.model` and `task.int8`).
        config, data: the training's records.
        files: SHA-256 of the files that each model comes from.
        task: the run's task.
        thresholds: the quantized model's, from which probability a digit is accepted.
        least_evidence: what a digit has to show, too; None: nothing.
    """

    network: Any
    quantized: Path
    temperatures: dict[str, float]
    config: dict[str, Any]
    data: dict[str, Any]
    files: dict[str, dict[str, str]]
    task: Task = spec.DIGIT
    thresholds: tuple[Threshold, ...] = ()
    least_evidence: float | None = None

    @classmethod
    def of(cls, run: Run) -> Source:
        """Reads a run's `train` and `quantize` records and checks their files.

        Raises:
            CheckreaderError: one was not run, has changed since, or cannot be read.
        """
        train, quantize = run.read(TrainRecord), run.read(QuantizeRecord)
        run_task = spec.task_of_record(train)
        try:
            network = keras.models.load_model(run / WEIGHTS, compile=False)
        except Exception as error:
            raise CheckreaderError(f"{run / WEIGHTS}: Keras cannot load it: {error}") from None
        records: dict[str, TrainRecord | QuantizeRecord] = {run_task.model: train, run_task.int8: quantize}
        return cls(
            network,
            run / QUANTIZED,
            {model: _temperature(record) for model, record in records.items()},
            train.config,
            train.data,
            {
                model: {name: file.sha256 for name, file in record.files.items()}
                for model, record in records.items()
            },
            run_task,
            tuple(quantize.calibration.thresholds) if quantize.calibration else (),
            quantize.calibration.least_evidence if quantize.calibration else None,
        )

    @functools.cached_property
    def inference_model(self) -> Any:
        """The float Keras model to deploy, pixels → probabilities, with the temperature and the pooling folded in."""
        if self.task.network is not None:
            return self.task.network.deployable(keras, self.network)
        return self._calibrated(folded.fold(keras, self.network))

    @functools.cached_property
    def unfolded_model(self) -> Any:
        """The same of a digit's network as it was trained, with pooling of its own."""
        return self._calibrated(self.network)

    def _calibrated(self, network: Any) -> Any:
        return lenet5.deployable(keras, network, self.temperatures[self.task.model])

    def provenance(self, row: Format) -> dict[str, Any]:
        """Returns the provenance that goes into the metadata of a format's file."""
        family = self.task.int8 if row.model == self.task.int8 else self.task.model
        return {
            "checkreader": __version__,
            "model": row.model,
            "format": row.name,
            "data": {"name": self.data["name"], "sha256": self._data_sha256()},
            "seed": self.config["seed"],
            "temperature": self.temperatures[family],
            "source": self.files[family],
        }

    def _data_sha256(self) -> Any:
        """Returns the hashes of a digit's data files; fields come from many files, and their record is hashed."""
        if self.task.network is not None:
            return hashlib.sha256(encode(self.data).encode()).hexdigest()
        return self.data["sha256"]


def _temperature(record: TrainRecord | QuantizeRecord) -> float:
    """Returns a record's temperature, 1 for a network whose strings are calibrated instead of its steps."""
    if record.calibration is None or record.calibration.temperature is None:
        return 1.0
    return record.calibration.temperature
