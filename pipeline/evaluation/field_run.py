"""Calibrates and evaluates the two field models of a run on labeled fields, through the files that the service runs.

    checkreader calibrate --run field --data FOLDER    # confidence and thresholds
    checkreader evaluate --run field --data FOLDER     # measures, and chooses nothing

Any labeled fields will do; a bank's own represent its fields best.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from pipeline import progress
from pipeline.data.labeled_fields import Labeled, folds
from pipeline.evaluation import evaluated_sets, field_calibration, field_views
from pipeline.evaluation import field as evaluation
from pipeline.evaluation.cross_validation import FOLDS
from pipeline.evaluation.field_readings import (
    FieldRecognizer,
    correct,
    field_recognizer,
    recognize,
    recognize_nonfields,
)
from pipeline.export.formats import FOLDER, get
from pipeline.export.predictor import predictor
from pipeline.networks import spec
from pipeline.networks.lenet5_field import SLIDING
from pipeline.records import CalibrateRecord, Calibration, ExportRecord, TrainRecord
from pipeline.run import Run
from pipeline.synthesis.sampler import HandwritingSampler
from serving.errors import CheckreaderError
from serving.manifest import Confidence, Sliding, Threshold

# The format that is served, by model.
FAMILIES: Final = {spec.FIELD.model: "onnx_float32", spec.FIELD.int8: "onnx_int8"}
INVENTED_WRITERS: Final = 40  # their fields are shown upside down, as pictures that are no field
_NONFIELDS: Final = 2_000  # pictures that are no field, for the minimum threshold


def calibrate(
    run: Run,
    labeled: Labeled,
    seed: int = 0,
    count: int = _NONFIELDS,
    invented: int = INVENTED_WRITERS,
    vetoes: Sequence[Labeled] = (),
    most_views: float | None = None,
) -> dict[str, Any]:
    """Runs the stage: fits confidence and thresholds of both models; writes `calibrate.json`.

    Args:
        run: an exported run of the task `field`.
        labeled: development fields, which the network was not trained on.
        seed: of the folds and of the pictures that are no field.
        count: the number of pictures that are no field.
        invented: the number of invented writers whose fields are shown upside down.
        vetoes: sets of fields that may contradict a threshold, and certify none.
        most_views: of a field, on average; None = every view of each.

    Returns:
        The record; `families` holds for each model its `format` and the result of `field_calibration.fit`.

    Raises:
        CheckreaderError: a file is missing or changed, the network was trained on these fields, or none of
            them could be read.
    """
    for fields in (labeled, *vetoes):
        if _trained_on(run, fields):
            raise CheckreaderError(
                f"{fields.name}: the network was trained on these fields: `train` has calibrated it, "
                "by cross-validation"
            )
    alphabet = spec.alphabet(run.read(TrainRecord))
    labeled, *others = (fields.translated(alphabet) for fields in (labeled, *vetoes))

    def fitted(name: str, format_name: str) -> dict[str, Any]:
        def recognizer(kind: str, sliding: Sliding) -> FieldRecognizer:
            return _recognizer(run, format_name, kind, None, sliding)

        return {
            "format": format_name,
            **fit(name, recognizer, SLIDING, labeled, seed, count, invented, others, most_views),
        }

    families = {name: fitted(name, format_name) for name, format_name in FAMILIES.items()}
    return run.record(
        "calibrate",
        [],
        task="field",
        data=labeled.record(),
        vetoes=[fields.record() for fields in vetoes],
        pictures=len(labeled),
        seed=seed,
        families=families,
    )


def fit(
    name: str,
    recognizer: Callable[[str, Sliding], FieldRecognizer],
    sliding: Sliding,
    labeled: Labeled,
    seed: int = 0,
    count: int = _NONFIELDS,
    invented: int = INVENTED_WRITERS,
    vetoes: Sequence[Labeled] = (),
    most_views: float | None = None,
) -> dict[str, Any]:
    """Fits a model, called `name`: when one view is enough, then confidence and thresholds of what is read so.

    `recognizer` returns that of a kind of fields and a geometry, without a confidence; `sliding` is the model's geometry.
    The other arguments are those of `calibrate`.
    """
    progress.note(f"{name}: reading {len(labeled):,} fields and {count:,} pictures that are none")
    sliding = msgspec.structs.replace(sliding, sure=None)
    if most_views is not None:
        sliding = field_views.fit(functools.partial(recognizer, labeled.kind), sliding, labeled, most_views)

    def read(fields: Labeled) -> field_calibration.ReadSet:
        recognized = recognize(recognizer(fields.kind, sliding), fields)
        return field_calibration.ReadSet(fields.name, recognized, correct(recognized, fields))

    development, parts = read(labeled), folds(labeled, FOLDS, seed)
    draw_field = HandwritingSampler(invented=invented).field
    nonfields = recognize_nonfields(recognizer(labeled.kind, sliding), count, seed, draw_field)
    fitted = field_calibration.fit(development, parts, nonfields, vetoes=[read(fields) for fields in vetoes])
    views = {"sure": sliding.sure, "views": field_views.mean_views(development.recognized)}
    return {"calibration": {**msgspec.to_builtins(fitted), **views}}


def stored_calibration(run: Run, name: str) -> Calibration:
    """Returns a model's calibration: that of `calibrate` if it was run, else of `train`, else an empty one."""
    if (run / "calibrate.json").exists():
        return run.read(CalibrateRecord).families[name].calibration
    return run.read(TrainRecord).calibration or Calibration()


def stored_sliding(run: Run, name: str) -> Sliding:
    """Returns a model's geometry with the bound of its calibration."""
    return msgspec.structs.replace(SLIDING, sure=stored_calibration(run, name).sure)


def evaluate(
    run: Run,
    labeled: Labeled,
    nonfield_count: int = evaluation.NONFIELDS,
    invented: int = INVENTED_WRITERS,
) -> dict[str, Any]:
    """Runs the stage: measures both models on labeled fields; writes `evaluate.json`, and keeps it in `evaluated.json`.

    Args:
        run: an exported run of the task `field`.
        labeled: the fields. If `calibrate` was fitted on them, confidences are taken out of fold.
        nonfield_count: the number of pictures that are no field.
        invented: the number of invented writers whose fields are shown upside down.

    Returns:
        The record; `families` holds for each model its `format` and the record of `field.evaluate`,
        `difference` the exact strings of 8 bits minus those of float, as a share. `trained_on` is True if
        the network was trained on these very fields: then the cross-validation in `train.json` counts instead.

    Raises:
        CheckreaderError: a file is missing or changed, or could not be exported.
    """
    seed = run.read(CalibrateRecord).seed if _calibrated_on(run, labeled) else None
    labeled = labeled.translated(spec.alphabet(run.read(TrainRecord)))
    families = {}
    for name, format_name in FAMILIES.items():
        calibration = stored_calibration(run, name)
        recognizer = _recognizer(
            run, format_name, labeled.kind, calibration.confidence, stored_sliding(run, name)
        )
        families[name] = {
            "format": format_name,
            **measure(name, recognizer, labeled, calibration.thresholds, seed, nonfield_count, invented),
        }
    record = run.record(
        "evaluate",
        [],
        task="field",
        data=labeled.record(),
        families=families,
        difference=difference(families),
        trained_on=_trained_on(run, labeled),
    )
    evaluated_sets.keep(run, record)
    return record


def measure(
    name: str,
    recognizer: FieldRecognizer,
    labeled: Labeled,
    thresholds: Sequence[Threshold],
    seed: int | None,
    nonfield_count: int = evaluation.NONFIELDS,
    invented: int = INVENTED_WRITERS,
) -> dict[str, Any]:
    """Measures a model, called `name`, on labeled fields.

    Args:
        name: the model's.
        recognizer: with the model's confidence.
        labeled: the fields.
        thresholds: the model's.
        seed: of the folds if the confidence was fitted on these fields, which then is taken out of fold.
        nonfield_count, invented: as for `evaluate`.
    """
    progress.note(f"{name}: reading {len(labeled):,} fields and {nonfield_count:,} pictures that are none")
    parts = None if seed is None else folds(labeled, FOLDS, seed)
    draw_field = HandwritingSampler(part="validation", invented=invented).field
    return evaluation.evaluate(recognizer, labeled, thresholds, parts, seed, draw_field, nonfield_count)


def difference(families: Mapping[str, Any]) -> float:
    """Returns the share of exact strings in 8 bits minus that in float."""
    values = [families[name]["exact"]["value"] for name in (spec.FIELD.int8, spec.FIELD.model)]
    return float(values[0] - values[1])


def _recognizer(
    run: Run, format_name: str, kind: str, confidence: Confidence | None, sliding: Sliding
) -> FieldRecognizer:
    """Returns the recognizer of a format's file."""
    refused = run.read(ExportRecord).refused
    if format_name in refused:
        raise CheckreaderError(f"{run.path}: {format_name} could not be exported: {refused[format_name]}")
    row = get(format_name, "field")
    alphabet = spec.alphabet(run.read(TrainRecord))
    return field_recognizer(
        predictor(row, run / FOLDER / row.file), alphabet, confidence, kind, sliding=sliding
    )


def _trained_on(run: Run, labeled: Labeled) -> bool:
    own_data = run.read(TrainRecord).data.get("own")
    return own_data is not None and bool(own_data["sha256"] == labeled.sha256)


def _calibrated_on(run: Run, labeled: Labeled) -> bool:
    path = run / "calibrate.json"
    return path.exists() and bool(run.read(CalibrateRecord).data["sha256"] == labeled.sha256)


def calibration_summary(record: dict[str, Any]) -> str:
    """Formats the record of `calibrate` in lines for the screen."""
    lines = []
    for name, family in record["families"].items():
        fitted = family["calibration"]
        lines.append(f"{name}: calibrated on {record['data']['n']:,} fields of {record['data']['name']}")
        if fitted["sure"] is not None:
            lines.append(
                f"  one view where it is sure, from probability {fitted['sure']:.4f}: "
                f"{fitted['views']:.2f} views a field"
            )
        lines += [
            f"  max_error {entry['max_error']}: accepted from confidence {entry['threshold']:.4f}, "
            f"which is {entry['accepted']:.1%}, {entry['error']:.2%} of them wrong"
            for entry in fitted["thresholds"]
        ]
        lines += [
            f"  {entry['name']}: max_error {entry['max_error']} accepts {entry['accepted']:,} of {entry['n']:,}, "
            f"{entry['wrong']} of them wrong"
            for entry in fitted["sets"]
            if entry["name"] != record["data"]["name"]
        ]
        lines += [f"  no threshold for max_error {line}" for line in fitted["refusals"]]
    return "\n".join(lines)


def summary(record: dict[str, Any]) -> str:
    """Formats the record of `evaluate` in lines for the screen."""
    lines = [f"{name}: {evaluation.summary(family)}" for name, family in record["families"].items()]
    if record["trained_on"]:
        lines.append(
            "the network was trained on these very fields: what counts is the cross-validation of `train`"
        )
    return "\n".join(
        [*lines, f"8 bits minus float: {100 * record['difference']:+.2f} points of exact strings"]
    )
