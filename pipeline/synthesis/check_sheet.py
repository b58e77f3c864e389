"""A sheet of paper to print and write on, which remembers where the ink of each field lies."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from pipeline.synthesis.check_forms import Place
from serving.images import e13b

Floats = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels

# Of Matplotlib, which the pipeline needs anyway, so that every machine has the same; Pillow's own is "".
FACES: Final = (
    "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf", "STIXGeneral.ttf",
    "STIXGeneralBol.ttf", "STIXGeneralItalic.ttf", "cmr10.ttf", "DejaVuSans-Oblique.ttf", "", "DejaVuSansMono.ttf",
)  # fmt: skip
TEST_FACES: Final = ("cmss10.ttf", "cmb10.ttf", "STIXGeneralBolIta.ttf", "DejaVuSerif-Italic.ttf")
MACHINE_FACES: Final = (
    "DejaVuSansMono.ttf",
    "DejaVuSansMono-Bold.ttf",
    "cmtt10.ttf",
    "DejaVuSans.ttf",
    "STIXGeneral.ttf",
)
SIGNS: Final = "DejaVuSans-Bold.ttf"  # has all currency signs
_INKED: Final = 0.4  # cover from which a pixel counts as ink of its field
_FINER: Final = 4


class Sheet:
    """A sheet of paper.

    Attributes:
        dpi: pixels an inch.
        width, height: in pixels.
        form: what is printed, to be drawn on: "L", 255 = bare.
        canvas: draws on the form.
        light: what ink leaves of the light, float32 [height, width], 1 = bare.
        outlines: by field the outermost pixels of its ink, x and y, float64 [n, 2].
    """

    def __init__(self, size: tuple[float, float], dpi: float) -> None:
        self.dpi = dpi
        self.width, self.height = (max(8, round(inches * dpi)) for inches in size)
        self.form = Image.new("L", (self.width, self.height), 255)
        self.canvas = ImageDraw.Draw(self.form)
        self.light = np.ones((self.height, self.width), np.float32)
        self.outlines: dict[str, npt.NDArray[np.float64]] = {}

    def box(self, place: Place) -> Box:
        """Returns a place in pixels."""
        left, top, right, bottom = place
        return left * self.width, top * self.height, right * self.width, bottom * self.height

    def pixels(self, inches: float) -> float:
        """Returns a length in pixels."""
        return inches * self.dpi

    def print(
        self, text: str, x: float, y: float, size: float, face: str, fill: int = 60, anchor: str = "ls"
    ) -> float:
        """Prints lines of text on the form; `size` is the font's in inches. Returns the right edge in pixels."""
        letters, right = font(face, self.pixels(size)), x
        for number, line in enumerate(text.split("\n")):
            row = y + number * self.pixels(size) * 1.02
            self.canvas.text((x, row), line, fill=fill, font=letters, anchor=anchor)
            right = max(right, letters.getbbox(line, anchor=anchor)[2] + x)
        return right

    def rule(self, left: float, right: float, y: float, fill: int, inches: float = 0.008) -> None:
        """Prints a level line."""
        self.canvas.line([(left, y), (right, y)], fill, max(1, round(self.pixels(inches))))

    def ink(self, field: str | None, cover: Floats, x: float, y: float, darkness: float) -> None:
        """Puts ink on the sheet with its top left corner at x, y.

        Args:
            field: whose ink it is; None = no field's.
            cover: how much of the paper it covers, float32 [h, w], 0 to 1; what leaves the sheet is cut off.
            x, y: in pixels.
            darkness: of full cover, 0 to 1.
        """
        left, top = round(x), round(y)
        rows = slice(max(0, -top), min(cover.shape[0], self.height - top))
        columns = slice(max(0, -left), min(cover.shape[1], self.width - left))
        part = cover[rows, columns]
        if not part.size:
            return
        left, top = max(0, left), max(0, top)
        place = self.light[top : top + part.shape[0], left : left + part.shape[1]]
        place *= 1 - part * np.float32(darkness)
        if field is not None:
            points = outline(part > _INKED) + np.array((left, top))
            self.outlines[field] = np.vstack([self.outlines.get(field, np.zeros((0, 2))), points])


def outline(inked: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Returns the corners of the outermost pixels of each row and column, x and y, float64 [n, 2]: they span the ink."""
    rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
    if not len(rows):
        return np.zeros((0, 2))
    height, width = inked.shape
    left, right = inked[rows].argmax(1), width - inked[rows][:, ::-1].argmax(1)
    top, bottom = inked[:, columns].argmax(0), height - inked[::-1, columns].argmax(0)
    return np.concatenate(
        [
            *(np.stack([edge, row], 1) for edge in (left, right) for row in (rows, rows + 1)),
            *(np.stack([column, edge], 1) for edge in (top, bottom) for column in (columns, columns + 1)),
        ]
    ).astype(np.float64)


def printed(text: str, face: str, pixels: float) -> Floats:
    """Sets a line of text; returns its cover without margins, float32 [h, w]. `pixels` is the font's size."""
    letters = font(face, pixels)
    left, top, right, bottom = (round(edge) for edge in letters.getbbox(text))
    picture = Image.new("L", (max(1, right - left), max(1, bottom - top)), 0)
    ImageDraw.Draw(picture).text((-left, -top), text, fill=255, font=letters)
    return np.asarray(picture, np.float32) / np.float32(255)


def micr_cover(text: str, dpi: float) -> Floats:
    """Sets a MICR line at its true size.

    Args:
        text: symbols as in `e13b.GLYPHS`, a space for a blank position.
        dpi: pixels an inch.

    Returns:
        The line's cover, float32 [h, w]; its right edge is a pixel right of the last symbol's.
    """
    module = 0.013 * dpi * _FINER
    pitch = 0.125 * dpi * _FINER
    side = round(7 * module) + _FINER
    width = round(pitch * (len(text) - 1)) + 2 * side
    line = np.zeros((round(e13b.HEIGHT * module) + 2 * _FINER, width), np.uint8)
    for index, symbol in enumerate(text):
        if symbol == " ":
            continue
        raster = e13b.raster(e13b.GLYPHS[symbol], (module, module), (side, line.shape[0] - _FINER), 1)
        right = side + round(index * pitch)
        place = line[_FINER:, right - side : right]
        np.maximum(place, raster, out=place)
    reduced = Image.fromarray(line[:, : side + round((len(text) - 1) * pitch) + _FINER]).reduce(_FINER)
    return np.asarray(reduced, np.float32) / np.float32(255)


@functools.lru_cache(512)
def font(face: str, pixels: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Opens a font of `FACES`."""
    size = max(4.0, round(pixels * 4) / 4)
    return ImageFont.truetype(_folder() / face, size) if face else ImageFont.load_default(size)


@functools.cache
def _folder() -> Path:
    """Returns where Matplotlib's fonts lie, without importing it."""
    package = importlib.util.find_spec("matplotlib")
    assert package is not None  # the extra `train` has it
    assert package.origin is not None
    return Path(package.origin).parent / "mpl-data" / "fonts" / "ttf"
