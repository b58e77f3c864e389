from __future__ import annotations

import io
import xml.etree.ElementTree as ET

import numpy as np
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
    text = page.render("A <run>", [("key", "<value>")], chapters())
    found = Checked.of(text)
    assert found.titles == ["A <run>", "1. One & only", "Head & shoulders"]
    assert found.images == 14
    assert found.addresses == []
    assert "x &lt; y" in text
    assert "Some &lt;b&gt;words&lt;/b&gt;." in text
    assert 'aria-label="A &#34;line&#34;"' in text
    assert "−2.5" in text
    assert "$" not in text


def test_pictures_are_files_too() -> None:
    files = dict(page.pictures(chapters()))
    assert set(files) == {"lines.svg", "some.png", "many.png"}
    root = ET.fromstring(files["lines.svg"])
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert b"--blue: #" in files["lines.svg"]
    with Image.open(io.BytesIO(files["some.png"])) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGBA")
        assert picture.width > 50


def test_svg_in_the_pages_colors() -> None:
    element = chapters()[0].blocks[4].blocks[0].element
    assert "var(--blue)" in element
    for stand_in, _, _ in plots.COLORS.values():
        assert stand_in not in element
    assert "<text" in element
    assert "DejaVu" not in element


def test_ids_of_two_plots_differ() -> None:
    names: list[set[str]] = []
    for name in ("a", "b"):
        with plots.drawing() as (figure, ax):
            ax.plot([1, 2], [3, 4], "o")
            names.append({one for one in Checked.of(plots.svg(figure, name)).ids})
    assert names[0]
    assert not names[0] & names[1]


def test_ink_and_signed() -> None:
    one = image_grid.ink(INK)
    assert one.pixels[..., 3].tolist() == INK.tolist()
    assert not one.pixels[..., :3].any()
    two = image_grid.signed(np.array([[-1.0, 0.0, 2.0]]))
    assert two.pixels[0, :, 3].tolist() == [128, 0, 255]
    assert (two.pixels[0, 0, :3] != two.pixels[0, 2, :3]).any()


def test_grid() -> None:
    found = image_grid.grid([image_grid.ink(np.full((2, 3), 255, np.uint8))] * 5, 2, gap=1, scale=2)
    assert found.shape == (16, 14, 4)
    assert (found[..., 3] > 0).sum() == 5 * 6 * 4


def test_framed() -> None:
    found = image_grid.framed(np.zeros((10, 10), np.uint8), (2, 3, 4, 4), "", "", scale=3)
    rows, columns = np.nonzero(found.pixels[..., 3])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (9, 20, 6, 17)
