"""Finds ruled lines and box edges as straight ridges, and erases them where no stroke crosses them."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from serving.images.slope_slant import BoundingBoxes

_Ints = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]
_Floats = npt.NDArray[np.float32]

_SLOPES: Final = np.arange(-8, 9) / 80
_LEAST_SPAN: Final = 0.5  # of the picture's width
_LEAST_FREE: Final = 0.75  # of the columns without a stroke
_LEAST_CLEAR: Final = 0.8  # of its columns above a line, and below
_GAP: Final = 3


def horizontal_rules(levels: npt.NDArray[np.uint8], least: float, faint: float, strong: float) -> list[_Ints]:
    """Finds the nearly horizontal straight lines that cross a picture.

    Args:
        levels: uint8 [H, W], darkness.
        least: how much darker than what is above and below it a line must be.
        faint: the darkness a line has everywhere.
        strong: the darkness of strokes.

    Returns:
        For each line its row at every column, int64 [W]; below 0 where the line is not.
    """
    height, width = levels.shape
    chunks = width // max(6, height // 4)
    if chunks < 3 or height < 12:
        return []
    # The lighter half of each chunk: a stroke that crosses the line does not count.
    half = width // (2 * chunks)
    used = levels[:, : 2 * chunks * half].reshape(height * 2 * chunks, half).astype(np.float32)
    sums = (used @ np.ones(half, np.float32)).reshape(height, 2 * chunks)
    level = np.minimum(sums[:, ::2], sums[:, 1::2]) / np.float32(half)
    reach = max(3, height // 14)
    padded = np.zeros((height + 2 * reach, chunks), np.float32)
    padded[reach:-reach] = level
    ridge = level - np.maximum(padded[: -2 * reach], padded[2 * reach :])
    ridge = np.minimum(np.maximum(ridge, -least), 2 * least)
    center = (2 * np.arange(chunks) + 1) * half - width / 2
    margin = int(_SLOPES[-1] * width / 2) + 2
    padded = np.full((chunks, height + 2 * margin), -least, np.float32)
    padded[:, margin:-margin] = ridge.T
    shift = np.rint(center[:, None] * _SLOPES).astype(np.int64) + margin
    # A view made by hand: sliding_window_view takes longer than all the rest.
    windows = np.ndarray((chunks, 2 * margin + 1, height), np.float32, padded, 0, (padded.strides[0], 4, 4))
    score = (
        windows[np.arange(chunks)[:, None], shift].sum(0) / np.float32(chunks)
        - np.abs(_SLOPES)[:, None] * least
    )
    if score.max() < 0.6 * least:
        return []
    candidates: list[tuple[_Ints, int, int]] = []
    columns = np.arange(width)
    thick = levels.copy()  # a line may run a row above or below its path
    np.maximum(thick[1:], levels[:-1], out=thick[1:])
    np.maximum(thick[:-1], levels[1:], out=thick[:-1])
    for _ in range(6):
        slope, row = divmod(int(score.argmax()), height)
        if score[slope, row] < 0.6 * least:
            break
        score[:, max(0, row - reach) : row + reach + 1] = -1
        path = np.rint(row + _SLOPES[slope] * (columns + 0.5 - width / 2)).astype(np.int64)
        first, last = _longest_stretch(_is_dark(thick, path, faint))
        if last - first >= max(_LEAST_SPAN * width, 1.3 * height):
            candidates.append((path, first, last))
    if not candidates:
        return []
    strokes = levels >= strong
    for path, _, _ in candidates:
        rows, inside = _band(path, reach, height)
        strokes[rows[inside], np.broadcast_to(columns, rows.shape)[inside]] = False
    free = ~strokes.any(0)
    lines: list[_Ints] = []
    for path, first, last in candidates:
        # Linked loops of zeros make a line too, but none between and next to the digits.
        count = int(np.count_nonzero(free))
        if (
            _is_clear(levels, path, first, last, reach, faint)
            or count < 3
            or int(np.count_nonzero(_is_dark(thick, path, faint) & free)) >= _LEAST_FREE * count
        ):
            path[:first] = path[last:] = -1
            lines.append(path)
    return lines


def _is_dark(thick: npt.NDArray[np.uint8], path: _Ints, least: float) -> _Mask:
    """Returns in which columns, bool [W], the path is in the picture and at least that dark."""
    inside = (path >= 0) & (path < len(thick))
    return np.asarray((thick[np.where(inside, path, 0), np.arange(len(path))] >= least) & inside)


def _is_clear(
    levels: npt.NDArray[np.uint8], path: _Ints, first: int, last: int, reach: int, faint: float
) -> bool:
    """Returns whether little is dark `reach` rows above and below a line's columns from `first` to `last`."""
    columns = np.arange(first, last)
    for rows in (path[first:last] - reach, path[first:last] + reach):
        inside = (rows >= 0) & (rows < len(levels))
        dark = levels[np.where(inside, rows, 0), columns] >= faint
        if np.count_nonzero(dark & inside) > (1 - _LEAST_CLEAR) * len(columns):
            return False
    return True


def _longest_stretch(dark: _Mask) -> tuple[int, int]:
    """Returns the first and one past the last column of the longest stretch that is dark but for small gaps."""
    covered = np.flatnonzero(dark)
    if not len(covered):
        return 0, 0
    breaks = np.flatnonzero(covered[1:] - covered[:-1] > _GAP)
    first = np.concatenate([covered[:1], covered[breaks + 1]])
    last = np.concatenate([covered[breaks], covered[-1:]])
    best = int((last - first).argmax())
    return int(first[best]), int(last[best]) + 1


def _band(path: _Ints, reach: int, height: int) -> tuple[_Ints, _Mask]:
    """Returns the rows of the pixels up to `reach` from a path, [2·reach + 1, W], and which are in the picture."""
    rows = path[None, :] + np.arange(-reach, reach + 1)[:, None]
    inside = (rows >= 0) & (rows < height) & (path >= 0)
    return np.minimum(np.maximum(rows, 0), height - 1), inside


def line_pixels(mask: _Mask, line: _Ints, most: int) -> _Mask:
    """Returns the pixels that belong to a line alone, not to strokes that cross it.

    Args:
        mask: bool [H, W], dark pixels.
        line: the line's row at every column, int64 [W], as `horizontal_rules` gives it.
        most: how many rows thick the line is at most.

    Returns:
        bool [H, W].
    """
    height, width = mask.shape
    reach = most + 2
    offsets = np.arange(-reach, reach + 1)[:, None]
    columns = np.arange(width)[None, :]
    rows, inside = _band(line, reach, height)
    band = mask[rows, columns] & inside
    # The line may run a row above or below its path.
    middle = np.where(band[reach], 0, np.where(band[reach - 1], -1, 1))
    below = np.logical_and.accumulate(band | (offsets < middle), axis=0)
    above = np.logical_and.accumulate((band | (offsets > middle))[::-1], axis=0)[::-1]
    through = band & below & above
    thickness = through.sum(0)
    # Strokes only thicken the line: its own thickness is that of the thinner columns.
    present = np.sort(thickness[line >= 0])
    usual = int(present[len(present) * 3 // 10])
    thin = thickness <= usual + 1
    middles = (through * offsets).sum(0)[thin & (thickness > 0)] / thickness[thin & (thickness > 0)]
    # The lower bends of round digits in a row are thick, and wander around their path.
    if usual > max(2, height // 18) and (usual > most or middles.std() > 0.9):
        return np.zeros_like(mask)
    select = through & thin
    pixels = np.zeros_like(mask)
    pixels[rows[select], np.broadcast_to(columns, rows.shape)[select]] = True
    return pixels


def box_edges(boxes: BoundingBoxes, lines: list[_Ints], height: int) -> _Mask:
    """Returns which components are the left or right edge of a printed box.

    These are taller than any digit and straight, outside all other ink, and
    reach from line to line or to the picture's edge.

    Args:
        boxes: the components'.
        lines: the horizontal rules in the picture.
        height: the picture's, in rows.

    Returns:
        bool [components].
    """
    tall, wide = boxes.bottom - boxes.top, boxes.right - boxes.left
    thin = (wide <= np.maximum(3, 0.12 * tall)) & (tall >= 0.5 * height)
    if not thin.any() or thin.all():
        return np.zeros_like(thin)
    near = max(3, height // 14)
    rows = [int(path[path >= 0].mean()) for path in lines]
    starts = np.min([np.abs(boxes.top - row) for row in rows], axis=0) <= near
    stops = np.min([np.abs(boxes.bottom - row) for row in rows], axis=0) <= near
    ends = (starts | (boxes.top <= near)) & (stops | (boxes.bottom >= height - near)) & (starts | stops)
    outside = (boxes.right <= boxes.left[~thin].min() + 1) | (boxes.left >= boxes.right[~thin].max() - 1)
    return np.asarray(thin & ends & outside & (tall > 1.15 * tall[~thin].max()))
