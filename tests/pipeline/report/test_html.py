from __future__ import annotations

import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from pipeline.report import html as page
from pipeline.report import image_grid, plots
from tests.support.html import Checked

INK = np.array([[0, 255], [128, 0]], np.uint8)


def chapters() -> list[page.Chapter]:
    with plots.drawing() as (figure, ax):
        ax.plot([1, 2], [3, 4], color=plots.color("blue"))
        ax.set_title("a < b & c")
        element = plots.svg(figure, "lines")
    plot = page.Plot("lines", element, "A line.", 'A "line"')
    signed = image_grid.signed(np.array([[-1.0, 2.0]]), "<b>", "numbers")
    blocks = [
        page.Heading("Head & shoulders"),
        page.Text("Some <b>words</b>."),
        page.Table(("a", "b"), [("x < y", "1")], "A table."),
        page.NumberGrids(([[1.0, -2.5]], "=", [[3.0]]), "Numbers.", ((0, 0, 1),)),
        page.SideBySide([plot]),
        page.Thumbnails("some", [("row", [image_grid.ink(INK, "ink")]), ("", [signed])], "Tiles."),
        page.Thumbnails("many", [("row", [signed])] * 12, "Many."),
    ]
    return [page.Chapter("one", "One & only", blocks, {})]


def test_render() -> None:
    text = page.render(
        page.Page(
            "A <run>",
            ["It reads <5 %."],
            [("key", "<value>")],
            [("word", "meaning")],
            chapters(),
            "<records>",
        )
    )
    found = Checked.of(text)
    assert found.titles == ["A <run>", "Words", "1. One & only", "Head & shoulders"]
    assert text.index("It reads &lt;5 %.") < text.index("<nav") < text.index("meaning") < text.index("1. One")
    assert found.images == 14
    assert found.addresses == []
    assert "<code>checkreader report</code> from &lt;records&gt;." in text
    assert "x &lt; y" in text
    assert "Some &lt;b&gt;words&lt;/b&gt;." in text
    assert 'aria-label="A &#34;line&#34;"' in text
    assert "−2.5" in text
    assert "$" not in text


def test_a_table_has_rows() -> None:
    with pytest.raises(ValueError, match=r"a table without rows: Nothing\."):
        page.Table(("a", "b"), [], "Nothing.")


def test_pictures_are_files_too() -> None:
    files = dict(page.pictures(chapters()))
    assert set(files) == {"lines.svg", "some.png", "many.png"}
    root = ET.fromstring(files["lines.svg"])
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert b"--blue: #" in files["lines.svg"]
    with Image.open(io.BytesIO(files["some.png"])) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGBA")
        assert picture.width > 50
