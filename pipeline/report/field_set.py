"""Writes the chapter on one set of labeled fields: what is accepted of it, and where the network fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipeline.networks import spec
from pipeline.records import FieldMeasures
from pipeline.report import field_errors, plots
from pipeline.report.field_overview import counts, percent
from pipeline.report.html import Block, Chapter, Heading, Plot, SideBySide, Table, Text
from pipeline.run import Run

_TINTS: Final = {spec.FIELD.model: "blue", spec.FIELD.int8: "orange"}


def chapter(
    run: Run,
    name: str,
    title: str,
    families: dict[str, FieldMeasures],
    notes: Sequence[str] = (),
    worst: Sequence[Block] = (),
) -> Chapter:
    """Returns the chapter.

    Args:
        run: the run, for the commands that make what is missing.
        name: of the chapter, a prefix of its pictures' names.
        title: of the chapter.
        families: the measures of each model; errors are shown of the first.
        notes: sentences that follow on the measures.
        worst: blocks with pictures of the set's fields, where they were asked for.
    """
    model, measures = next(iter(families.items()))
    return Chapter(
        name,
        title,
        [
            Text(" ".join([*_sentences(measures), *notes])),
            *_accepted(run, families),
            *_confidence(name, families),
            *field_errors.blocks(name, model, measures),
            *_nonfields(families),
            *worst,
        ],
        {model: {"n": measures.n, "exact": measures.exact.value} for model, measures in families.items()},
    )


def _sentences(measures: FieldMeasures) -> list[str]:
    rate, marks = measures.digit_error_rate, measures.data.get("marks")
    lines = [
        f"{measures.n:,} fields with {rate['digits']:,.0f} digits; {percent(measures.exact)} are read exactly.",
        f"{rate['errors']:,.0f} digits are wrong ({rate['value']:.2%}): {rate['substituted']:,.0f} misread, "
        f"{rate['missed']:,.0f} missed, {rate['inserted']:,.0f} made up.",
    ]
    if measures.unread:
        lines.append(f"In {measures.unread:,} fields nothing was read.")
    if measures.amounts is not None:
        lines.append(f"Of {measures.amounts.n:,} labeled amounts {percent(measures.amounts)} are right.")
    if measures.exact_written is not None:
        lines.append(
            f"With the marks that the labels name ({marks}), {percent(measures.exact_written)} are exact."
        )
    return lines


def _accepted(run: Run, families: dict[str, FieldMeasures]) -> list[Block]:
    rows, measured = [], []
    for model, measures in families.items():
        for point in measures.thresholds:
            accepted, wrong = counts(point, measures.n)
            rows.append(
                (
                    model,
                    f"{point.max_error:.1%}",
                    f"{point.threshold:.4f}",
                    f"{accepted:,} ({point.accepted:.1%})",
                    f"{wrong:,}",
                    f"{point.error or 0.0:.2%}",
                    f"{point.low or 0.0:.2%}–{1.0 if point.high is None else point.high:.2%}",
                )
            )
        counted = {point.max_error: point.accepted for point in measures.measured}
        measured.append(
            (model, *(f"{counted[rate]:.1%}" if rate in counted else "none" for rate in _rates(families)))
        )
    blocks: list[Block] = [Heading("What is accepted")]
    if rows:
        head = (
            "model",
            "wanted error",
            "threshold",
            "accepted",
            "wrong",
            "error among them",
            "95 % interval",
        )
        blocks.append(Table(head, rows, "The thresholds that the run holds, applied to this set."))
    else:
        blocks.append(
            Text(
                "The run holds no threshold, so nothing is accepted without a human: "
                f"`{run.command('calibrate')} --data FOLDER` certifies one where the fields support it."
            )
        )
    if _rates(families):
        rates = ("model", *(f"≤ {rate:.1%}" for rate in _rates(families)))
        caption = "What could be accepted of this set at a counted error, if one knew the threshold beforehand: it certifies nothing."
        blocks.append(Table(rates, measured, caption))
    return blocks


def _rates(families: dict[str, FieldMeasures]) -> list[float]:
    return sorted(
        {point.max_error for measures in families.values() for point in measures.measured}, reverse=True
    )


def _confidence(name: str, families: dict[str, FieldMeasures]) -> list[Block]:
    model, measures = next(iter(families.items()))
    plotted = []
    if measures.reliability:
        plotted.append(
            Plot(
                f"{name}-reliability",
                _reliability(f"{name}-reliability", measures),
                _reliability_caption(model, measures),
                "Share of right fields against confidence",
            )
        )
    if measures.error_reject:
        plotted.append(
            Plot(
                f"{name}-error-reject",
                _error_reject(f"{name}-error-reject", families),
                "The error among what is accepted when the least confident fields are left to a human, in steps of 5 %.",
                "Error against the share rejected",
            )
        )
    return [Heading("Confidence against truth"), SideBySide(plotted)] if plotted else []


def _reliability(name: str, measures: FieldMeasures) -> str:
    with plots.drawing(plots.WIDTH, 3.8) as (figure, ax):
        ax.plot([0, 100], [0, 100], color=plots.color("muted"), lw=1, ls=(0, (4, 3)))
        for entry in measures.reliability:
            x = 100 * entry.confidence
            ax.plot([x, x], [100 * entry.low, 100 * entry.high], color=plots.color("blue"), alpha=0.4)
            ax.plot(x, 100 * entry.accuracy, "o", ms=7, color=plots.color("blue"))
        ax.set(
            xlabel="what it says: confidence, %",
            ylabel="what is true: right, %",
            xlim=(0, 101),
            ylim=(0, 102),
        )
        return plots.svg(figure, name)


def _reliability_caption(model: str, measures: FieldMeasures) -> str:
    out_of_fold = ", out of fold" if measures.confidence == "out-of-fold" else ""
    never = measures.n - sum(entry.n for entry in measures.reliability)
    ece = measures.calibration_error
    return (
        f"Reliability of {model}: the fields in ten bins by confidence{out_of_fold}, with 95 % intervals; on the dashed line it "
        f"would be as often right as it says. {measures.reliability[-1].n:,} of {measures.n:,} are in the last bin."
        + (f" {never:,} fields are left out that are never accepted, however confident." if never else "")
        + (f" Calibration error {ece.after:.1%}, before calibration {ece.before:.1%}." if ece else "")
    )


def _error_reject(name: str, families: dict[str, FieldMeasures]) -> str:
    with plots.drawing(plots.WIDTH, 3.8) as (figure, ax):
        for model, measures in families.items():
            ax.plot(
                [100 * point.rejected for point in measures.error_reject],
                [100 * point.error for point in measures.error_reject],
                color=plots.color(_TINTS[model]),
                label=model,
            )
        ax.set(xlabel="left to a human, %", ylabel="wrong among the rest, %", ylim=(0, None), xlim=(0, 100))
        plots.legend(ax)
        return plots.svg(figure, name)


def _nonfields(families: dict[str, FieldMeasures]) -> list[Block]:
    measured = {model: family.nonfields for model, family in families.items() if family.nonfields is not None}
    if not measured:
        return []
    kinds = next(iter(measured.values())).highest
    rows = [
        (kind, *(f"{nonfields.highest.get(kind, 0.0):.4f}" for nonfields in measured.values()))
        for kind in kinds
    ]
    sentences = [
        f"Of {nonfields.n:,} drawn pictures that hold no field {model} accepts {nonfields.accepted:,}"
        + (
            f" at its threshold {nonfields.threshold:.4f}."
            if nonfields.threshold is not None
            else ": it has no threshold."
        )
        for model, nonfields in measured.items()
    ]
    table = (
        [
            Table(
                ("kind of picture", *measured),
                rows,
                "The highest confidence that any picture of each kind reaches.",
            )
        ]
        if rows
        else []
    )
    return [Heading("Pictures that hold no field"), Text(" ".join(sentences)), *table]
