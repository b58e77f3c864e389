"""Finds a check in a picture, lays it flat and cuts its fields out: everything that is done before fields are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from serving.images.check_paper import find_paper
from serving.images.check_quality import Quality, quality
from serving.images.codec import Frame, Gray
from serving.images.crop import PageLimit, normalize_each
from serving.images.field import Field, normalize_field
from serving.images.micr_line import PITCH, normalize_micr_line
from serving.images.perspective import Perspective
from serving.recognition import check_layout
from serving.recognition.boxes import Box, ink_box
from serving.recognition.check import Corner
from serving.recognition.check_layout import Place
from serving.recognition.check_locator import Located
from serving.recognition.fields import LocatedField

# Paper left of a field, right of it, and above and below, in heights of its box: enough for ink that a box cuts, little of
# the print around it; an amount's printed sign and its box's side stand on the left. Chosen on 150 drawn checks and 32
# photographs, with the boxes that are found. A MICR line must not lose an end: a part of it may still be a line of some
# layout.
_MARGINS: Final[Mapping[str, tuple[float, float, float]]] = {
    "amount": (0.1, 0.3, 0.3),
    "date": (0.2, 0.2, 0.2),
    "check_number": (0.2, 0.2, 0.2),
    "micr": (2.5, 2.5, 0.4),
}
_MARGIN: Final = (0.2, 0.2, 0.2)  # around what people alone read
# How much farther a part reaches where ink meets its side, in heights of the box. Left of an amount a printed sign would
# come in, and a MICR line has margins that are wide enough.
_FARTHER: Final = {"date": 0.6, "check_number": 0.6}
_SHORTEST: Final = 11 * PITCH  # columns of a MICR line: a routing number and its two symbols at least
_NO_PAPER: Final = "no check found in the picture"
_ROUNDING: Final = 1e-6  # of a pixel

Locate = Callable[[Gray], Located]


@dataclass(frozen=True)
class LocatedCheck:
    """A page with a check, its fields cut out.

    Attributes:
        page: its number in the picture, from 1.
        size: width and height of the page in pixels.
        problem: what is wrong with the paper; None: nothing.
        perspective: from the page in square pixels to the flat check the right way up; None: there is no check.
        scale: columns and rows of the page by those in square pixels.
        quality: the picture's; None where there is no check.
        boxes: of the fields that were found, on the flat check; around the ink of amount, date and check number.
        scores: of the fields, by the finder; none by a layout.
        fields: those that are read, normalized.
    """

    page: int
    size: tuple[int, int]
    problem: str | None
    perspective: Perspective | None = None
    scale: tuple[float, float] = (1.0, 1.0)
    quality: Quality | None = None
    boxes: Mapping[str, Box] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    fields: Mapping[str, LocatedField] = field(default_factory=dict)

    @property
    def corners(self) -> list[Corner]:
        """The paper's corners in the page's pixels, the check's top left first."""
        assert self.perspective is not None
        places = (self.perspective.corners * self.scale).round(1)
        return [(x, y) for x, y in places.tolist()]

    def in_picture(self, box: Box) -> Box:
        """Moves a box of the flat check to the page: the upright box around its corners there, in whole pixels."""
        assert self.perspective is not None
        x, y, width, height = box
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        places = self.perspective.to_picture(np.array(corners, np.float64)) * self.scale
        low = np.floor(places.min(0) + _ROUNDING).clip(0, np.array(self.size) - 1).astype(int)
        high = np.ceil(places.max(0) - _ROUNDING).clip(low + 1, self.size).astype(int)
        (left, top), (right, bottom) = low.tolist(), high.tolist()
        return left, top, right - left, bottom - top


def locate_pictures(
    pictures: Sequence[bytes], locate: Locate, limit: PageLimit | None = None
) -> list[LocatedCheck]:
    """Decodes pictures, finds the check on every page of each, lays it flat and cuts its fields out.

    Args:
        pictures: encoded, as `codec.decode` takes them.
        locate: finds the fields on a flat check, uint8 [h, w].
        limit: as for `normalize_each`.

    Raises:
        CheckreaderError: as `normalize_each`.
    """

    def locate_page(frame: Frame, page: int) -> LocatedCheck:
        pixels = frame.square()
        (height, width), (rows, columns) = frame.gray.shape, pixels.shape
        paper = find_paper(pixels)
        if paper.corners is None:
            return LocatedCheck(page, (width, height), paper.problem or _NO_PAPER)
        perspective = Perspective.of(paper.corners)
        flat = perspective.flatten(pixels)
        located = locate(flat)
        if located.upside_down:
            perspective, flat = perspective.upside_down(), turned(flat)
        boxes = check_layout.boxes(located.boxes, perspective.width, perspective.height)
        fields = {name: cut(flat, box, name) for name, box in boxes.items() if name in _MARGINS}
        return LocatedCheck(
            page,
            (width, height),
            paper.problem,
            perspective,
            (width / columns, height / rows),
            quality(pixels, perspective),
            boxes | _around_ink(fields),
            located.scores,
            fields,
        )

    return normalize_each(pictures, None, locate_page, limit)


def _around_ink(fields: Mapping[str, LocatedField]) -> dict[str, Box]:
    """Returns the boxes around the ink of the fields that have some, but for the MICR line, whose print may run on beyond it."""
    return {
        name: ink_box(source.field, source.corner, source.size)
        for name, source in fields.items()
        if name != "micr" and source.field.problem is None
    }


def by_layout(places: Mapping[str, Place]) -> Locate:
    """Makes what finds fields by a layout.

    Which side is up is told by the MICR line; without a place for it the check is taken to stand upright.
    """

    def locate(flat: Gray) -> Located:
        line = check_layout.boxes(places, flat.shape[1], flat.shape[0]).get("micr")
        upside_down = line is not None and not _has_line(flat, line) and _has_line(turned(flat), line)
        return Located(upside_down, places, {})

    return locate


def turned(flat: Gray) -> Gray:
    """Returns a flat check turned by 180°."""
    return np.ascontiguousarray(flat[::-1, ::-1])


def cut(flat: Gray, box: Box, name: str) -> LocatedField:
    """Cuts a field out of a flat check with a margin, and normalizes it; once more where its ink goes on beyond that.

    Args:
        flat: uint8 [h, w], the right way up.
        box: of the field.
        name: of the field.
    """
    source = _cut(flat, box, name)
    if name not in _FARTHER or source.field.problem is not None:
        return source
    left, _, across, _ = ink_box(source.field, (0, 0), source.size)
    x, y, width, height = box
    farther = round(_FARTHER[name] * height)
    before = farther if left == 0 else 0
    behind = farther if left + across == source.size[0] else 0
    if not before and not behind:
        return source
    return _cut(flat, (x - before, y, before + width + behind, height), name)


def _cut(flat: Gray, box: Box, name: str) -> LocatedField:
    part, corner = with_margin(flat, box, name)
    return LocatedField(_normalize(part, name), 1, corner, (part.shape[1], part.shape[0]))


def with_margin(flat: Gray, box: Box, name: str) -> tuple[Gray, tuple[int, int]]:
    """Returns the part of a flat check that is read as a field, uint8 [h, w], and its left and top; arguments as for `cut`."""
    x, y, width, height = box
    rows, columns = flat.shape
    before, behind, above = (round(share * height) for share in _MARGINS.get(name, _MARGIN))
    left, top = min(max(0, x - before), columns - 1), min(max(0, y - above), rows - 1)
    right, bottom = max(left + 1, x + width + behind), max(top + 1, y + height + above)
    return np.ascontiguousarray(flat[top:bottom, left:right]), (left, top)


def _normalize(part: Gray, name: str) -> Field:
    if name == "micr":
        return normalize_micr_line(part)
    # However much else is in the part, it was cut out.
    return replace(normalize_field(part), whole_page=False)


def _has_line(flat: Gray, box: Box) -> bool:
    """Tells whether a MICR line stands in a box, and upright; a check number upside down is no line."""
    line = cut(flat, box, "micr").field
    is_upright = line.to_picture[0, 0] > 0
    return line.problem is None and line.doubt is None and is_upright and line.pixels.shape[1] >= _SHORTEST
