"""Releases a MICR run: its files, its records and its golden lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from pipeline.evaluation.micr_readings import IMAGE
from pipeline.evaluation.micr_run import FAMILIES, stored_calibration
from pipeline.export.formats import MICR_FORMATS
from pipeline.networks import spec
from pipeline.networks.lenet5_micr import NETWORK
from pipeline.records import MicrRecords, convert
from pipeline.release import golden_strings, triton
from pipeline.release.artifacts import (
    GOLDEN,
    TaskRelease,
    beside,
    copy,
    records_folder,
    write_records,
)
from pipeline.release.golden_strings import GoldenSource
from pipeline.run import Run, write_bytes
from pipeline.synthesis import micr_lines
from pipeline.synthesis.scanner import paper_stock
from serving import __version__
from serving.decoding import micr
from serving.decoding.alphabet import manifest_labels
from serving.images.codec import Gray
from serving.images.micr_line import normalize_micr_line
from serving.manifest import Accuracy, Artifact, Manifest, Model, Tensor

FILES: Final = {
    "onnx_float32": "repository/lenet5-micr/{version}/model.onnx",
    "onnx_int8": "repository/lenet5-micr-int8/{version}/model.onnx",
    "tflite_float32": "edge/lenet5-micr.tflite",
    "tflite_int8": "edge/lenet5-micr-int8.tflite",
    "keras": "keras/lenet5-micr.keras",
}
_DESCRIPTIONS: Final = {
    spec.MICR.model: "LeNet-5 sliding over a MICR line, float: all of its E-13B symbols",
    spec.MICR.int8: "LeNet-5 sliding over a MICR line in 8-bit integers: all of its E-13B symbols",
}
_OUTPUT: Final = Tensor("probabilities", "FP32", [-1, -1, NETWORK.classes])
_LARGEST_BATCH: Final = 64  # lines
_PAPERS: Final = 12
_WIDEST: Final = 900  # columns of a golden picture: room is scarce


def write(
    run: Run, models: Path, version: str, records: dict[str, Any], previous: Manifest | None
) -> Manifest:
    """Writes the release of a MICR run into an empty folder.

    Args:
        run: verified.
        models: the empty folder.
        version: the MICR models' new one.
        records: of every stage, as JSON.
        previous: the manifest of the release before, whose other models stay; None: there is none.

    Returns:
        The manifest that goes with it.
    """
    typed = convert(records, MicrRecords, run.path)
    artifacts = copy(run, FILES, models, version, spec.MICR)
    for name in FAMILIES:
        config = triton.config(name, IMAGE, [_OUTPUT], _LARGEST_BATCH)
        write_bytes(models / "repository" / name / "config.pbtxt", config.encode())
    rows = [row for row in MICR_FORMATS if row.name in FILES]
    golden = golden_strings.write(run, rows, NETWORK.alphabet, golden_source(), models / "golden")
    write_records(records, records_folder(models, spec.MICR.name))
    before = beside(previous, spec.MICR, typed.export.environment.packages)
    return msgspec.structs.replace(
        before,
        release=__version__,
        models=before.models
        | {name: describe(run, name, version, artifacts[name], typed) for name in FAMILIES},
        golden={**before.golden, GOLDEN[spec.MICR.name]: golden},
        data={**before.data, spec.MICR.name: typed.train.data},
    )


def describe(run: Run, name: str, version: str, artifacts: list[Artifact], records: MicrRecords) -> Model:
    """Returns the manifest's entry of a model of MICR lines."""
    calibration, exact = stored_calibration(run, name), records.evaluate.families[name].exact
    return Model(
        version=version,
        task=spec.MICR.name,
        input=IMAGE,
        output=_OUTPUT,
        artifacts=artifacts,
        labels=manifest_labels(NETWORK.alphabet),
        description=_DESCRIPTIONS[name],
        seed=records.train.config["seed"],
        preset=records.train.preset,
        accuracy=Accuracy(exact.value, exact.low, exact.high, exact.n, records.evaluate.data["name"]),
        sliding=NETWORK.sliding,
        confidence=calibration.confidence,
        thresholds=calibration.thresholds,
    )


def golden_source() -> GoldenSource:
    """Draws whole lines that fit a country's layout."""
    stock = paper_stock(np.random.default_rng(0), _PAPERS)

    def draw(number: int, rng: np.random.Generator) -> tuple[Gray, str] | None:
        line = micr_lines.draw_line(rng, stock)
        if line.picture.shape[1] > _WIDEST or micr.parse(line.text).problem is not None:
            return None
        return line.picture, line.text.replace(" ", "")

    return GoldenSource(spec.MICR, GOLDEN[spec.MICR.name], "line", normalize_micr_line, draw)


RELEASE: Final = TaskRelease(spec.MICR, FILES, golden_strings.pictures, write)
