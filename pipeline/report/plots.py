"""Draws the report's plots: Matplotlib's SVG, in colors that the page decides.

Every color has a name. Matplotlib draws with a stand-in, and in the SVG each stand-in becomes a
CSS variable, so that one picture serves light, dark and print; the text stays text, in the page's font.
A separate file contains the variables' values.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import matplotlib

matplotlib.use("agg")  # no display is opened

import numpy as np
import numpy.typing as npt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Name: the stand-in, and the color in light and in dark. Color-blind readers can distinguish the series, too
# (after Okabe, Ito: Color Universal Design, 2008).
COLORS: Final = {
    "ink": ("#010203", "#1d232b", "#e7eaee"),
    "muted": ("#020304", "#5c6672", "#9aa5b1"),
    "grid": ("#030405", "#e1e5ea", "#2c343e"),
    "page": ("#fcfdfe", "#ffffff", "#14181d"),
    "blue": ("#040506", "#0b66b0", "#62b3f2"),
    "orange": ("#050607", "#c8520a", "#f59b5b"),
    "green": ("#060708", "#0a7f5c", "#4fc79f"),
    "purple": ("#070809", "#8a4a9e", "#cf9be0"),
    "gold": ("#08090a", "#96700a", "#dfbb4e"),
    "red": ("#090a0b", "#b3273c", "#f08595"),
    "sky": ("#0a0b0c", "#3f8f9f", "#86d2df"),
    "pink": ("#0b0c0d", "#d6409f", "#ff7ac6"),
    "brown": ("#0c0d0e", "#5a3416", "#b98a62"),
    "indigo": ("#0d0e0f", "#2b2f8f", "#8a8cff"),
}
# As many as there are digits.
SERIES: Final = ("blue", "orange", "green", "purple", "gold", "red", "sky", "pink", "brown", "indigo")
WIDTH: Final = 5.2  # inches of one of two plots side by side; the page shows an inch as 96 pixels at most

_STYLE: Final[dict[Any, Any]] = {
    "font.size": 11,
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "lines.linewidth": 2,
    "legend.frameon": False,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "figure.constrained_layout.use": True,
}


def color(name: str) -> str:
    """Returns Matplotlib's stand-in for one of the colors."""
    return COLORS[name][0]


def variables(dark: bool) -> str:
    """Returns the colors as CSS declarations."""
    return " ".join(f"--{name}: {entry[2 if dark else 1]};" for name, entry in COLORS.items())


@contextlib.contextmanager
def drawing(
    width: float = WIDTH, height: float = 3.2, rows: int = 1, columns: int = 1, **options: Any
) -> Iterator[tuple[Figure, Any]]:
    """Yields a figure in the report's style with its axes, as `pyplot.subplots` returns them; measures are in inches."""
    colored: dict[Any, Any] = {
        "text.color": color("ink"),
        "axes.labelcolor": color("muted"),
        "axes.titlecolor": color("ink"),
        "axes.edgecolor": color("grid"),
        "xtick.labelcolor": color("muted"),
        "ytick.labelcolor": color("muted"),
        "grid.color": color("grid"),
        "axes.prop_cycle": cycler(color=[color(name) for name in SERIES]),
    }
    with matplotlib.rc_context(_STYLE | colored):
        figure = Figure((width, height))
        yield figure, figure.subplots(rows, columns, **options)


def svg(figure: Figure, name: str) -> str:
    """Returns the figure as an `<svg>` element.

    Args:
        figure: of `drawing`.
        name: the prefix of every id, since those of one page have to differ.
    """
    raw = io.StringIO()
    with matplotlib.rc_context(_STYLE | {"svg.hashsalt": name}):
        figure.savefig(raw, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = raw.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"(?s)\s*<metadata>.*?</metadata>", "", text)
    referred = set(re.findall(r'(?:url\(#|href="#)([\w.-]+)', text))
    text = re.sub(
        r' id="([^"]+)"', lambda match: f' id="{name}-{match[1]}"' if match[1] in referred else "", text
    )
    text = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r"<g>\s*</g>\s*", "", text).replace("xlink:href", "href")
    text = re.sub(r' xmlns:xlink="[^"]*"', "", text)
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text)  # the page's
    for variable, (stand_in, _, _) in COLORS.items():
        text = text.replace(stand_in, f"var(--{variable})")
    text = re.sub(r'width="([\d.]+)pt" height="[\d.]+pt"', r'width="\1pt"', text, count=1)
    return text.strip()


def standalone(element: str) -> bytes:
    """Returns an SVG file of an element of `svg`, with the colors in it, light or dark as the reader's page is."""
    rules = (
        f":root {{ {variables(False)} font-family: system-ui, sans-serif; }} "
        f"@media (prefers-color-scheme: dark) {{ :root {{ {variables(True)} }} }}"
    )
    head, rest = element.split(">", 1)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head}>\n <style>{rules}</style>{rest}\n'.encode()


def hide_axes(axes: Axes) -> None:
    """Hides the axes, for drawings."""
    axes.set_aspect("equal")
    axes.axis("off")


def legend(axes: Axes) -> None:
    """Names the lines above the plot, where they cross nothing."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0, columnspacing=1.2, handlelength=1.4
    )


def end_labels(axes: Axes, labels: Sequence[tuple[str, str, float]], at: float, gap: float) -> None:
    """Writes names at the right ends of lines instead of a legend, moved apart where they would overlap.

    Args:
        axes: of a plot.
        labels: text, name of its color and height of the line's end.
        at: the position on the horizontal axis.
        gap: the smallest distance between two of them, in units of the vertical axis.
    """
    heights: list[float] = []
    for _, _, height in sorted(labels, key=lambda entry: entry[2]):
        heights.append(max(height, heights[-1] + gap) if heights else height)
    for (text, tint, _), height in zip(sorted(labels, key=lambda entry: entry[2]), heights, strict=True):
        axes.text(at, height, text, color=color(tint), va="center", fontsize=10)


def point_labels(axes: Axes, points: Sequence[tuple[str, str, float, float]]) -> None:
    """Writes names next to points, each where it covers no other point and no other name.

    Args:
        axes: with their final scales and limits.
        points: text, name of its color, and the point's coordinates.
    """
    places = axes.transData.transform([point[2:] for point in points]) * 72 / axes.figure.get_dpi()
    covered = [(x - 5, y - 5, x + 5, y + 5) for x, y in places]
    for (text, tint, *point), (x, y) in zip(points, places, strict=True):
        wide, tall = 5.6 * len(text), 11
        options = [(0, 11), (0, -11), (wide / 2 + 9, 0), (-wide / 2 - 9, 0), (0, 24), (0, -24)]
        boxes = [
            (x + dx - wide / 2, y + dy - tall / 2, x + dx + wide / 2, y + dy + tall / 2) for dx, dy in options
        ]
        free = [not any(_overlap(box, other) for other in covered) for box in boxes]
        best = free.index(True) if any(free) else 0
        covered.append(boxes[best])
        axes.annotate(
            text,
            (point[0], point[1]),
            options[best],
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=9.5,
            color=color(tint),
        )


def _overlap(left: tuple[float, ...], right: tuple[float, ...]) -> bool:
    return left[0] < right[2] and right[0] < left[2] and left[1] < right[3] and right[1] < left[3]


def matrix(
    axes: Axes,
    values: npt.NDArray[Any],
    texts: Sequence[Sequence[str]],
    rows: Sequence[str],
    columns: Sequence[str],
    tint: str = "blue",
) -> None:
    """Draws a table of numbers with shaded cells.

    Args:
        axes: of a plot.
        values: float [R, C] in [0, 1], the strength of a cell's shade.
        texts: the cells' texts.
        rows, columns: their names.
        tint: name of the color.
    """
    from matplotlib.patches import Rectangle

    for (row, column), strength in np.ndenumerate(values):
        cell = Rectangle(
            (column - 0.48, row - 0.48), 0.96, 0.96, facecolor=color(tint), alpha=0.75 * strength
        )
        axes.add_patch(cell)
        axes.text(column, row, texts[row][column], ha="center", va="center", fontsize=9)
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
