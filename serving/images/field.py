"""Normalizes a field: its gray levels become the field network's ink picture, 32 rows high.

>>> from serving.images.codec import decode
>>> from serving.images.field import normalize_field
>>> field = normalize_field(decode(open("amount.png", "rb").read()))
>>> field.pixels.shape[0], field.problem
(32, None)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from serving.images.codec import Gray
from serving.images.comb_cells import written_cells
from serving.images.digit import INK_LEVEL
from serving.images.ink import Ink, find_ink
from serving.images.points import PixelBox, find_points
from serving.images.slope_slant import BoundingBoxes, WritingSize, slope_and_slant, writing_size

HEIGHT: Final = 32
MAX_WIDTH: Final = 640
BODY: Final = 20
_WORK_HEIGHT: Final = 96
_COARSE: Final = 18  # rows of a body that are too few
_FINE: Final = 30  # and that are enough
_MOST_PIXELS: Final = 500_000  # that are searched for little writing
_LETTER: Final = 0.2  # of the picture's height; what is less tall is a letter of a page, or a speck
_LETTERS: Final = 12
_LITTLE: Final = 0.25  # of the picture's height; strokes that are mostly taller are no page's
_LINES: Final = 3  # letters' heights between the first lines of a page and its last
_REST: Final = 0.3  # of the tallest stroke; what is less tall may be the rest of a rule above or below digits
_SMALLEST: Final = 0.75  # of the usual scale, to let tall digits in


@dataclass(frozen=True)
class Field:
    """A field as the network sees it.

    Attributes:
        pixels: uint8 [32, w], 0 = paper, 255 = ink; digits' bodies are about 20 rows
            high, in the middle, and the first and the last column hold ink.
        to_picture: float64 [2, 3], maps (x, y, 1) in pixels to x, y in the picture that
            was given; continuous, a pixel covers [x, x + 1).
        problem: why there is nothing to read; pixels are then one column of paper.
        whole_page: whether the picture shows many small strokes in several lines, as a whole check does.
        cells: first and last column of each cell of a printed comb, from the first digit's to the last's; none where
            there is no comb, or where a cell between them is empty.
        drops: int64 [w], by how many rows each column stood lower before the line was leveled; None: it was not.
        doubt: why what is read must not be accepted, however likely it is; None: nothing speaks against it.
    """

    pixels: Gray
    to_picture: npt.NDArray[np.float64]
    problem: str | None
    whole_page: bool = False
    cells: tuple[tuple[float, float], ...] = ()
    drops: npt.NDArray[np.int64] | None = None
    doubt: str | None = None


def normalize_field(gray: Gray) -> Field:
    """Turns a picture of one amount or number into the field network's input.

    Shading, patterned paper, rules and box edges are taken out, the baseline is
    laid level, slanted strokes are set upright, and the digits scaled so that
    their bodies are 20 rows high; ink beyond the 32 rows is cut.

    Args:
        gray: uint8 [height, width], any size from 1×1, either polarity.

    Returns:
        The field; its problem is "blank: …" where no ink was found, and "too long: …"
        where the ink would take more than 640 columns.
    """
    return _normalize(gray, -(-len(gray) // _WORK_HEIGHT))


def _normalize(gray: Gray, block: int) -> Field:
    """Normalizes with each block×block pixels merged into one, or fewer where that leaves too little of the digits."""
    ink = find_ink(_merged(gray, block))
    if ink is None:
        finer = block // 4
        if finer and gray.size <= _MOST_PIXELS * finer * finer:
            return _normalize(gray, finer)
        return _unreadable("blank: no ink found")
    slope, slant = slope_and_slant(ink.components)
    boxes = BoundingBoxes.of(ink.components, slope, slant)
    tall = _heights(ink, boxes)
    size = writing_size(boxes, tall >= _REST * tall.max())
    finer = int(block * size.height / _FINE)
    if 0 < finer < block and size.height < _COARSE:
        field = _zoomed(gray, ink, block, size.height, finer)
    else:
        field = _fitted(ink, boxes, tall, size, block, slope, slant)
    whole_page = _is_whole_page(ink)
    if not whole_page and block > 1 and np.median(boxes.bottom - boxes.top) < _LITTLE * len(ink.smooth):
        # Letters may have run together in blocks this large.
        finer_ink = find_ink(_merged(gray, -(-block // 2)))
        whole_page = finer_ink is not None and _is_whole_page(finer_ink)
    return replace(field, whole_page=True) if whole_page else field


def _merged(gray: Gray, block: int) -> Gray:
    return gray if block == 1 else np.asarray(Image.fromarray(gray).reduce(block))


def _heights(ink: Ink, boxes: BoundingBoxes) -> npt.NDArray[np.float64]:
    """Returns how tall each component is, as it stands or as it is laid level: of a rule the one, of a dash the other."""
    standing = BoundingBoxes.of(ink.components, 0.0, 0.0)
    return np.minimum(boxes.bottom - boxes.top, standing.bottom - standing.top)


def _fitted(
    ink: Ink,
    boxes: BoundingBoxes,
    tall: npt.NDArray[np.float64],
    size: WritingSize,
    block: int,
    slope: float,
    slant: float,
) -> Field:
    """Sets the writing upright and scales it to the field's height."""
    keep = _writing(ink, boxes, tall, size.height, size.middle)
    if not keep.all():
        size = writing_size(boxes, keep)
    scale = BODY / max(size.height, 3.0)
    scale = min(scale, max(HEIGHT / (size.bottom - size.top), _SMALLEST * scale))
    left, right = float(boxes.left[keep].min()), float(boxes.right[keep].max())
    width = int(np.ceil((right - left) * scale)) + 2
    if width > MAX_WIDTH:
        return _unreadable(f"too long: {width} columns at this writing's size, at most {MAX_WIDTH} are read")
    half, middle = HEIGHT / 2 / scale, size.middle
    if size.bottom - size.top <= 2 * half:
        middle = min(max(middle, size.bottom - half), size.top + half)
    # Upright are u = x + slant·v and v = y − slope·x; x and y of pixels' first column and row:
    u, v, step = left - 1 / scale, middle - half, 1 / scale
    level = 1 - slant * slope
    to_work = np.array(
        [
            [step, -slant * step, u - slant * v],
            [slope * step, level * step, slope * u + level * v],
        ]
    )
    soft = ink.soft_mask(keep, _points(ink, boxes, keep, size.height, slope, slant))
    work = Image.frombuffer("L", ink.smooth.shape[::-1], soft, "raw", "L", 0, 1)
    upright = work.transform(
        (width, HEIGHT), Image.Transform.AFFINE, to_work.ravel().tolist(), Image.Resampling.BILINEAR
    )
    pixels = np.frombuffer(upright.tobytes(), np.uint8).reshape(HEIGHT, width)
    columns = (pixels.max(0) > INK_LEVEL).nonzero()[0]
    if not len(columns):
        return _unreadable("blank: no ink found")
    first, last = int(columns[0]), int(columns[-1]) + 1
    to_work[:, 2] += first * to_work[:, 0]
    pixels = np.ascontiguousarray(pixels[:, first:last])
    cells = () if ink.comb is None else written_cells(pixels, ink.comb, to_work, len(ink.smooth))
    return Field(pixels, to_work * block, None, cells=cells)


def _is_whole_page(ink: Ink) -> bool:
    """Returns whether there are many small components in several lines."""
    if len(ink.components) < _LETTERS:
        return False
    boxes = BoundingBoxes.of(ink.components, 0.0, 0.0)
    tall, middles = boxes.bottom - boxes.top, (boxes.top + boxes.bottom) / 2
    small = tall < _LETTER * len(ink.smooth)
    count = int(small.sum())
    if count < _LETTERS:
        return False
    rows = np.sort(middles[small])
    return bool(rows[-1 - count // 10] - rows[count // 10] > _LINES * np.median(tall[small]))


def _writing(
    ink: Ink, boxes: BoundingBoxes, tall: npt.NDArray[np.float64], height: float, middle: float
) -> npt.NDArray[np.bool_]:
    """Returns which components, bool [components], are the field's: no specks, rests of rules, or neighbors' ink."""
    areas = ink.components.area().tolist()
    keep = [
        area >= 0.005 * height * height
        and not _is_rule(right - left, rows, abs((top + bottom) / 2 - middle) / height, height)
        and max(top - middle, middle - bottom) < 0.65 * height
        for area, rows, (left, right, top, bottom) in zip(areas, tall.tolist(), boxes, strict=True)
    ]
    return np.array(keep if any(keep) else [True] * len(keep))


def _points(
    ink: Ink, boxes: BoundingBoxes, keep: npt.NDArray[np.bool_], height: float, slope: float, slant: float
) -> list[PixelBox]:
    """Finds the points among what was too small, too pale or too far below for a stroke; none in a comb."""
    specks = [ink.specks] if keep.all() else [ink.specks, ink.components.select(~keep)]
    if ink.comb is not None or not any(map(len, specks)):
        return []
    digits = [
        (left, right, top, bottom)
        for (left, right, top, bottom), kept in zip(boxes, keep.tolist(), strict=True)
        if kept and bottom - top >= 0.4 * height
    ]
    return find_points(ink.smooth, ink.base, ink.span, ink.erased, specks, digits, height, slope, slant)


def _is_rule(wide: float, tall: float, offset: float, height: float) -> bool:
    """Returns whether a component is what is left of a rule, by its distance from the middle in digits' heights.

    A dash stands in the middle or on the baseline; what is flat above or below that is a rule's.
    """
    flat = tall < 0.35 * height and wide > 0.7 * height and offset > 0.55
    return flat or (tall < 0.2 * height and wide > 1.8 * tall and offset > 0.62)


def _zoomed(gray: Gray, ink: Ink, block: int, height: float, finer: int) -> Field:
    """Normalizes the part of the picture that holds the ink, in smaller blocks."""
    margin, components = int(height) + 1, ink.components
    top, left = (block * max(0, int(first.min()) - margin) for first in (components.row, components.start))
    bottom, right = (block * (int(last.max()) + margin) for last in (components.row, components.stop))
    field = _normalize(np.ascontiguousarray(gray[top:bottom, left:right]), finer)
    return replace(field, to_picture=field.to_picture + np.array([[0, 0, left], [0, 0, top]]))


def _unreadable(problem: str) -> Field:
    return Field(np.zeros((HEIGHT, 1), np.uint8), np.array([[1.0, 0, 0], [0, 1, 0]]), problem)
