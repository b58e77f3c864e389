"""Measures both MICR models of a run on labeled lines, through the files that the service runs.

checkreader evaluate --run micr --data FOLDER
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline import progress
from pipeline.data import labeled_lines
from pipeline.data.labeled_lines import LabeledLines
from pipeline.export.formats import FOLDER, get
from pipeline.export.predictor import predictor
from pipeline.metrics.edit_distance import align
from pipeline.networks import lenet5_micr, spec
from pipeline.records import ExportRecord
from pipeline.run import Run
from serving.decoding import ctc
from serving.images import sliding_window
from serving.images.codec import Gray, decode
from serving.images.field import Field
from serving.images.micr_line import normalize_micr_line

Floats = npt.NDArray[np.float32]
Infer = Callable[[Floats], Floats]  # float32 [N, 32, W, 1] → probabilities float32 [N, T, K]

FAMILIES: Final = {spec.MICR.model: "onnx_float32", spec.MICR.int8: "onnx_int8"}
SYMBOLS: Final = lenet5_micr.NETWORK.alphabet.symbols
_BUDGET: Final = 2_000  # prefixes that a search extends at most
_EDGE: Final = 2  # columns at a crop's edge: ink in them belongs to a symbol that the edge cuts
_DARK: Final = 128


@dataclass(frozen=True)
class LineReading:
    """A line as it was read: its symbols, and their probability; empty where none was found."""

    text: str
    probability: float


def evaluate(run: Run, folder: Path) -> dict[str, Any]:
    """Runs the stage; writes `evaluate.json`.

    Args:
        run: an exported run of the task `micr`.
        folder: labeled lines.

    Raises:
        CheckreaderError: a file is missing or changed, or the labels cannot be read.
    """
    run.read(ExportRecord)
    labeled = labeled_lines.load(folder)
    pictures = [decode(file.read_bytes()) for file in labeled.files]
    families = {}
    for name, format_name in FAMILIES.items():
        progress.note(f"{name}: reading {len(pictures):,} lines")
        row = get(format_name, "micr")
        readings = read(predictor(row, run / FOLDER / row.file), pictures)
        families[name] = {"format": format_name, **measure(labeled, pictures, readings)}
    return run.record(
        "evaluate",
        [],
        task="micr",
        data={"name": labeled.name, "sha256": labeled.sha256},
        pictures=len(pictures),
        families=families,
    )


def read(infer: Infer, pictures: Sequence[Gray]) -> list[LineReading]:
    """Reads pictures of lines, uint8 [h, w] each."""
    return recognize(infer, [normalize_micr_line(picture) for picture in pictures])


def recognize(infer: Infer, fields: Sequence[Field]) -> list[LineReading]:
    """Reads normalized lines."""
    readings = [LineReading("", 0.0)] * len(fields)
    sliding = spec.MICR.sliding
    for indices, image in sliding_window.place(fields, sliding, sliding.slants):
        for index, steps in zip(indices, infer(image), strict=True):
            visible = steps[: sliding_window.steps(fields[index].pixels.shape[1], sliding)]
            best = ctc.search(visible, None, 1, _BUDGET).best
            if best:
                text = "".join(SYMBOLS[label] for label in best[0].labels)
                readings[index] = LineReading(text, best[0].probability)
    return readings


def measure(
    labeled: LabeledLines, pictures: Sequence[Gray], readings: Sequence[LineReading]
) -> dict[str, Any]:
    """Compares readings with labels, by line, by symbol and by group.

    A first or last symbol that the crop's edge cuts is forgiven: labels name such a symbol or leave it out.
    """
    outcomes = [
        _outcome(text, reading.text, picture)
        for text, reading, picture in zip(labeled.texts, readings, pictures, strict=True)
    ]
    groups: dict[str, list[bool]] = defaultdict(list)
    for group, outcome in zip(labeled.groups, outcomes, strict=True):
        groups[group].append(outcome.errors == 0)
    symbols = sum(map(len, labeled.texts))
    return {
        "exact": sum(outcome.errors == 0 for outcome in outcomes) / len(outcomes),
        "strictly_exact": sum(outcome.errors + outcome.forgiven == 0 for outcome in outcomes) / len(outcomes),
        "forgiven": sum(outcome.errors == 0 < outcome.forgiven for outcome in outcomes),
        "symbol_errors": sum(outcome.errors for outcome in outcomes) / symbols,
        "exact_by_group": float(np.mean([np.mean(lines) for lines in groups.values()])),
        "lines": len(outcomes),
        "groups": len(groups),
        "symbols": symbols,
    }


@dataclass(frozen=True)
class _Outcome:
    """The edits between a label and a reading that count, and those that are forgiven."""

    errors: int
    forgiven: int


def _outcome(text: str, read_text: str, picture: Gray) -> _Outcome:
    pairs = align(text, read_text)
    wrong = [place for place, (true, other) in enumerate(pairs) if true != other]
    cut = _cut_sides(picture)
    ends = {place for place, is_cut in zip((0, len(pairs) - 1), cut, strict=True) if is_cut}
    forgiven = sum(place in ends for place in wrong)
    return _Outcome(len(wrong) - forgiven, forgiven)


def _cut_sides(picture: Gray) -> tuple[bool, bool]:
    """Returns whether there is ink at the left and at the right edge of a picture, dark on light."""
    ink = picture < _DARK
    return bool(ink[:, :_EDGE].any()), bool(ink[:, -_EDGE:].any())


def summary(record: dict[str, Any]) -> str:
    """Puts a record into lines for the screen."""
    return "\n".join(
        f"{name}: {family['exact']:.2%} of {family['lines']:,} lines exact ({family['forgiven']} with a cut "
        f"symbol forgiven), {family['symbol_errors']:.2%} symbol errors, mean over {family['groups']} groups "
        f"{family['exact_by_group']:.2%}"
        for name, family in record["families"].items()
    )
