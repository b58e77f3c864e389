"""Makes thumbnails of labeled checks to train `check-fields` on: corners that are missed by a little, other light, blur.

A check is kept flat with a margin, so that a view is one small transformation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from pipeline.data.labeled_checks import Box
from serving.images.codec import Gray
from serving.images.perspective import Perspective
from serving.recognition.check_locator import CELL, FIELDS, HEIGHT, LABELS, PARTS, WIDTH, stretch

Floats = npt.NDArray[np.float32]

MARGIN: Final = 0.2  # of width and height, around a flat check
_FINE: Final = 2  # pixels of a flat check and of a view before it is reduced, for one of a thumbnail
_SIZE: Final = (round(WIDTH * _FINE * (1 + 2 * MARGIN)), round(HEIGHT * _FINE * (1 + 2 * MARGIN)))
_MISSED: Final = 0.01  # standard deviation of a corner, of the width and height
_MOST: Final = 0.04
_LOOSE: Final = 0.15  # share of the views that show the table around the check, or not all of the check
_TURNED: Final = 0.2  # share of the views that are upside down, in which nothing is to be found
_BLURRED: Final = 0.4
_SHADED: Final = 0.4


@dataclass(frozen=True, eq=False)
class FlatCheck:
    """A flat check with a margin around it.

    Attributes:
        pixels: uint8 [358, 806].
        places: each field's box, as shares of the check without the margin.
    """

    pixels: Gray
    places: Mapping[str, Box]


@dataclass(frozen=True, eq=False)
class View:
    """A thumbnail uint8 [128, 288], 255 = ink, and each field's box as shares of it; none where it is upside down."""

    pixels: Gray
    places: Mapping[str, Box]


def flatten(pixels: Gray, corners: npt.NDArray[np.float64], places: Mapping[str, Box]) -> FlatCheck:
    """Flattens a picture of a check by its corners, with a margin.

    Args:
        pixels: uint8 [h, w].
        corners: float64 [4, 2], of the check in the picture.
        places: each field's box, as shares of the flat check.
    """
    perspective = Perspective.of(corners)
    width, height = perspective.width, perspective.height
    x, y = MARGIN * width, MARGIN * height
    outline = np.array([(-x, -y), (width + x, -y), (width + x, height + y), (-x, height + y)])
    wider = Perspective.of(perspective.to_picture(outline))
    small = Image.fromarray(wider.flatten(pixels)).resize(_SIZE, Image.Resampling.BOX)
    return FlatCheck(np.asarray(small), places)


def plain(check: FlatCheck) -> Gray:
    """Returns the thumbnail of a check whose corners are known: uint8 [128, 288], 255 = ink."""
    own = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float64)
    return stretch(_crop(check.pixels, own))


def views(check: FlatCheck, count: int, seed: Sequence[int]) -> list[View]:
    """Draws `count` views of a check; equal seeds give equal views."""
    rng = np.random.default_rng(seed)
    return [_view(check, rng) for _ in range(count)]


def batches(pool: Sequence[View], size: int, seed: int, step: int = 0) -> Iterator[tuple[Floats, Floats]]:
    """Draws endless batches, each of which depends on the seed and its number alone.

    Args:
        pool: to draw from.
        size: N.
        seed: of everything.
        step: number of the first batch.

    Yields:
        Images float32 [N, 128, 288, 1] in [0, 1] and targets float32 [N, T, K].
    """
    while True:
        rng = np.random.default_rng([seed, step])
        drawn = [pool[index] for index in rng.integers(0, len(pool), size)]
        images = np.stack([view.pixels for view in drawn])[..., None].astype(np.float32) / np.float32(255)
        yield images, np.stack([target(view.places) for view in drawn])
        step += 1


def _view(check: FlatCheck, rng: np.random.Generator) -> View:
    corners = _corners(rng)
    levels = _seen(check.pixels, corners, rng)
    if rng.random() < _TURNED:
        return View(stretch(np.ascontiguousarray(levels[::-1, ::-1])), {})
    return View(stretch(levels), _move(check.places, corners))


def _corners(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Draws where the corners of a view lie on the flat check, as shares of it: float64 [4, 2]."""
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float64)
    corners += np.clip(rng.normal(0, _MISSED, (4, 2)), -_MOST, _MOST)
    if rng.random() < _LOOSE:
        low, high = rng.uniform(-MARGIN * 0.9, 0.03, 2), rng.uniform(-0.03, MARGIN * 0.9, 2)
        corners = low + corners * (1 + high - low)
    return corners


def _seen(pixels: Gray, corners: npt.NDArray[np.float64], rng: np.random.Generator) -> Gray:
    levels = _crop(pixels, corners, rng.uniform(0.4, 1.4) if rng.random() < _BLURRED else 0.0).astype(
        np.float32
    )
    if rng.random() < _SHADED:
        x, y = np.linspace(-1, 1, WIDTH, dtype=np.float32), np.linspace(-1, 1, HEIGHT, dtype=np.float32)
        slope = rng.uniform(-0.25, 0.25, 2)
        levels *= 1 + np.float32(slope[0]) * x[None] + np.float32(slope[1]) * y[:, None]
    levels = np.clip(levels / np.float32(255), 0, 1) ** np.float32(rng.uniform(0.75, 1.35))
    noisy = 255 * levels + rng.normal(0, rng.uniform(0, 5), levels.shape)
    seen: Gray = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    return seen


def _crop(pixels: Gray, corners: npt.NDArray[np.float64], blur: float = 0.0) -> Gray:
    """Cuts a quadrilateral, given as shares of the check, out of a flat check with its margin: uint8 [128, 288]."""
    size = np.array([WIDTH, HEIGHT]) * _FINE
    perspective = Perspective((corners + MARGIN) * size, int(size[0]), int(size[1]))
    fine = Image.fromarray(perspective.flatten(pixels))
    if blur:
        fine = fine.filter(ImageFilter.GaussianBlur(blur * _FINE))
    return np.asarray(fine.reduce(_FINE))


def _move(places: Mapping[str, Box], corners: npt.NDArray[np.float64]) -> dict[str, Box]:
    """Returns where boxes lie in a view with these corners, as shares of the view."""
    perspective = Perspective(corners, 1, 1)
    moved = {}
    for field, (left, top, right, bottom) in places.items():
        outline = perspective.to_check(np.array([(left, top), (right, top), (right, bottom), (left, bottom)]))
        # A slant makes no box larger: its sides are the means of the two ends.
        x, y = outline[:, 0], outline[:, 1]
        moved[field] = (
            float(x[[0, 3]].mean()),
            float(y[[0, 1]].mean()),
            float(x[[1, 2]].mean()),
            float(y[[2, 3]].mean()),
        )
    return moved


def target(places: Mapping[str, Box]) -> Floats:
    """Paints which share of each part belongs to each field, in the order of the network's output: float32 [T, K]."""
    rows, columns = HEIGHT // CELL, WIDTH // CELL
    parts = np.zeros((rows * PARTS, columns * PARTS, len(LABELS)), np.float32)
    rest = np.ones(parts.shape[:2], np.float32)
    for index, field in enumerate(FIELDS):
        if field in places:
            left, top, right, bottom = places[field]
            cover = np.outer(_cover(top, bottom, len(parts)), _cover(left, right, parts.shape[1]))
            parts[..., index] = np.minimum(cover, rest)
            rest -= parts[..., index]
    parts[..., -1] = rest
    cells = parts.reshape(rows, PARTS, columns, PARTS, -1).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(cells.reshape(rows * columns * PARTS**2, len(LABELS)))


def _cover(start: float, end: float, count: int) -> Floats:
    """Returns which share of each of `count` parts lies between two places, which are shares of the whole."""
    edges = np.arange(count + 1)
    covered = np.minimum(end * count, edges[1:]) - np.maximum(start * count, edges[:-1])
    return np.asarray(np.clip(covered, 0, 1), np.float32)
