"""States the shapes of E-13B, the font of the MICR line, in modules of 0.013 inch.

Facts of ISO 1004-1 and ANSI X9.100-20, measured on printed lines and snapped to the grid of modules: a digit is
9 modules high and up to 7 wide, right edges stand on a pitch of 0.125 inch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from serving.images.frame import Gray

Rectangle = tuple[float, float, float, float]  # left, top, right, bottom
Polygon = tuple[tuple[float, float], ...]

PITCH: Final = 9.615  # modules from right edge to right edge
HEIGHT: Final = 9  # of a digit
CORNER: Final = 0.5  # radius of a rectangle's corners


@dataclass(frozen=True)
class Glyph:
    """A symbol's shape: the union of its parts, without its holes.

    Attributes:
        width: in modules.
        top: of its box below the digits' top line.
        rectangles: with rounded corners, from the box's top left.
        polygons: with sharp corners.
        ring: the outer rectangle and the hole of the zero, with their radii; None: none.
    """

    width: float
    top: float
    rectangles: tuple[Rectangle, ...]
    polygons: tuple[Polygon, ...] = ()
    ring: tuple[Rectangle, float, Rectangle, float] | None = None


GLYPHS: Final[dict[str, Glyph]] = {
    "0": Glyph(7, 0.0, (), ring=((0, 0, 7, 9), 2.0, (1, 1, 6, 8), 1.0)),
    "1": Glyph(4, 0.0, ((0, 0, 2, 1), (1, 0, 2, 5.5), (0, 5, 4, 9))),
    "2": Glyph(4, 0.0, ((0, 0, 4, 1), (3, 0, 4, 5), (0, 4, 4, 5), (0, 4, 1, 9), (0, 8, 4, 9))),
    "3": Glyph(
        5,
        0.0,
        ((0, 0, 4, 1), (3, 0, 4, 5), (0, 4, 4, 5), (3, 4.5, 5, 9), (0, 8, 5, 9)),
        (((4, 4), (5, 5), (5, 6), (3, 6), (3, 4)),),
    ),
    "4": Glyph(6, 0.0, ((0, 0, 2, 7), (0, 6, 6, 7), (4, 5, 6, 9))),
    "5": Glyph(5, 0.0, ((0, 0, 5, 1), (0, 0, 1, 5), (0, 4, 5, 5), (4, 4, 5, 9), (0, 8, 5, 9))),
    "6": Glyph(6, 0.0, ((0, 0, 4, 1), (3, 0, 4, 2), (0, 0, 1, 9), (0, 5, 6, 6), (5, 5, 6, 9), (0, 8, 6, 9))),
    "7": Glyph(
        5,
        0.0,
        ((0, 0, 5, 1), (0, 0, 1, 3), (4, 0, 5, 3.6), (2, 4.7, 3, 9)),
        (((4, 3.0), (5, 3.0), (5, 3.9), (3, 4.9), (3, 5.6), (2, 5.6), (2, 4.3), (4, 3.3)),),
    ),
    "8": Glyph(
        7,
        0.0,
        ((1, 0, 6, 1), (1, 0, 2, 5), (5, 0, 6, 5), (1, 4, 6, 5), (0, 5, 2, 9), (5, 5, 7, 9), (0, 8, 7, 9)),
        (((1, 4), (0, 5), (2, 5), (2, 4)), ((6, 4), (7, 5), (5, 5), (5, 4))),
    ),
    "9": Glyph(6, 0.0, ((0, 0, 6, 1), (0, 0, 1, 5), (5, 0, 6, 5), (0, 4, 6, 5), (4, 4.5, 6, 9))),
    "A": Glyph(7, 0.0, ((0, 1.5, 2, 7.5), (4, 0, 7, 3), (4, 6, 7, 9))),  # transit
    "B": Glyph(7, 0.0, ((0, 5, 2, 9), (3, 2.25, 4, 6.75), (5, 0, 7, 4))),  # amount
    "C": Glyph(7, 0.5, ((0, 1, 1, 7), (2, 1, 3, 7), (4, 0, 7, 4))),  # on-us
    "D": Glyph(7, 2.5, ((0, 0, 2, 4), (3, 0, 5, 4), (6, 0, 7, 4))),  # dash
}


def raster(glyph: Glyph, scale: tuple[float, float], size: tuple[int, int], oversampling: int = 8) -> Gray:
    """Draws a symbol.

    Args:
        glyph: its shape.
        scale: columns and rows of a module.
        size: columns and rows of the picture, at whose right edge the symbol stands, its digits' top line at the top.
        oversampling: how many times finer it is drawn before it is averaged.

    Returns:
        uint8 [rows, columns], 255 = ink.
    """
    across, down = (share * oversampling for share in scale)
    columns, rows = (length * oversampling for length in size)
    picture = Image.new("L", (columns, rows), 0)
    draw = ImageDraw.Draw(picture)
    x, y = columns - glyph.width * across, glyph.top * down

    def place(box: Rectangle) -> Rectangle:
        left, top, right, bottom = box
        return x + left * across, y + top * down, x + right * across - 1, y + bottom * down - 1

    unit = min(across, down)
    for box in glyph.rectangles:
        draw.rounded_rectangle(place(box), CORNER * unit, fill=255)
    for polygon in glyph.polygons:
        draw.polygon([(x + column * across, y + row * down) for column, row in polygon], fill=255)
    if glyph.ring:
        outer, outer_radius, hole, hole_radius = glyph.ring
        draw.rounded_rectangle(place(outer), outer_radius * unit, fill=255)
        draw.rounded_rectangle(place(hole), hole_radius * unit, fill=0)
    return np.asarray(picture.reduce(oversampling))
