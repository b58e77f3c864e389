"""Releases a field run: its files, its records, its golden fields and the picture of an amount."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from pipeline.evaluation.field import anonymized
from pipeline.evaluation.field_run import FAMILIES, stored_calibration, stored_sliding
from pipeline.export.formats import FIELD_FORMATS, FOLDER, get
from pipeline.export.predictor import predictor
from pipeline.networks import spec
from pipeline.networks.lenet5_field import SLIDING, translate
from pipeline.records import FieldRecords, convert
from pipeline.release import golden_strings, triton
from pipeline.release.artifacts import (
    GOLDEN,
    TaskRelease,
    beside,
    copy,
    records_folder,
    write_records,
)
from pipeline.release.golden_strings import GoldenSource, Predictor
from pipeline.run import Run, replacing, write_bytes
from pipeline.synthesis import generator as fields
from serving import __version__
from serving.decoding.alphabet import Alphabet, manifest_labels
from serving.decoding.amounts import interpret
from serving.decoding.field_string import field_format
from serving.decoding.thresholds import operating_point
from serving.images.codec import Gray, decode
from serving.images.field import normalize_field
from serving.manifest import (
    Accuracy,
    Artifact,
    Manifest,
    Model,
    Tensor,
)
from serving.recognition.annotate import draw
from serving.recognition.field_recognizer import read
from serving.recognition.fields import LocatedField

FILES: Final = {
    "onnx_float32": "repository/lenet5-field/{version}/model.onnx",
    "onnx_int8": "repository/lenet5-field-int8/{version}/model.onnx",
    "tflite_float32": "edge/lenet5-field.tflite",
    "tflite_int8": "edge/lenet5-field-int8.tflite",
    "keras": "keras/lenet5-field.keras",
}
_DESCRIPTIONS: Final = {
    spec.FIELD.model: "LeNet-5 sliding over a field, float: a whole amount or number",
    spec.FIELD.int8: "LeNet-5 sliding over a field in 8-bit integers: a whole amount or number",
}
_IMAGE: Final = Tensor("image", "FP32", [-1, SLIDING.height, -1, 1])
_LARGEST_BATCH: Final = 64  # fields
_SERVED: Final = get(FAMILIES[spec.FIELD.model], "field")
_PICTURE: Final = "field-b.png"  # the golden field that is shown: the second has a mark
_WRITERS: Final = 20


def write(
    run: Run, models: Path, version: str, records: dict[str, Any], previous: Manifest | None
) -> Manifest:
    """Writes the release of a field run into an empty folder.

    Args:
        run: verified.
        models: the empty folder.
        version: the field models' new one.
        records: of every stage, as JSON.
        previous: the manifest of the release before, whose other models stay; None: there is none.

    Returns:
        The manifest that goes with it.
    """
    typed = convert(records, FieldRecords, run.path)
    alphabet = spec.alphabet(typed.train)
    artifacts = copy(run, FILES, models, version, spec.FIELD)
    for name in FAMILIES:
        folder = models / "repository" / name
        write_bytes(
            folder / "config.pbtxt", triton.config(name, _IMAGE, [_output(alphabet)], _LARGEST_BATCH).encode()
        )
    rows = [row for row in FIELD_FORMATS if row.name in FILES]
    golden = golden_strings.write(run, rows, alphabet, golden_source(alphabet), models / "golden")
    write_records(
        {stage: _public(record) for stage, record in records.items()}, records_folder(models, "field")
    )
    before = beside(previous, spec.FIELD, typed.export.environment.packages)
    manifest = msgspec.structs.replace(
        before,
        release=__version__,
        models={name: model for name, model in before.models.items() if model.task != "field"}
        | {name: describe(run, name, version, artifacts[name], typed) for name in FAMILIES},
        golden={**before.golden, GOLDEN[spec.FIELD.name]: golden},
        data={**before.data, "field": typed.train.data},
    )
    _draw_amount(models, manifest.models[spec.FIELD.model], predictor(_SERVED, run / FOLDER / _SERVED.file))
    return manifest


def _public(record: dict[str, Any]) -> dict[str, Any]:
    """Removes what names one of a user's pictures or folders; `write_records` leaves out `data_dir`."""
    record = dict(record)
    if "cross_validation" in record:
        report = record["cross_validation"]
        record["cross_validation"] = {**report, "pooled": anonymized(report["pooled"])}
    if "families" in record:
        record["families"] = {name: anonymized(family) for name, family in record["families"].items()}
    settings = record.get("config") or {}
    if settings.get("start"):
        record["config"] = {**settings, "start": Path(settings["start"]).name}
    return record


def describe(run: Run, name: str, version: str, artifacts: list[Artifact], records: FieldRecords) -> Model:
    """Returns the manifest's entry of a model of fields."""
    calibration = stored_calibration(run, name)
    measured, note = records.evaluate.families[name], ""
    if records.evaluate.trained_on and records.train.cross_validation is not None:
        measured, note = records.train.cross_validation.pooled, ", cross-validated"
    exact, alphabet = measured.exact, spec.alphabet(records.train)
    return Model(
        version=version,
        task="field",
        input=_IMAGE,
        output=_output(alphabet),
        artifacts=artifacts,
        labels=manifest_labels(alphabet),
        description=_DESCRIPTIONS[name],
        seed=records.train.config["seed"],
        preset=records.train.preset,
        accuracy=Accuracy(exact.value, exact.low, exact.high, exact.n, measured.data["name"] + note),
        sliding=stored_sliding(run, name),
        confidence=calibration.confidence,
        thresholds=calibration.thresholds,
    )


def _output(alphabet: Alphabet) -> Tensor:
    return Tensor("probabilities", "FP32", [-1, -1, alphabet.blank + 1])


def _draw_amount(models: Path, model: Model, predict: Predictor) -> None:
    """Draws a golden amount with its reading and boxes, for the README."""
    gray = decode((models / "golden" / _PICTURE).read_bytes())
    source = LocatedField(normalize_field(gray), 1, (0, 0), (gray.shape[1], gray.shape[0]))
    largest = max((threshold.max_error for threshold in model.thresholds), default=None)
    point = operating_point(model.thresholds, largest)
    (prediction,) = read([source], predict, model, field_format("amount"), point).predictions
    with replacing(models / "amount.png") as temporary:
        draw(gray, prediction).quantize(32).save(temporary, optimize=True)


def golden_source(alphabet: Alphabet) -> GoldenSource:
    """Draws fields in the handwriting of invented writers, every other one an amount with a mark."""
    generator = fields.Generator(fields.sources(mnist=False, writers=_WRITERS))

    def draw(number: int, rng: np.random.Generator) -> tuple[Gray, str] | None:
        sample = generator.sample(rng)
        text = translate(sample.text, alphabet)
        if number % 2 == 0:
            return (sample.picture, text) if text.isdigit() and len(text) > 1 else None
        is_amount = not text.isdigit() and any(map(str.isdigit, text)) and interpret(text).amount is not None
        return (sample.picture, text) if is_amount else None

    return GoldenSource(spec.FIELD, GOLDEN[spec.FIELD.name], "field", normalize_field, draw)


RELEASE: Final = TaskRelease(spec.FIELD, FILES, golden_strings.pictures, write)
