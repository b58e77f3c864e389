"""Releases a field run: its files, its records, its golden fields and the picture of an amount."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.evaluation.field import anonymized
from pipeline.evaluation.field_run import FAMILIES, stored_calibration, stored_sliding
from pipeline.export.formats import FIELD_FORMATS, FOLDER, Format, get
from pipeline.export.predictor import predictor
from pipeline.networks import batching, spec
from pipeline.networks.lenet5_field import SLIDING, translate
from pipeline.records import FieldRecords, convert
from pipeline.release import triton
from pipeline.release.artifacts import PREVIOUS, TaskRelease, beside, copy, records_folder, write_records
from pipeline.run import Run, replacing, sha256, write_bytes
from pipeline.synthesis import generator as fields
from serving import __version__
from serving.decoding import ctc
from serving.decoding.alphabet import EITHER, Alphabet, manifest_labels
from serving.decoding.field_string import field_format
from serving.decoding.thresholds import operating_point
from serving.errors import CheckreaderError
from serving.images.codec import decode
from serving.images.digit import tensor
from serving.images.field import normalize_field
from serving.manifest import (
    Accuracy,
    Artifact,
    Golden,
    GoldenField,
    GoldenFields,
    GoldenSteps,
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
_GOLDEN: Final = 8
_ATTEMPTS: Final = 200
_CONFIDENCE: Final = 0.985  # of the whole string, in every format: accepted where anything is
_LEAST: Final = (
    0.5  # of the surest of all drawn fields that every format reads, where none is read with `_CONFIDENCE`
)
_PLACES: Final = 4  # decimals of the golden probabilities
_WRITERS: Final = 20

Predictor = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


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
    predictors = {row: predictor(row, run / FOLDER / row.file) for row in rows}
    golden = _write_golden(predictors, alphabet, models / "golden")
    write_records(
        {stage: _public(record) for stage, record in records.items()}, records_folder(models, "field")
    )
    before = beside(previous, spec.FIELD, typed.export.environment.packages)
    manifest = msgspec.structs.replace(
        before,
        release=__version__,
        models={name: model for name, model in before.models.items() if model.task != "field"}
        | {name: describe(run, name, version, artifacts[name], typed) for name in FAMILIES},
        golden={**before.golden, "fields": golden},
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


def _write_golden(predictors: dict[Format, Predictor], alphabet: Alphabet, folder: Path) -> Golden:
    """Draws fields that every released format reads, and writes them with its answers."""
    generator = fields.Generator(fields.sources(mnist=False, writers=_WRITERS))
    golden = []
    for number in range(_GOLDEN):
        name = f"field-{'abcdefghijklmnop'[number]}.png"
        picture, text, answers = _draw(generator, number, predictors, alphabet)
        write_bytes(folder / name, picture)
        expected: dict[str, dict[str, GoldenSteps]] = {}
        for row, rows in answers.items():
            best = rows.argmax(1)
            steps = GoldenSteps(best.tolist(), rows.max(1).astype(float).round(_PLACES).tolist())
            expected.setdefault(row.model, {})[row.name] = steps
        width = normalize_field(decode(picture)).pixels.shape[1]
        golden.append(GoldenField(name, text.replace(EITHER, "."), sha256(folder / name), width, expected))
    path = folder / "fields.json"
    write_bytes(path, msgspec.json.encode(GoldenFields(golden)) + b"\n")
    return Golden(f"{folder.name}/{path.name}", sha256(path))


def _draw(
    generator: Any, number: int, predictors: dict[Format, Predictor], alphabet: Alphabet
) -> tuple[bytes, str, dict[Format, npt.NDArray[np.float32]]]:
    """Draws until every format reads the field with confidence, or takes the surest that every format reads.

    Returns:
        The picture, as PNG, its text, and the steps' probabilities [T, K] by format.
    """
    # Keras compiles anew for each width: it is run last, when the others have read the field.
    order = sorted(predictors, key=lambda row: row.runtime == "keras")
    best: tuple[float, bytes, str, dict[Format, npt.NDArray[np.float32]]] | None = None
    for attempt in range(_ATTEMPTS):
        sample = generator.sample(np.random.default_rng([number, attempt]))
        text = translate(sample.text, alphabet)
        buffer = io.BytesIO()
        Image.fromarray(sample.picture).save(buffer, "PNG")
        field = normalize_field(decode(buffer.getvalue()))
        # Every other one with a mark.
        if field.problem is not None or text.isdigit() != (number % 2 == 0):
            continue
        (batch,) = batching.make_batches(spec.FIELD, [field.pixels])
        answers, surety = {}, 1.0
        for row in order:
            rows = batch.rows(predictors[row](tensor(batch.pixels)))
            string = ctc.search(rows, count=1).best[0]
            surety = min(surety, string.probability)
            if string.labels != alphabet.labels(text) or surety < (_LEAST if best is None else best[0]):
                break
            answers[row] = rows
        else:
            best = surety, buffer.getvalue(), text, {row: answers[row] for row in predictors}
            if surety >= _CONFIDENCE:
                break
    if best is None:
        raise CheckreaderError(
            f"not released: of {_ATTEMPTS} drawn fields none is read by every format: train longer or on more data"
        )
    return best[1:]


def pictures(content: bytes) -> list[str]:
    """Returns the names of the pictures of a golden set, from its JSON."""
    return [field.file for field in msgspec.json.decode(content, type=GoldenFields).fields]


RELEASE: Final = TaskRelease(spec.FIELD, FILES, "fields", PREVIOUS / "fields.json", pictures, write)
