"""From chapters to one HTML file that asks nobody for anything.

A chapter is a title and blocks; pictures are in the page itself, and each of them is a file beside it too.
"""

from __future__ import annotations

import base64
import dataclasses
import html
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template
from typing import Any, Final

from pipeline.report import image_grid, plots
from pipeline.report.image_grid import Thumbnail


@dataclasses.dataclass(frozen=True)
class Heading:
    """Begins a part of a chapter."""

    text: str


@dataclasses.dataclass(frozen=True)
class Text:
    """A paragraph; `source` is HTML, what it quotes from elsewhere is escaped by who wrote it."""

    source: str


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of cells; columns of numbers stand to the right."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    left: int = 1  # how many columns at the front are words


@dataclasses.dataclass(frozen=True)
class NumberGrids:
    """Small grids of numbers with signs between them; `marked` cells stand out."""

    parts: Sequence[Sequence[Sequence[float]] | str]
    caption: str
    marked: Sequence[tuple[int, int, int]] = ()  # part, row, column


@dataclasses.dataclass(frozen=True)
class Plot:
    """A picture that `plots.svg` made; on a narrow screen a `wide` one is scrolled instead of shrunk."""

    name: str
    element: str
    caption: str
    text: str
    wide: bool = False


@dataclasses.dataclass(frozen=True)
class Thumbnails:
    """Small pictures in labeled rows, each shown `size` CSS pixels wide."""

    name: str
    groups: Sequence[tuple[str, Sequence[Thumbnail]]]
    caption: str
    size: int = 56


@dataclasses.dataclass(frozen=True)
class SideBySide:
    """Blocks that stand side by side where there is room."""

    blocks: Sequence[Plot]


_MANY: Final = 8  # rows of tiles from which on they stand side by side

Block = Heading | Text | Table | NumberGrids | Plot | Thumbnails | SideBySide


@dataclasses.dataclass(frozen=True)
class Chapter:
    """One chapter, and the `numbers` in it that the run's record keeps."""

    name: str
    title: str
    blocks: Sequence[Block]
    numbers: dict[str, Any]


def render(title: str, facts: Sequence[tuple[str, str]], chapters: Sequence[Chapter]) -> str:
    """The page.

    Args:
        title: of the page.
        facts: name and value of what stands at its head.
        chapters: in order.
    """
    shell = Template(Path(__file__).with_name("page.html").read_text())
    contents = "\n".join(
        f'<li><a href="#{chapter.name}">{html.escape(chapter.title)}</a></li>' for chapter in chapters
    )
    head = "\n".join(
        f"<div><dt>{html.escape(key)}</dt><dd>{html.escape(value)}</dd></div>" for key, value in facts
    )
    body = "\n".join(
        f'<section id="{chapter.name}">\n<h2>{number}. {html.escape(chapter.title)}</h2>\n'
        + "\n".join(_block(block) for block in chapter.blocks)
        + "\n</section>"
        for number, chapter in enumerate(chapters, 1)
    )
    return shell.substitute(
        title=html.escape(title),
        light=plots.variables(False),
        dark=plots.variables(True),
        facts=head,
        contents=contents,
        chapters=body,
    )


def pictures(chapters: Sequence[Chapter]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each picture's file."""
    for chapter in chapters:
        for block in chapter.blocks:
            for one in block.blocks if isinstance(block, SideBySide) else (block,):
                if isinstance(one, Plot):
                    yield f"{one.name}.svg", plots.standalone(one.element)
                elif isinstance(one, Thumbnails):
                    rows = [tile for _, group in one.groups for tile in group]
                    widest = max(len(group) for _, group in one.groups)
                    scale = max(1, round(56 / max(tile.pixels.shape[1] for tile in rows)))
                    lines = [
                        image_grid.Thumbnail(image_grid.grid(group, widest), "", "")
                        for _, group in one.groups
                        if group
                    ]
                    yield f"{one.name}.png", image_grid.png(image_grid.grid(lines, 1, 2, scale))


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"<h3>{html.escape(text)}</h3>"
        case Text(source):
            return f"<p>{source}</p>"
        case Table():
            return _table(block)
        case NumberGrids():
            return _numbers(block)
        case Plot():
            return _figure(
                block.element.replace("<svg", f'<svg role="img" aria-label="{html.escape(block.text)}"', 1),
                block.caption,
                "plot wide" if block.wide else "plot",
            )
        case Thumbnails():
            return _tiles(block)
        case SideBySide(blocks):
            return '<div class="beside">\n' + "\n".join(_block(one) for one in blocks) + "\n</div>"


def _figure(inner: str, caption: str, kind: str = "plot") -> str:
    return f'<figure class="{kind}">\n{inner}\n<figcaption>{caption}</figcaption>\n</figure>'


def _table(table: Table) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        inner = "".join(
            f"<{tag}{' class=left' if number < table.left else ''}>{html.escape(cell)}</{tag}>"
            for number, cell in enumerate(cells)
        )
        return f"<tr>{inner}</tr>"

    body = "\n".join(row(cells, "td") for cells in table.rows)
    inner = f'<div class="scroll"><table>\n<thead>{row(table.head, "th")}</thead>\n<tbody>\n{body}\n</tbody></table></div>'
    return _figure(inner, table.caption, "table")


def _numbers(block: NumberGrids) -> str:
    parts = []
    for index, part in enumerate(block.parts):
        if isinstance(part, str):
            parts.append(f"<span>{html.escape(part)}</span>")
            continue
        rows = "".join(
            "<tr>"
            + "".join(
                f"<td{' class=marked' if (index, y, x) in block.marked else ''}>{number(value)}</td>"
                for x, value in enumerate(row)
            )
            + "</tr>"
            for y, row in enumerate(part)
        )
        parts.append(f"<table><tbody>{rows}</tbody></table>")
    return _figure(f'<div class="numbers">{"".join(parts)}</div>', block.caption, "worked")


def number(value: float) -> str:
    """As short as it can be written, with a real minus sign."""
    return f"{value:g}".replace("-", "\u2212")


def _tiles(block: Thumbnails) -> str:
    rows = []
    for label, group in block.groups:
        name = f'<div class="name">{html.escape(label)}</div>' if label else ""
        cells = "".join(_tile(tile, block.size) for tile in group)
        rows.append(f'<div class="row">{name}<div class="cells">{cells}</div></div>')
    inner = "\n".join(rows)
    many = f'<div class="many">\n{inner}\n</div>' if len(rows) > _MANY else inner
    return _figure(many, block.caption, "tiles")


def _tile(tile: Thumbnail, size: int) -> str:
    source = base64.b64encode(image_grid.png(tile.pixels)).decode()
    height, width = tile.pixels.shape[:2]
    caption = f"<small>{html.escape(tile.caption)}</small>" if tile.caption else ""
    return (
        f'<div class="tile" style="width: {size}px"><img width="{width}" height="{height}" '
        f'alt="{html.escape(tile.text)}" src="data:image/png;base64,{source}">{caption}</div>'
    )
