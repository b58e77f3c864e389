"""The report's plots: Matplotlib's SVG, in colors that the page decides.

Every color is one of a few names. Matplotlib draws with a stand-in, and in the SVG each stand-in becomes a
CSS variable, so that one picture serves light, dark and print; the text stays text, in the page's font.
A file of its own gets the variables' values with it.
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
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Name: the stand-in, and the color in light and in dark. The series are told apart by color-blind readers
# too (after Okabe, Ito: Color Universal Design, 2008).
_COLORS: Final = {
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
}
SERIES: Final = ("blue", "orange", "green", "purple", "gold", "red", "sky")
WIDTH: Final = 5.2  # inches of a plot beside another; the page shows an inch as 96 pixels at most

_STYLE: Final = {
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
    """What Matplotlib is told for one of the colors."""
    return _COLORS[name][0]


def variables(dark: bool) -> str:
    """The colors as CSS declarations."""
    return " ".join(f"--{name}: {entry[2 if dark else 1]};" for name, entry in _COLORS.items())


@contextlib.contextmanager
def drawing(
    width: float = WIDTH, height: float = 3.2, rows: int = 1, columns: int = 1, **how: Any
) -> Iterator[tuple[Figure, Any]]:
    """A figure in the house style with its axes, as `pyplot.subplots` gives them; measures in inches."""
    colored = {
        "text.color": color("ink"),
        "axes.labelcolor": color("muted"),
        "axes.titlecolor": color("ink"),
        "axes.edgecolor": color("grid"),
        "xtick.labelcolor": color("muted"),
        "ytick.labelcolor": color("muted"),
        "grid.color": color("grid"),
        "axes.prop_cycle": matplotlib.cycler(color=[color(name) for name in SERIES]),
    }
    with matplotlib.rc_context(_STYLE | colored):
        figure = Figure((width, height))
        yield figure, figure.subplots(rows, columns, **how)


def svg(figure: Figure, name: str) -> str:
    """The figure as an `<svg>` element.

    Args:
        figure: made by `drawing`.
        name: goes into every id, as those of one page have to differ.
    """
    raw = io.StringIO()
    with matplotlib.rc_context(_STYLE | {"svg.hashsalt": name}):
        figure.savefig(raw, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = raw.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"(?s)\s*<metadata>.*?</metadata>", "", text)
    referred = set(re.findall(r'(?:url\(#|href="#)([\w.-]+)', text))
    text = re.sub(
        r' id="([^"]+)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in referred else "", text
    )
    text = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r"<g>\s*</g>\s*", "", text).replace("xlink:href", "href")
    text = re.sub(r' xmlns:xlink="[^"]*"', "", text)
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text)  # the page's
    for variable, (stand_in, _, _) in _COLORS.items():
        text = text.replace(stand_in, f"var(--{variable})")
    text = re.sub(r'width="([\d.]+)pt" height="[\d.]+pt"', r'width="\1pt"', text, count=1)
    return text.strip()


def standalone(element: str) -> bytes:
    """An SVG file of an element that `svg` gave, with the colors in it, light or dark as the reader's page is."""
    rules = (
        f":root {{ {variables(False)} font-family: system-ui, sans-serif; }} "
        f"@media (prefers-color-scheme: dark) {{ :root {{ {variables(True)} }} }}"
    )
    head, rest = element.split(">", 1)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head}>\n <style>{rules}</style>{rest}\n'.encode()


def hide_axes(axes: Axes) -> None:
    """Without axes, for drawings."""
    axes.set_aspect("equal")
    axes.axis("off")


def end_labels(axes: Axes, labels: Sequence[tuple[str, str, float]], at: float, gap: float) -> None:
    """Names at the right ends of lines instead of a legend, moved apart where they would overlap.

    Args:
        axes: of a plot.
        labels: text, name of its color and height of the line's end.
        at: where on the horizontal axis.
        gap: the least distance between two of them, in units of the vertical axis.
    """
    heights: list[float] = []
    for _, _, height in sorted(labels, key=lambda entry: entry[2]):
        heights.append(max(height, heights[-1] + gap) if heights else height)
    for (text, tint, _), height in zip(sorted(labels, key=lambda entry: entry[2]), heights, strict=True):
        axes.text(at, height, text, color=color(tint), va="center", fontsize=10)


def point_labels(axes: Axes, points: Sequence[tuple[str, str, float, float]]) -> None:
    """Names beside points, each where it covers no other point and no other name.

    Args:
        axes: with their final scales and limits.
        points: text, name of its color, and where the point is.
    """
    places = axes.transData.transform([point[2:] for point in points]) * 72 / axes.figure.get_dpi()
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in places]
    for (text, tint, *at), (x, y) in zip(points, places, strict=True):
        wide, tall = 5.6 * len(text), 11
        options = [(0, 11), (0, -11), (wide / 2 + 9, 0), (-wide / 2 - 9, 0), (0, 24), (0, -24)]
        boxes = [
            (x + dx - wide / 2, y + dy - tall / 2, x + dx + wide / 2, y + dy + tall / 2) for dx, dy in options
        ]
        free = [not any(_overlap(box, other) for other in taken) for box in boxes]
        best = free.index(True) if any(free) else 0
        taken.append(boxes[best])
        axes.annotate(
            text,
            at,
            options[best],
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=9.5,
            color=color(tint),
        )


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def matrix(
    axes: Axes,
    values: npt.NDArray[Any],
    texts: Sequence[Sequence[str]],
    rows: Sequence[str],
    columns: Sequence[str],
    tint: str = "blue",
) -> None:
    """A table of numbers with shaded cells.

    Args:
        axes: where.
        values: float [R, C] in [0, 1], how strongly a cell is shaded.
        texts: what it says.
        rows, columns: their names.
        tint: name of the color.
    """
    from matplotlib.patches import Rectangle

    for (row, column), value in np.ndenumerate(values):
        cell = Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, facecolor=color(tint), alpha=0.75 * value)
        axes.add_patch(cell)
        axes.text(column, row, texts[row][column], ha="center", va="center", fontsize=9)
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
