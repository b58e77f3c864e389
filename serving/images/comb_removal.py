"""Takes a comb's print out of a picture, and leaves the strokes that cross it."""

from __future__ import annotations

from statistics import median

import numpy as np
import numpy.typing as npt

from serving.images.codec import Gray
from serving.images.comb_cells import Comb, border
from serving.images.runs import runs
from serving.images.slope_slant import BoundingBoxes

_Ints = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]


def comb_pixels(levels: Gray, dark: _Mask, comb: Comb) -> _Mask:
    """Returns the pixels of a comb's rules and borders that belong to no stroke that crosses them.

    Args:
        levels: uint8 [H, W], darkness.
        dark: bool [H, W], pixels darker than paper.
        comb: in that picture.

    Returns:
        bool [H, W].
    """
    height, width = dark.shape
    turned, turned_levels = np.ascontiguousarray(dark.T), np.ascontiguousarray(levels.T)
    pixels = np.zeros_like(turned)
    rows = np.arange(height)
    half = max(1, round(comb.thick / 2))
    first, last, borders = comb.top, comb.bottom, []
    if comb.closed[0]:
        path, thick, _ = border(dark, comb, comb.top)
        borders.append((path, thick))
        first = float(path[0]) + thick / 2 + 2, comb.top[1]  # the border's part goes with the border
    if comb.closed[1]:
        path, thick, _ = border(dark, comb, comb.bottom)
        borders.append((path, thick))
        last = float(path[0]) - thick / 2 - 1, comb.bottom[1]
    for column in comb.rules:
        path = np.rint(column - 0.5 + comb.slope * (rows + 0.5 - height / 2)).astype(np.int64)
        path[(rows < first[0] + first[1] * column) | (rows >= last[0] + last[1] * column)] = -1
        path[(path < 0) | (path >= width)] = -1
        _erase(turned_levels, turned, path, half, pixels, True)
    pixels = np.ascontiguousarray(pixels.T)
    left = dark & ~pixels
    columns = np.arange(width)
    for path, thick in borders:
        path[
            (columns < comb.rules[0] - 3) | (columns > comb.rules[-1] + 3) | (path < 0) | (path >= height)
        ] = -1
        _erase(levels, left, path, max(1, thick // 2), pixels, False)
    return pixels


def _erase(levels: Gray, dark: _Mask, path: _Ints, half: int, pixels: _Mask, keep: bool) -> None:
    """Marks the pixels of a line that runs from column to column where no stroke crosses it.

    Args:
        levels: uint8 [H, W], darkness.
        dark: bool [H, W].
        path: the line's row at every column, int64 [W], below 0 where it is not.
        half: about how many rows of it lie above its middle.
        pixels: bool [H, W], the pixels to mark.
        keep: whether the line stays where a stroke runs along it or upon it.
    """
    height = len(dark)
    columns = np.flatnonzero(path >= 0)
    if len(columns) < 4:
        return
    reach = 2 * half + 5
    margin = reach + 4
    padded = np.zeros((height + 2 * margin, dark.shape[1]), np.bool_)
    padded[margin:-margin] = dark
    # The middle of the line may lie a row or two beside its path.
    place = path[columns] + margin
    cover = padded[place + np.arange(-2, 3)[:, None], columns].sum(1) / len(columns)
    best = np.flatnonzero(cover >= cover.max() - 0.03)
    middle = place + int(best[np.abs(best - 2).argmin()]) - 2
    for nudge in (-1, 1):
        middle[~padded[middle, columns] & padded[middle + nudge, columns]] += nudge
    there = padded[middle, columns]
    if not there.any():
        return
    steps = np.arange(1, reach)
    sides = padded[middle + np.stack([-steps, steps])[:, :, None], columns] & there
    above, below = np.logical_and.accumulate(sides, axis=1).sum(1)
    rank = int(there.sum() * 0.4)  # strokes only thicken the line
    usual_above, usual_below = (int(np.sort(thick[there])[rank]) for thick in (above, below))
    over_above, over_below = above > usual_above + 1, below > usual_below + 1
    crossed = over_above & over_below
    if keep:
        crossed |= _passages(over_above, over_below, 2 * half + 4)
        crossed |= _stretches(
            (over_above & (above - usual_above <= 2)) | (over_below & (below - usual_below <= 2)), 6
        )
        plain = there & ~over_above & ~over_below
        if plain.any():
            # Ink on print is darker than print.
            level = levels[np.minimum(np.maximum(middle - margin, 0), height - 1), columns]
            crossed |= _stretches(level > 1.2 * median(level[plain].tolist()) + 4, 4)
    up = np.where(over_above, usual_above, above + 1)
    down = np.where(over_below, usual_below, below + 1)
    offsets = np.arange(-min(reach, int(up.max())), min(reach, int(down.max())) + 1)[:, None]
    rows = middle + offsets - margin
    marked = ~crossed & there & (offsets >= -up) & (offsets <= down) & (rows >= 0) & (rows < height)
    pixels[rows[marked], np.broadcast_to(columns, rows.shape)[marked]] = True


def _passages(enters: _Mask, leaves: _Mask, most: int) -> _Mask:
    """Returns where steep strokes cross a line: on one side of it, and at most so many columns on at the other."""
    passed = np.zeros_like(enters)
    if not (enters.any() and leaves.any()):
        return passed
    for side, other in ((enters, leaves), (leaves, enters)):
        flags = other.tobytes()
        for start in np.flatnonzero(side).tolist():
            after = flags.find(b"\1", start, start + most)
            if after >= 0:
                passed[start : after + 1] = True
    return passed


def _stretches(flags: _Mask, least: int) -> _Mask:
    """Returns the flags, bool [n], that stand in a row of at least so many."""
    long = np.zeros_like(flags)
    if np.count_nonzero(flags) < least:  # as nearly everywhere
        return long
    for first, last in runs(flags):
        if last - first >= least:
            long[first:last] = True
    return long


def rests(boxes: BoundingBoxes, comb: Comb, shape: tuple[int, int]) -> _Mask:
    """Returns which components are rests of a comb's rules and borders, or print beside it.

    Args:
        boxes: the components'.
        comb: in their picture.
        shape: the picture's height and width.

    Returns:
        bool [components].
    """
    height, _ = shape
    middle, row = (boxes.left + boxes.right) / 2, (boxes.top + boxes.bottom) / 2
    column = middle - comb.slope * (row - height / 2)
    tall, wide = boxes.bottom - boxes.top, boxes.right - boxes.left
    top, bottom = (end[0] + end[1] * middle for end in (comb.top, comb.bottom))
    near = comb.thick / 2 + 1.5
    on_rule = (np.abs(column[:, None] - comb.rules) <= near).any(1) & (wide <= comb.thick + 3)
    short = tall < 0.35 * (bottom - top)
    flat = tall <= comb.thick + 3
    at_border = (np.abs(row - top) <= 3) | (np.abs(row - bottom) <= 3)
    outside = (column < comb.cells[0][0]) | (column > comb.cells[-1][1])
    return np.asarray((on_rule & short) | (flat & at_border) | outside)
