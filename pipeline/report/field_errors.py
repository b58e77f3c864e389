"""Writes a part of the chapter on a set of fields: errors by length, by symbol, and by what fields show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.records import FieldMeasures, Share
from pipeline.report import plots
from pipeline.report.html import Block, Heading, Plot, SideBySide, Table

_GROUPS: Final = {
    "touching": "neighboring digits touch",
    "apart": "no digits touch",
    "with": "with marks",
    "without": "without marks",
}


def blocks(name: str, model: str, measures: FieldMeasures) -> list[Block]:
    """Returns the part of a chapter called `name` on a model's errors."""
    groups = {**measures.by_touching, **measures.by_separators}
    rows = [
        (_GROUPS[group], f"{share.n:,}", f"{share.value:.1%}", f"{share.low:.1%}–{share.high:.1%}")
        for group, share in groups.items()
        if group in _GROUPS
    ]
    table = (
        [
            Table(
                ("fields", "n", "exact", "95 % interval"), rows, f"Exact fields of {model} by what they show."
            )
        ]
        if rows
        else []
    )
    plotted = []
    if measures.by_length:
        plotted.append(
            Plot(
                f"{name}-length",
                _lengths(f"{name}-length", measures.by_length),
                f"Exact fields of {model} by how many digits are written, with 95 % intervals; above, how many fields there are.",
                "Share of exact fields by number of digits",
            )
        )
    if measures.confusion:
        confusion = symbol_counts(measures)
        plotted.append(
            Plot(
                f"{name}-symbols",
                _symbols(f"{name}-symbols", confusion),
                "What was written (rows) and what was read (columns), shaded by how often the wrong ones happened. The last "
                f"column counts digits that were missed, the last row those that were made up. {most_frequent(confusion)}",
                "Confusion matrix of ten digits, with those missed and made up",
            )
        )
    plots: list[Block] = [SideBySide(plotted)] if plotted else []
    parts = [*plots, *table]
    return [Heading("Errors by length and symbol"), *parts] if parts else []


def symbol_counts(measures: FieldMeasures) -> npt.NDArray[np.intp]:
    """Returns int [11, 11]: what was written by what was read; the last column is missed, the last row made up."""
    table = np.zeros((11, 11), np.intp)
    table[:10] = measures.confusion
    table[10, :10] = measures.inserted
    return table


def most_frequent(confusion: npt.NDArray[np.intp]) -> str:
    """Returns the sentence on the most frequent mistakes, of a table of `symbol_counts`; "" if there are none."""
    wrong = confusion - np.diag(np.diag(confusion))
    most = int(wrong.max())
    if not most:
        return ""
    mistakes = [_mistake(int(row), int(column)) for row, column in np.argwhere(wrong == most)]
    times = "once" if most == 1 else f"{most:,} times"
    return f"The most frequent: {', '.join(mistakes[:3])}{' and others' if len(mistakes) > 3 else ''}, {times}{' each' if len(mistakes) > 1 else ''}."


def _mistake(row: int, column: int) -> str:
    if column == 10:
        return f"{row} missed"
    return f"{column} made up" if row == 10 else f"{row} read as {column}"


def _symbols(name: str, confusion: npt.NDArray[np.intp]) -> str:
    wrong = confusion - np.diag(np.diag(confusion))
    digits = [str(digit) for digit in range(10)]
    texts = [[str(count) if count else "" for count in row] for row in confusion]
    with plots.drawing(plots.WIDTH, 4.6) as (figure, ax):
        plots.matrix(ax, wrong / max(1, wrong.max()), texts, [*digits, "none"], [*digits, "none"], "orange")
        ax.set(xlabel="read", ylabel="written")
        return plots.svg(figure, name)


def _lengths(name: str, by_length: Sequence[Share]) -> str:
    with plots.drawing(plots.WIDTH, 4.6) as (figure, ax):
        for share in by_length:
            assert share.length is not None  # each row's
            ax.plot(
                [share.length] * 2, [100 * share.low, 100 * share.high], color=plots.color("blue"), alpha=0.4
            )
            ax.plot(share.length, 100 * share.value, "o", ms=7, color=plots.color("blue"))
            ax.text(share.length, 104, f"{share.n:,}", color=plots.color("muted"), ha="center", fontsize=9)
        lengths = [share.length for share in by_length]
        ax.set_xticks(lengths, [str(length) for length in lengths])
        ax.set(xlabel="digits written", ylabel="exact, %", ylim=(0, 102))
        ax.margins(x=0.1)
        return plots.svg(figure, name)
