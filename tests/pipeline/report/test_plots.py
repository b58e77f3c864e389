"""SVG in the page's colors."""

from __future__ import annotations

import itertools
import math
import xml.etree.ElementTree as ET

from pipeline.report import plots
from tests.support.html import Checked


def svg(name: str) -> str:
    with plots.drawing() as (figure, ax):
        ax.plot([1, 2], [3, 4], "o", color=plots.color("blue"))
        ax.set_title("a < b & c")
        return plots.svg(figure, name)


def test_stand_ins_become_variables() -> None:
    element = svg("lines")
    assert "var(--blue)" in element
    for stand_in, _, _ in plots.COLORS.values():
        assert stand_in not in element
    assert "<text" in element
    assert "DejaVu" not in element


def test_a_file_of_its_own_has_the_colors() -> None:
    content = plots.standalone(svg("lines"))
    assert ET.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"
    assert b"--blue: #0b66b0;" in content
    assert b"prefers-color-scheme: dark" in content


def test_ids_of_two_plots_differ() -> None:
    first, second = (set(Checked.of(svg(name)).ids) for name in ("a", "b"))
    assert first
    assert not first & second


def test_end_labels_are_moved_apart() -> None:
    with plots.drawing() as (_, ax):
        plots.end_labels(ax, [("b", "blue", 1.0), ("a", "orange", 0.9), ("c", "green", 9.0)], 5.0, 2.0)
        heights = {text.get_text(): text.get_position()[1] for text in ax.texts}
    assert heights == {"a": 0.9, "b": 2.9, "c": 9.0}


def test_a_legend_crosses_no_line() -> None:
    with plots.drawing() as (figure, ax):
        ax.plot([0, 1], [0, 1], label="as they are")
        ax.plot([0, 1], [1, 0], label="normalized")
        plots.legend(ax)
        figure.draw_without_rendering()
        assert ax.get_legend().get_window_extent().y0 >= ax.get_window_extent().y1


def test_colors_can_be_told_apart() -> None:
    assert len(set(plots.SERIES)) == 10
    for mode in (1, 2):
        labs = [lab(plots.COLORS[tint][mode]) for tint in plots.SERIES]
        assert min(math.dist(left, right) for left, right in itertools.combinations(labs, 2)) > 25


def lab(color: str) -> tuple[float, float, float]:
    """Converts sRGB to CIELAB, where distance is difference as it is seen."""
    red, green, blue = (
        level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4
        for level in (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    )
    x, y, z = (
        sum(share * level for share, level in zip(row, (red, green, blue), strict=True))
        for row in ((0.4339, 0.3762, 0.1899), (0.2126, 0.7152, 0.0722), (0.0177, 0.1095, 0.8728))
    )
    x, y, z = (value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116 for value in (x, y, z))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def test_point_labels_cover_no_other_point() -> None:
    with plots.drawing() as (figure, ax):
        ax.set(xlim=(0, 10), ylim=(0, 10))
        figure.draw_without_rendering()
        plots.point_labels(ax, [("one", "blue", 5, 5), ("two", "orange", 5, 5.5)])
        offsets = [annotation.xyann for annotation in ax.texts]
    assert offsets[0] != (0, 11)  # the other point is there
    assert len(set(offsets)) == 2


def test_matrix_shades_each_cell() -> None:
    import numpy as np

    with plots.drawing() as (_, ax):
        plots.matrix(ax, np.array([[0.0, 1.0]]), [["a", "b"]], ["row"], ["x", "y"])
        assert [text.get_text() for text in ax.texts] == ["a", "b"]
        assert [patch.get_alpha() for patch in ax.patches] == [0.0, 0.75]
