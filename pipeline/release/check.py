"""Releases a run that finds the fields of checks: its files, its records and its golden checks."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from PIL import Image

from pipeline.augmentation import check as augmentation
from pipeline.export.formats import CHECK_FORMATS, FOLDER
from pipeline.export.predictor import predictor
from pipeline.networks import spec
from pipeline.networks.check_fields import NETWORK
from pipeline.records import CheckRecords, convert
from pipeline.release import triton
from pipeline.release.artifacts import GOLDEN, TaskRelease, beside, copy, records_folder, write_records
from pipeline.run import Run, sha256, write_bytes
from pipeline.synthesis.check_drawing import draw
from pipeline.synthesis.check_hands import invented_hands
from serving import __version__
from serving.images.digit import tensor
from serving.manifest import Artifact, Golden, GoldenCheck, GoldenChecks, Manifest, Model, Tensor
from serving.recognition.check_locator import LABELS, find_boxes, grid

FILES: Final = {
    "onnx_float32": "repository/check-fields/{version}/model.onnx",
    "onnx_int8": "repository/check-fields-int8/{version}/model.onnx",
    "tflite_float32": "edge/check-fields.tflite",
    "tflite_int8": "edge/check-fields-int8.tflite",
}
_DESCRIPTIONS: Final = {
    spec.CHECK.model: "Finds amount, date, MICR line, number and words on a flat check, float",
    spec.CHECK.int8: "Finds amount, date, MICR line, number and words on a flat check, in 8-bit integers",
}
_IMAGE: Final = Tensor("image", "FP32", [-1, NETWORK.height, NETWORK.width, 1])
_OUTPUT: Final = Tensor("probabilities", "FP32", [-1, NETWORK.steps, NETWORK.classes])
_LARGEST_BATCH: Final = 16  # checks, each both ways up
_GOLDEN: Final = 4
_PLACES: Final = 4  # decimals of the golden boxes


def write(
    run: Run, models: Path, version: str, records: dict[str, Any], previous: Manifest | None
) -> Manifest:
    """Writes the release of a run into an empty folder.

    Args:
        run: verified.
        models: the empty folder.
        version: the models' new one.
        records: of every stage, as JSON.
        previous: the manifest of the release before, whose other models stay; None: there is none.

    Returns:
        The manifest that goes with it.
    """
    typed = convert(records, CheckRecords, run.path)
    artifacts = copy(run, FILES, models, version, spec.CHECK)
    for name in _DESCRIPTIONS:
        config = triton.config(name, _IMAGE, [_OUTPUT], _LARGEST_BATCH)
        write_bytes(models / "repository" / name / "config.pbtxt", config.encode())
    golden = _write_golden(run, models / "golden")
    write_records(records, records_folder(models, spec.CHECK.name))
    before = beside(previous, spec.CHECK, typed.export.environment.packages)
    entries = {name: _describe(name, version, artifacts[name], typed) for name in _DESCRIPTIONS}
    return msgspec.structs.replace(
        before,
        release=__version__,
        models=before.models | entries,
        golden={**before.golden, GOLDEN[spec.CHECK.name]: golden},
        data={**before.data, spec.CHECK.name: typed.train.data},
    )


def pictures(content: bytes) -> list[str]:
    """Returns the names of the pictures of a golden set, from its JSON."""
    return [check.file for check in msgspec.json.decode(content, type=GoldenChecks).checks]


def _describe(name: str, version: str, artifacts: list[Artifact], records: CheckRecords) -> Model:
    return Model(
        version=version,
        task=spec.CHECK.name,
        input=_IMAGE,
        output=_OUTPUT,
        artifacts=artifacts,
        labels=list(LABELS),
        description=_DESCRIPTIONS[name],
        seed=records.train.config["seed"],
        preset=records.train.preset,
    )


def _write_golden(run: Run, folder: Path) -> Golden:
    """Draws checks and writes their thumbnails with the boxes that each released format finds."""
    rows = [row for row in CHECK_FORMATS if row.name in FILES]
    predictors = {row: predictor(row, run / FOLDER / row.file) for row in rows}
    hands, checks = invented_hands("train"), []
    for number in range(_GOLDEN):
        check = draw("train", (0, number), hands)
        pixels = augmentation.plain(augmentation.flatten(check.picture, check.corners, check.places))
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
        name = f"check-{'abcdefgh'[number]}.png"
        write_bytes(folder / name, buffer.getvalue())
        expected: dict[str, dict[str, dict[str, tuple[float, float, float, float]]]] = {}
        for row, infer in predictors.items():
            boxes, _ = find_boxes(grid(infer(tensor(pixels[None]))[0]))
            expected.setdefault(row.model, {})[row.name] = {
                field: (left, top, right, bottom)
                for field, box in boxes.items()
                for left, top, right, bottom in [np.round(box, _PLACES).tolist()]
            }
        checks.append(GoldenCheck(name, sha256(folder / name), expected))
    path = folder / f"{GOLDEN[spec.CHECK.name]}.json"
    write_bytes(path, msgspec.json.encode(GoldenChecks(checks)) + b"\n")
    return Golden(f"{folder.name}/{path.name}", sha256(path))


RELEASE: Final = TaskRelease(spec.CHECK, FILES, pictures, write)
