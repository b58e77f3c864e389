"""Measures how well the models of a run find the fields of labeled checks, through the files that the service runs.

    checkreader evaluate --run check --data FOLDER

Amount and date are found where box and label overlap by half (intersection over union), the MICR line where its box holds
the label's center and nine tenths of its width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from pipeline import progress
from pipeline.data.labeled_checks import Box, LabeledCheck, LabeledChecks
from pipeline.evaluation.field import share
from pipeline.export.formats import FOLDER, get
from pipeline.export.predictor import predictor
from pipeline.metrics.boxes import edges, share_of_overlap
from pipeline.networks import spec
from pipeline.records import ExportRecord
from pipeline.run import Run
from serving.errors import CheckreaderError
from serving.recognition.check_locator import FIELDS, Floats, locate
from serving.recognition.located_check import locate_pictures

# The format that is served, by model.
FAMILIES: Final = {spec.CHECK.model: "onnx_float32", spec.CHECK.int8: "onnx_int8"}
OVERLAP: Final = 0.5
_WIDTH: Final = 0.9  # of a MICR line that a box has to hold


@dataclass(frozen=True)
class _Finding:
    """Where a model finds the fields of a check, in the picture's pixels; whether it took the right side for the top."""

    boxes: Mapping[str, Box]
    right_way_up: bool


def evaluate(run: Run, labeled: LabeledChecks) -> dict[str, Any]:
    """Runs the stage; writes `evaluate.json`.

    Args:
        run: an exported run of the task `check`.
        labeled: the checks.

    Returns:
        The record; `families` holds for each model its `format`, by field the share that is `fields` of those that labels
        have a box for, the same for each `kind` of picture that labels name, and the share that is taken the right way up.

    Raises:
        CheckreaderError: a file is missing or changed, or a picture cannot be read.
    """
    exported = run.read(ExportRecord)
    networks: dict[str, Callable[[Floats], Floats]] = {}
    for name, format_name in FAMILIES.items():
        if format_name in exported.refused:
            raise CheckreaderError(
                f"{run.path}: {format_name} could not be exported: {exported.refused[format_name]}"
            )
        row = get(format_name, spec.CHECK.name)
        networks[name] = predictor(row, run / FOLDER / row.file, threads=1)
    findings: dict[str, list[_Finding]] = {name: [] for name in networks}
    for number, check in enumerate(labeled.checks, 1):
        progress.note(f"find fields: check {number:,} of {len(labeled):,}")
        encoded = check.file.read_bytes()
        for name, infer in networks.items():
            findings[name].append(_find(encoded, check, infer))
    return run.record(
        "evaluate",
        [],
        task=spec.CHECK.name,
        data=labeled.record(),
        families={
            name: {"format": format_name, **_measure(labeled.checks, findings[name])}
            for name, format_name in FAMILIES.items()
        },
    )


def summary(record: Mapping[str, Any]) -> str:
    """Returns what `evaluate` says on the screen."""
    lines = []
    for name, family in record["families"].items():
        shares = ", ".join(f"{field} {measure['value']:.1%}" for field, measure in family["fields"].items())
        lines.append(f"{name}, found of {record['data']['n']} checks of {record['data']['name']}: {shares}")
    return "\n".join(lines)


def is_found(field: str, box: Box | None, label: Box) -> bool:
    """Returns whether a box is where the label says that a field is."""
    if box is None:
        return False
    if field != "micr":
        return share_of_overlap(box, label) >= OVERLAP
    x, y = (label[0] + label[2]) / 2, (label[1] + label[3]) / 2
    held = min(box[2], label[2]) - max(box[0], label[0])
    return box[0] <= x <= box[2] and box[1] <= y <= box[3] and held >= _WIDTH * (label[2] - label[0])


def _find(encoded: bytes, check: LabeledCheck, infer: Callable[[Floats], Floats]) -> _Finding:
    (located,) = locate_pictures([encoded], lambda flat: locate(flat, infer))
    if located.perspective is None:
        return _Finding({}, False)
    boxes = {field: edges(located.in_picture(box)) for field, box in located.boxes.items()}
    # The right way up, the check's first corner is nearest to the label's first.
    distances = np.linalg.norm(check.corners - np.array(located.corners[0]), axis=1)
    return _Finding(boxes, int(distances.argmin()) == 0)


def _measure(checks: Sequence[LabeledCheck], findings: Sequence[_Finding]) -> dict[str, Any]:
    def shares(numbers: Sequence[int]) -> dict[str, Any]:
        table = {}
        for field in FIELDS:
            flags = [
                is_found(field, findings[number].boxes.get(field), checks[number].boxes[field])
                for number in numbers
                if field in checks[number].boxes
            ]
            if flags:
                table[field] = share(np.array(flags, np.bool_))
        return table

    kinds = sorted({str(check.label["kind"]) for check in checks if "kind" in check.label})
    by_kind = {
        kind: shares([n for n, check in enumerate(checks) if check.label.get("kind") == kind])
        for kind in kinds
    }
    return {
        "fields": shares(range(len(checks))),
        "by_kind": by_kind,
        "right_way_up": share(np.array([finding.right_way_up for finding in findings], np.bool_)),
    }
