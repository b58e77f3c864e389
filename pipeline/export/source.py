"""What the exporters export: the float network, the quantized one, and where they come from."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import keras

from pipeline import lenet5
from pipeline.export.formats import Format
from pipeline.run import Run
from serving import __version__
from serving.errors import CheckdigitError

FLOAT = "float.keras"
QUANTIZED = "quantized"


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """A quantized run, opened.

    Attributes:
        network: the float Keras model, pixels → logits.
        quantized: the folder of the quantized SavedModel.
        temperatures: what divides the logits, per model ("lenet5", "lenet5-int8").
        config, data: of the training.
        files: SHA-256 of the files that each model comes from.
    """

    network: Any
    quantized: Path
    temperatures: dict[str, float]
    config: dict[str, Any]
    data: dict[str, Any]
    files: dict[str, dict[str, str]]

    @classmethod
    def of(cls, run: Run) -> Source:
        """Reads a run's `train` and `quantize` records and checks their files.

        Raises:
            CheckdigitError: one was not run, has changed since, or cannot be read.
        """
        train, quantize = run.require("train"), run.require("quantize")
        try:
            network = keras.models.load_model(run / FLOAT, compile=False)
        except Exception as error:
            raise CheckdigitError(f"{run / FLOAT}: Keras cannot load it: {error}") from None
        return cls(
            network,
            run / QUANTIZED,
            {
                "lenet5": float(train["calibration"]["temperature"]),
                "lenet5-int8": float(quantize["calibration"]["temperature"]),
            },
            train["config"],
            train["data"],
            {
                model: {name: entry["sha256"] for name, entry in record["files"].items()}
                for model, record in (("lenet5", train), ("lenet5-int8", quantize))
            },
        )

    @functools.cached_property
    def deployable(self) -> Any:
        """The float Keras model to release: temperature folded in, pixels → probabilities."""
        return lenet5.deployable(keras, self.network, self.temperatures["lenet5"])

    @functools.cached_property
    def integers(self) -> bytes:
        """The int8 `.tflite`, from which every 8-bit format takes its integers."""
        from pipeline.export import to_tflite

        return to_tflite.integers(self.quantized, self.temperatures["lenet5-int8"])

    def provenance(self, row: Format) -> dict[str, Any]:
        """What the file says about itself in its metadata."""
        family = "lenet5-int8" if row.model == "lenet5-int8" else "lenet5"
        return {
            "checkdigit": __version__,
            "model": row.model,
            "format": row.name,
            "data": {"name": self.data["name"], "sha256": self.data["sha256"]},
            "seed": self.config["seed"],
            "temperature": self.temperatures[family],
            "source": self.files[family],
        }
