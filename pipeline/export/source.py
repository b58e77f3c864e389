"""What the exporters export: the float network, the quantized one, and where they come from."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from pathlib import Path
from typing import Any

import keras
import msgspec

from pipeline.export.formats import Format
from pipeline.export.provenance import encode
from pipeline.networks import folded, lenet5
from pipeline.networks import lenet5_field as field
from pipeline.networks import spec as task
from pipeline.networks.spec import Task
from pipeline.run import QUANTIZED, WEIGHTS, Run
from serving import __version__
from serving.errors import CheckreaderError
from serving.manifest import Threshold


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """A quantized run, opened.

    Attributes:
        network: the float Keras model, pixels → logits; of a `fast` run the folded one.
        quantized: the folder of the quantized SavedModel.
        temperatures: what divides the logits, per model (`task.model` and `task.int8`).
        config, data: of the training.
        files: SHA-256 of the files that each model comes from.
        task: what it reads.
        thresholds: of the quantized model, from which probability it is accepted.
    """

    network: Any
    quantized: Path
    temperatures: dict[str, float]
    config: dict[str, Any]
    data: dict[str, Any]
    files: dict[str, dict[str, str]]
    task: Task = task.DIGIT
    thresholds: tuple[Threshold, ...] = ()

    @classmethod
    def of(cls, run: Run) -> Source:
        """Reads a run's `train` and `quantize` records and checks their files.

        Raises:
            CheckreaderError: one was not run, has changed since, or cannot be read.
        """
        train, quantize = run.require("train"), run.require("quantize")
        found = task.task_of_record(train)
        try:
            network = keras.models.load_model(run / WEIGHTS, compile=False)
        except Exception as error:
            raise CheckreaderError(f"{run / WEIGHTS}: Keras cannot load it: {error}") from None
        if found is task.FAST:
            network = folded.fold(keras, network)
        return cls(
            network,
            run / QUANTIZED,
            {found.model: _temperature(train), found.int8: _temperature(quantize)},
            train["config"],
            train["data"],
            {
                model: {name: entry["sha256"] for name, entry in record["files"].items()}
                for model, record in ((found.model, train), (found.int8, quantize))
            },
            found,
            tuple(
                msgspec.convert((quantize.get("calibration") or {}).get("thresholds", []), list[Threshold])
            ),
        )

    @functools.cached_property
    def inference_model(self) -> Any:
        """The float Keras model to release: temperature folded in, pixels → probabilities."""
        if self.task.name == "field":
            return field.deployable(keras, self.network)
        return lenet5.deployable(keras, self.network, self.temperatures[self.task.model])

    def provenance(self, row: Format) -> dict[str, Any]:
        """What the file says about itself in its metadata."""
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
        """Of a digit's data the files'; fields are drawn from many, and the hash is that of their record."""
        if self.task.name == "field":
            return hashlib.sha256(encode(self.data).encode()).hexdigest()
        return self.data["sha256"]


def _temperature(record: dict[str, Any]) -> float:
    """1 for a network whose answers are calibrated as whole strings, not step by step."""
    return float((record.get("calibration") or {}).get("temperature", 1.0))
