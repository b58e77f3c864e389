"""Writes what holds for all sets of a field run's report: its head, its words, and the chapter that compares the sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.networks import spec
from pipeline.records import FieldMeasures, Point, Share
from pipeline.report import overview, plots
from pipeline.report.field_run_data import FieldRunData
from pipeline.report.html import Block, Chapter, Plot, Table, Text
from serving.decoding.thresholds import operating_point
from serving.manifest import Threshold

_SHARED: Final = (
    "parameters, MACs",
    "95 % interval",
    "8 bits, int8, LSB",
    "seed",
)  # words of the digits' report

WORDS: Final = (
    ("field", "The part of a picture that holds one amount, number or date."),
    ("symbol, mark", "A digit, or what stands between digits: points, commas, slashes, dashes."),
    (
        "step, blank",
        "One of the places where the network answers, and its answer that no symbol stands there.",
    ),
    ("exact", "Every digit of the field is read, none is missed and none is made up."),
    (
        "digit errors",
        "Digits that are misread, missed or made up, as a share of those written (Levenshtein distance).",
    ),
    ("confidence", "The probability, after calibration, that the whole reading is right."),
    (
        "calibration error",
        "How far the confidence is on average from how often it is right.",
    ),
    (
        "threshold, accepted",
        "The confidence from which on a reading is booked without a human: it is accepted.",
    ),
    (
        "wrong",
        "An accepted field whose amount is not the labeled one; without a labeled amount, whose digits or named marks are not.",
    ),
    ("out of fold", "With the confidence that the other fields gave: the field itself had no part in it."),
    *(pair for pair in overview.WORDS if pair[0] in _SHARED),
)


def percent(share: Share) -> str:
    """Formats a share with its interval."""
    return f"{share.value:.1%} (95 % interval {share.low:.1%}–{share.high:.1%})"


def counts(point: Point, n: int) -> tuple[int, int]:
    """Returns how many of `n` fields a threshold accepts, and how many of these are wrong."""
    accepted = round(point.accepted * n)
    return accepted, round((point.error or 0.0) * accepted)


def default_point(points: Sequence[Point]) -> Point | None:
    """Returns the one that applies where no error bound is wanted, as the service chooses it; None: nothing is accepted."""
    thresholds = [
        Threshold(point.max_error, point.threshold or 0.0, 0.0, 0.0, 1.0, point.accepted, 0)
        for point in points
    ]
    applied = operating_point(thresholds).threshold
    return next((point for point in points if applied and point.max_error == applied.max_error), None)


def sentences(run_data: FieldRunData) -> list[str]:
    """Returns the head of the page: what was measured, and what is missing with the command that makes it."""
    lines = [_sentence(entry.name, next(iter(entry.families.values()))) for entry in run_data.sets]
    if run_data.cross_validated is not None:
        own = run_data.cross_validated
        lines.append(
            f"In {own.data['name']}, on which training went on, cross-validation reads {percent(own.exact)} of {own.n:,} fields exactly."
        )
    if not run_data.sets:
        lines.append(f"It was not evaluated on labeled fields: `{run_data.evaluate_command}` does that.")
    elif not any(family.thresholds for entry in run_data.sets for family in entry.families.values()):
        lines.append(
            f"No error bound is certified, so nothing is accepted without a human: `{run_data.run.command('calibrate')} --data FOLDER` "
            "certifies one where the fields support it."
        )
    if run_data.outdated:
        lines.append(
            f"Left out, for the run was exported or calibrated since: {', '.join(run_data.outdated)}. "
            f"`{run_data.evaluate_command}` measures a set anew."
        )
    return lines


def _sentence(name: str, measures: FieldMeasures) -> str:
    line = f"Of {name} it reads {percent(measures.exact)} of {measures.n:,} fields exactly"
    point = default_point(measures.thresholds)
    if point is None:
        return f"{line}."
    accepted, wrong = counts(point, measures.n)
    return f"{line}; at the threshold for at most {point.max_error:.1%} errors {accepted:,} are accepted, {wrong:,} of them wrong."


def chapter(run_data: FieldRunData) -> Chapter:
    """Returns the chapter that compares the sets."""
    rows = list(_measured(run_data))
    blocks: list[Block] = []
    if rows:
        blocks = [
            Plot(
                "sets",
                _exact(rows),
                "Fields that are read exactly, with 95 % intervals; blue: floating point, orange: 8 bits.",
                "Share of exact fields by set and model",
            ),
            Table(
                (
                    "set",
                    "model",
                    "fields",
                    "exact",
                    "95 % interval",
                    "digit errors",
                    "amounts right",
                    "calibration error",
                    "no field, accepted",
                ),
                [_row(name, model, measures) for name, model, measures in rows],
                "Amounts are counted where labels name them. The last column counts drawn pictures that hold no field, at the "
                "threshold that is used where none is asked for.",
                left=2,
            ),
        ]
    else:
        blocks = [
            Text(
                f"Nothing was measured yet. `{run_data.evaluate_command}` measures the run on a folder of labeled fields; each set that "
                "it is called with gets a chapter here."
            )
        ]
    return Chapter("sets", "How well it reads", blocks, {})


def _measured(run_data: FieldRunData) -> Iterator[tuple[str, str, FieldMeasures]]:
    """Yields set, model and measures of everything that was measured."""
    for entry in run_data.sets:
        for model, measures in entry.families.items():
            yield entry.name, model, measures
    if run_data.cross_validated is not None:
        yield (
            f"{run_data.cross_validated.data['name']}, cross-validated",
            spec.FIELD.model,
            run_data.cross_validated,
        )


def _row(name: str, model: str, measures: FieldMeasures) -> tuple[str, ...]:
    ece, nonfields = measures.calibration_error, measures.nonfields
    return (
        name,
        model,
        f"{measures.n:,}",
        f"{measures.exact.value:.1%}",
        f"{measures.exact.low:.1%}–{measures.exact.high:.1%}",
        f"{measures.digit_error_rate['value']:.2%}",
        f"{measures.amounts.value:.1%} of {measures.amounts.n:,}" if measures.amounts else "",
        f"{ece.after:.1%}" if ece else "",
        f"{nonfields.accepted:,} of {nonfields.n:,}" if nonfields else "",
    )


def _exact(rows: list[tuple[str, str, FieldMeasures]]) -> str:
    names = list(dict.fromkeys(name for name, _, _ in rows))
    with plots.drawing(plots.WIDTH, 0.9 + 0.45 * len(names)) as (figure, ax):
        for name, model, measures in rows:
            is_int8 = model == spec.FIELD.int8
            tint, y = (
                plots.color("orange" if is_int8 else "blue"),
                names.index(name) + (0.14 if is_int8 else -0.14),
            )
            ax.plot([100 * measures.exact.low, 100 * measures.exact.high], [y, y], color=tint, alpha=0.4)
            ax.plot(100 * measures.exact.value, y, "o", ms=7, color=tint)
        ax.set(xlim=(0, 100), ylim=(len(names) - 0.5, -0.5), xlabel="exact, %")
        ax.set_yticks(range(len(names)), names)
        return plots.svg(figure, "sets")
