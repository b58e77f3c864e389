"""Renders chapters to one HTML file that fetches nothing, by the template `page.html.j2`.

A chapter is a title and blocks. All texts are plain and escaped by the template; pictures are in the page itself,
and each of them is a file of its own, too.
"""

from __future__ import annotations

import base64
import dataclasses
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import jinja2

from pipeline.report import image_grid, plots
from pipeline.report.image_grid import Pixels, Thumbnail
from pipeline.run import Run, write_bytes

FOLDER: Final = "report"  # inside a run
PAGE: Final = "index.html"


@dataclasses.dataclass(frozen=True)
class Heading:
    """Begins a part of a chapter."""

    text: str
    kind: ClassVar = "heading"


@dataclasses.dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: ClassVar = "text"


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of cells; the first `left` columns are words and aligned to the left, the others are numbers."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    left: int = 1
    kind: ClassVar = "table"

    def __post_init__(self) -> None:
        """Raises ValueError if there are no rows: a `Text` says why there is nothing to list."""
        if not self.rows:
            raise ValueError(f"a table without rows: {self.caption}")


@dataclasses.dataclass(frozen=True)
class NumberGrids:
    """Small grids of numbers with signs between them; `marked` cells (part, row, column) stand out."""

    parts: Sequence[Sequence[Sequence[float]] | str]
    caption: str
    marked: Sequence[tuple[int, int, int]] = ()
    kind: ClassVar = "number_grids"

    def marked_in(self, part: int) -> set[tuple[int, int]]:
        """Returns rows and columns of the marked cells of a part."""
        return {(row, column) for index, row, column in self.marked if index == part}


@dataclasses.dataclass(frozen=True)
class Plot:
    """A plot.

    Attributes:
        name: the file's.
        element: an `<svg>` element, of `plots.svg`.
        caption: below it.
        text: describes it for screen readers.
        wide: True makes it scroll on a narrow screen instead of shrink.
    """

    name: str
    element: str
    caption: str
    text: str
    wide: bool = False
    kind: ClassVar = "plot"


@dataclasses.dataclass(frozen=True)
class Thumbnails:
    """Small pictures in labeled rows, each shown `size` CSS pixels wide."""

    name: str
    groups: Sequence[tuple[str, Sequence[Thumbnail]]]
    caption: str
    size: int = 56
    kind: ClassVar = "thumbnails"


@dataclasses.dataclass(frozen=True)
class SideBySide:
    """Plots that stand side by side if there is room."""

    blocks: Sequence[Plot]
    kind: ClassVar = "side_by_side"


Block = Heading | Text | Table | NumberGrids | Plot | Thumbnails | SideBySide


@dataclasses.dataclass(frozen=True)
class Chapter:
    """One chapter; the run's record keeps its `numbers`."""

    name: str
    title: str
    blocks: Sequence[Block]
    numbers: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes:
        title: of the page.
        summary: sentences at its head.
        facts: name and value of each fact below them.
        words: terms that it uses, and what they mean.
        chapters: in order.
        sources: from what its numbers and pictures were computed.
    """

    title: str
    summary: Sequence[str]
    facts: Sequence[tuple[str, str]]
    words: Sequence[tuple[str, str]]
    chapters: Sequence[Chapter]
    sources: str


def write(run: Run, page: Page) -> list[str]:
    """Writes the page and its pictures into a run's folder `report`, in the place of earlier ones; returns the files, relative to the run."""
    files = {f"{FOLDER}/pictures/{name}": content for name, content in pictures(page.chapters)}
    files[f"{FOLDER}/{PAGE}"] = render(page).encode()
    shutil.rmtree(run / FOLDER / "pictures", ignore_errors=True)  # none of an earlier version
    for name, content in files.items():
        write_bytes(run / name, content)
    return list(files)


def render(page: Page) -> str:
    """Renders the page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "data_uri": _data_uri}
    return environment.get_template("page.html.j2").render(
        page=page, light=plots.variables(False), dark=plots.variables(True)
    )


def number(real: float) -> str:
    """Formats a number as short as possible, with a real minus sign."""
    return f"{real:g}".replace("-", "\u2212")


def _data_uri(pixels: Pixels) -> str:
    return f"data:image/png;base64,{base64.b64encode(image_grid.png(pixels)).decode()}"


def pictures(chapters: Sequence[Chapter]) -> Iterator[tuple[str, bytes]]:
    """Yields name and content of each picture's file."""
    for chapter in chapters:
        for block in chapter.blocks:
            for part in block.blocks if isinstance(block, SideBySide) else (block,):
                if isinstance(part, Plot):
                    yield f"{part.name}.svg", plots.standalone(part.element)
                elif isinstance(part, Thumbnails):
                    rows = [tile for _, group in part.groups for tile in group]
                    widest = max(len(group) for _, group in part.groups)
                    scale = max(1, round(56 / max(tile.pixels.shape[1] for tile in rows)))
                    lines = [
                        image_grid.Thumbnail(image_grid.grid(group, widest), "", "")
                        for _, group in part.groups
                        if group
                    ]
                    yield f"{part.name}.png", image_grid.png(image_grid.grid(lines, 1, 2, scale))
