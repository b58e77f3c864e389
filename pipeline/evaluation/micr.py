"""Compares readings of MICR lines with their labels: by line, by symbol, by group and by country."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np

from pipeline.data.labeled_lines import LabeledLines
from pipeline.evaluation import micr_calibration
from pipeline.evaluation.field import share, shares_by
from pipeline.evaluation.micr_readings import LineReading
from pipeline.metrics.calibration import Flags, apply_threshold
from pipeline.metrics.edit_distance import align
from serving.decoding import micr
from serving.images.codec import Gray
from serving.manifest import Threshold

NO_LAYOUT: Final = "no country's layout"
_EDGE: Final = 2  # columns at a crop's edge: ink in them belongs to a symbol that the edge cuts
_DARK: Final = 128

Pair = tuple[str, str]  # a symbol and the one that was read; "" where one was missed or inserted


@dataclass(frozen=True)
class Outcome:
    """The edits between a label and a reading: those that count, and how many are forgiven."""

    errors: tuple[Pair, ...]
    forgiven: int


def compare(
    labeled: LabeledLines, pictures: Sequence[Gray], readings: Sequence[LineReading]
) -> list[Outcome]:
    """Compares readings with labels.

    A first or last symbol that the crop's edge cuts is forgiven: labels name such a symbol or leave it out.
    """
    return [
        _outcome(text, reading.text, picture)
        for text, reading, picture in zip(labeled.texts, readings, pictures, strict=True)
    ]


def right(outcomes: Sequence[Outcome]) -> Flags:
    """Returns which lines are exact, bool [N]."""
    return np.array([not outcome.errors for outcome in outcomes], np.bool_)


def measure(
    labeled: LabeledLines,
    readings: Sequence[LineReading],
    outcomes: Sequence[Outcome],
    confidence: Sequence[float],
    thresholds: Sequence[Threshold],
) -> dict[str, Any]:
    """Measures what was read.

    Args:
        labeled: the lines.
        readings: of these.
        outcomes: of comparing the two.
        confidence: of each line, out of fold where it was fitted on these lines.
        thresholds: the model's.

    Returns:
        The shares of exact lines, all and by the country whose layout the label has, symbol errors, the mean over groups,
        confusions, what could not be read, and what the thresholds accept.
    """
    exact = right(outcomes)
    scored = micr_calibration.score(labeled, readings, exact, confidence)
    groups: dict[str, list[bool]] = defaultdict(list)
    for group, is_exact in zip(labeled.groups, exact, strict=True):
        groups[group].append(bool(is_exact))
    symbols = sum(map(len, labeled.texts))
    confusions = Counter(pair for outcome in outcomes for pair in outcome.errors)
    return {
        "exact": share(exact),
        "strictly_exact": sum(not outcome.errors and not outcome.forgiven for outcome in outcomes)
        / len(exact),
        "forgiven": sum(outcome.forgiven > 0 for outcome in outcomes if not outcome.errors),
        "symbol_errors": confusions.total() / symbols,
        "exact_by_group": float(np.mean([np.mean(lines) for lines in groups.values()])),
        "groups": len(groups),
        "symbols": symbols,
        "confusions": [
            {"symbol": symbol, "read": read, "count": count}
            for (symbol, read), count in sorted(confusions.items(), key=lambda item: (-item[1], item[0]))
        ],
        "by_country": shares_by(exact, [micr.parse(text).country or NO_LAYOUT for text in labeled.texts]),
        "unread": dict(Counter(reading.unread for reading in readings if reading.unread)),
        "thresholds": [
            msgspec.to_builtins(apply_threshold(entry, scored.lines.score, scored.lines.wrong))
            for entry in thresholds
        ],
        "sets": msgspec.to_builtins(scored.count(thresholds)),
    }


def _outcome(text: str, read_text: str, picture: Gray) -> Outcome:
    pairs = align(text, read_text)
    wrong = [place for place, (true, other) in enumerate(pairs) if true != other]
    cut = _cut_sides(picture)
    ends = {place for place, is_cut in zip((0, len(pairs) - 1), cut, strict=True) if is_cut}
    errors = tuple(pairs[place] for place in wrong if place not in ends)
    return Outcome(errors, len(wrong) - len(errors))


def _cut_sides(picture: Gray) -> tuple[bool, bool]:
    """Returns whether there is ink at the left and at the right edge of a picture, dark on light."""
    ink = picture < _DARK
    return bool(ink[:, :_EDGE].any()), bool(ink[:, -_EDGE:].any())


def summary(measures: dict[str, Any]) -> str:
    """Formats the measures of a model in lines for the screen."""
    exact = measures["exact"]
    lines = [
        f"{exact['value']:.2%} of {exact['n']:,} lines exact ({measures['forgiven']} with a cut symbol forgiven), "
        f"{measures['symbol_errors']:.2%} symbol errors, mean over {measures['groups']} groups "
        f"{measures['exact_by_group']:.2%}"
    ]
    return "\n".join([*lines, *accepted(measures["sets"])])


def accepted(sets: Sequence[dict[str, Any]]) -> list[str]:
    """Formats what thresholds accept, one line for each set and bound."""
    return [
        f"  max_error {entry['max_error']} accepts {entry['accepted']:,} of {entry['n']:,} {entry['name']}: "
        f"{entry['wrong']} wrong"
        for entry in sets
    ]
