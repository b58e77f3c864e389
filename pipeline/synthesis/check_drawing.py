"""Draws whole checks, printed, filled in and seen by a scanner or a phone, with labels for everything on them.

python -m pipeline.synthesis.check_drawing sheet.png [--part test] [--data-dir DIR] [--seed N]     # a contact sheet
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from pipeline.synthesis import check_capture
from pipeline.synthesis.check_filling import fill_in
from pipeline.synthesis.check_grounds import ground
from pipeline.synthesis.check_hands import Hands, invented_hands, open_hands
from pipeline.synthesis.check_layouts import FIELDS, PARTS, Layout, Part, layout, numbers
from pipeline.synthesis.check_sheet import Sheet
from pipeline.synthesis.check_text import CheckText, check_text
from serving.errors import CheckreaderError
from serving.images.codec import Gray

Floats = npt.NDArray[np.float32]
_SEEDS: Final = {"train": 7_100_001, "test": 7_200_003}  # no check is in both parts
_FOLDED: Final = 0.15
SHEET: Final = 24  # checks on a contact sheet


@dataclass(frozen=True)
class DrawnCheck:
    """A picture of a check, and what it shows.

    Attributes:
        picture: uint8 [height, width].
        kind: "scan", "bitonal" or "photograph".
        layout: number of its layout.
        country: "us", "ca", "in" or "gb".
        corners: float64 [4, 2], see `check_capture.View`.
        boxes: by field left, top, right and bottom of its ink in the picture's pixels.
        places: the same on the flat check, as shares of its width and height.
        text: what stands on it.
        machine: whether a machine filled it in.
    """

    picture: Gray
    kind: str
    layout: int
    country: str
    corners: npt.NDArray[np.float64]
    boxes: Mapping[str, tuple[float, float, float, float]]
    places: Mapping[str, tuple[float, float, float, float]]
    text: CheckText
    machine: bool

    def label(self) -> dict[str, Any]:
        """Returns the check's label, ready for JSON."""
        text = self.text
        return {
            "layout": self.layout,
            "country": self.country,
            "kind": self.kind,
            "amount_is": "printed" if self.machine else "handwritten",
            "amount": f"{text.amount:.2f}",
            "amount_written": text.amount_written,
            "date": text.date.isoformat(),
            "date_written": text.date_written,
            "micr": " ".join(text.micr.split()),
            "check_number": text.number,
            "words": text.words,
            "corners": [[round(x, 1), round(y, 1)] for x, y in self.corners.tolist()],
            "boxes": {field: [round(edge, 1) for edge in box] for field, box in self.boxes.items()},
            "places": {field: [round(edge, 4) for edge in place] for field, place in self.places.items()},
        }


def draw(part: Part, seed: tuple[int, int], hands: Hands, number: int | None = None) -> DrawnCheck:
    """Draws a check.

    Args:
        part: "train" or "test".
        seed: equal seeds give equal checks.
        hands: writers of the part.
        number: of the layout; None: one of the part's.

    Raises:
        ValueError: the layout is of the other part.
    """
    rng = np.random.default_rng([_SEEDS[part], *seed])
    options = numbers(part)
    drawn_number = options[int(rng.random() * len(options))]
    if number is not None and number not in options:
        raise ValueError(f"layout {number} is not of the part {part}")
    form = layout(number or drawn_number)
    seen = check_capture.view(form.size, rng)
    machine = bool(rng.random() < form.machine)
    text = check_text(form, machine, rng)
    sheet = fill_in(form, text, seen.dpi, hands, rng)
    light = paper(sheet, form, seen.kind, rng)
    if rng.random() < _FOLDED:
        _fold(light, rng)
    picture = check_capture.take(light, seen, rng)
    matrix = check_capture.to_picture(seen, (sheet.width, sheet.height))
    boxes, places = {}, {}
    for field in FIELDS:
        points = sheet.outlines.get(field, np.zeros((0, 2)))
        if not len(points):
            continue
        places[field] = _span(points / (sheet.width, sheet.height), (1, 1))
        boxes[field] = _span(check_capture.move(matrix, points), (seen.width, seen.height))
    return DrawnCheck(
        picture, seen.kind, form.number, form.country, seen.corners, boxes, places, text, machine
    )


def paper(sheet: Sheet, form: Layout, kind: str, rng: np.random.Generator) -> Floats:
    """Returns what a sheet's ground, print and ink leave of the light, float32 [h, w]; grounds of 1 bit are pale."""
    strength = form.strength * (0.4 if kind == "bitonal" else 1.0)
    light = ground(form.ground, strength, (sheet.width, sheet.height), sheet.dpi, rng)
    light *= np.asarray(sheet.form, np.float32) / np.float32(255)
    light *= sheet.light
    return light


def _fold(light: Floats, rng: np.random.Generator) -> None:
    """Folds the paper once or twice: a crease, and another light on either side."""
    height, width = light.shape
    for _ in range(rng.integers(1, 3)):
        upright = rng.random() < 0.6
        length = width if upright else height
        crease = rng.uniform(0.2, 0.8) * length + rng.normal(0, 0.01) * np.arange(
            height if upright else width
        )
        distance = np.arange(length)[None, :] - crease[:, None]
        profile = 1 - rng.uniform(0.05, 0.25) * np.exp(-np.abs(distance) / rng.uniform(0.6, 3))
        profile *= 1 - rng.uniform(0, 0.12) * (distance > 0)
        light *= (profile if upright else profile.T).astype(np.float32)


def _span(points: npt.NDArray[np.float64], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Returns the box of points, cut to the picture's size."""
    inside = np.clip(points, 0, size)
    (left, top), (right, bottom) = inside.min(0).tolist(), inside.max(0).tolist()
    return left, top, right, bottom


def contact_sheet(checks: Sequence[DrawnCheck], columns: int = 4, outlined: bool = True) -> Image.Image:
    """Draws checks in a table, their fields outlined."""
    cell = 620, 420
    picture = Image.new("L", (columns * cell[0], -(-len(checks) // columns) * cell[1]), 128)
    for index, check in enumerate(checks):
        image = Image.fromarray(check.picture).convert("L")
        canvas = ImageDraw.Draw(image)
        for box in check.boxes.values() if outlined else ():
            canvas.rectangle(box, None, 0, 2)
        image.thumbnail((cell[0] - 8, cell[1] - 24), Image.Resampling.BOX)
        x, y = index % columns * cell[0], index // columns * cell[1]
        picture.paste(image, (x, y + 14))
        text = check.text
        title = (
            f"{check.layout} {check.kind} {text.amount} {text.amount_written} {text.date_written} {text.micr}"
        )
        ImageDraw.Draw(picture).text((x + 2, y + 1), title, fill=255)
    return picture


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.synthesis.check_drawing",
        description="Write a contact sheet of drawn checks.",
    )
    parser.add_argument("sheet", type=Path, help="picture to write")
    parser.add_argument("--part", choices=PARTS, default="train")
    parser.add_argument(
        "--data-dir", type=Path, help="folder of MNIST and UNIPEN (default: invented writers alone)"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        hands = (
            open_hands(options.part, options.data_dir) if options.data_dir else invented_hands(options.part)
        )
        checks = [draw(options.part, (options.seed, index), hands) for index in range(SHEET)]
        contact_sheet(checks).save(options.sheet)
    except (CheckreaderError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
