"""One digit's gray levels → LeNet-5's 28×28 input: the one normalization for training, evaluation and service.

`normalize` does it the way MNIST was made: the digit scaled into 20×20 and
centered on its center of mass.

    >>> from serving.images.codec import decode
    >>> from serving.images.digit import normalize
    >>> normalize(decode(open("models/golden/7a.png", "rb").read())).shape
    (28, 28)

Specification of `normalize`. Everything is integer arithmetic on uint8, so
that C and the browser can repeat it bit for bit; `a // b` rounds down, and
`⌊a/b⌉` means `(a + b // 2) // b`.

1. Shrink. With k = ⌈max(H, W) / 128⌉, each k×k block becomes its mean ⌊sum/count⌉; m is the longer side now.
2. Polarity. Along every ⌈m/64⌉th row from the first, then along such columns, d = pixel − ⌊mean⌋ of the pixels
   that lie at most ⌈m/4⌉ to either side, or as few as there are to the nearer end: a slope has d = 0. The skewness
   of all d is ±⌊1024·|Σd³| / Σ|d|³⌋ with the sign of Σd³, 0 where all are 0; the end skewness is the same of
   d = pixel − ⌊(first + last)/2⌋ of the line. If 4·(rows' + columns' skewness) + rows' + columns' end
   skewness > 0, the ink is the lighter part (it is rarer): pixel := 255 − pixel.
3. Paper = the maximum over windows that reach r = ⌈m/6⌉ pixels to each side and are cut off at the picture's
   edges, then the minimum over them (a gray closing: shadows and colors stay, strokes go).
4. Ink = ⌊255·(paper − pixel) / paper⌉, 0 where the pixel is not darker than paper.
   Inner ink = the same with inner paper: the closing along the pixel's row alone or its column alone,
   whichever is lighter, with black beyond the edges. What is dark from an edge inward, the end of a shadow
   or a stroke that is cut off, is ink but not inner ink.
5. Threshold t by Otsu's method: the smallest t that maximizes
   (|N·S₀ − n₀·S| // n₀) · (|N·S₀ − n₀·S| // n₁), n₀ and S₀ the count and sum of ink ≤ t.
   The contrast is m₁ − m₀, with the class means m₀ = S₀ // n₀ and m₁ = S₁ // n₁. Without two
   classes, or with a contrast below 32 (4 if k > 1), there is no ink and the result is all zero.
6. Contrast. lo = the smallest value that at least ⌈9/10⌉ of the n₀ pixels do not
   exceed; hi the same for ⌈3/4⌉ of the n₁ pixels; ink := ⌊255·(ink − lo) / (hi − lo)⌉, clipped.
7. Specks. 8-connected components of ink ≥ 64, weighed by their summed inner ink; those
   of less than 1/16 of the heaviest are erased and, unless the heaviest touches the
   picture's edge, so are those that do (of equals the one met first in reading order
   is the heaviest). The bounding box of the rest is cut out.
8. Zoom. If k > 1 and the box's longer side is s < 24: below 2 there is no ink; else all is repeated from
   step 1 on the part of the picture under the box and s // 2 + 1 more at each side, as far as there is more.
   If k > 1 and s ≥ 24, a contrast below 32 is no ink.
9. Scale, the longer side to 20, the other to max(1, ⌊20·short/long⌉): a triangle
   filter first along rows, then along columns. From n to m pixels, the weight of pixel j in
   pixel i is max(0, 2·max(n, m) − |(2i+1)·n − (2j+1)·m|); the result is ⌊Σwp/Σw⌉.
10. Level: pixel := ⌊255·pixel / largest⌉.
11. Center. Column offset = clip(⌈(28·M − Σv·(2x+1)) / 2M⌉, 0, 28 − width), M = Σv,
   puts the center of mass into the pixel right of the middle, as MNIST does; rows alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from serving.images.closing import close_lines, close_squares
from serving.images.codec import Gray
from serving.images.connected_components import Components

_Ints = npt.NDArray[np.integer[Any]]
_Floats = npt.NDArray[np.floating[Any]]

SIDE: Final = 28
BODY: Final = 20
INK_LEVEL: Final = 64  # a pixel of at least this level is ink
_WORK_SIDE: Final = 128
_POLARITY_LINES: Final = 64
_MIN_CONTRAST: Final = 32
_FAINT_CONTRAST: Final = 4  # of strokes that are thinner than a block
_SPECK: Final = 16
_ZOOM_SIDE: Final = 24
_LEAST_SIDE: Final = 2


@dataclass(frozen=True)
class _Ink:
    """The ink of a shrunk picture before its levels are stretched.

    Attributes:
        work: uint8 [h, w], the picture with its ink dark.
        reach: of the windows over it.
        levels: uint8 [h, w], how much darker than its paper each pixel is.
        stretched: uint8 [256], the ink's level for each of them.
        contrast: of the ink.
    """

    work: Gray
    reach: int
    levels: Gray
    stretched: Gray
    contrast: int

    def inner(self) -> Gray:
        """Returns the inner ink, uint8 [h, w]."""
        return _darkness(self.work, close_lines(self.work, self.reach))


@dataclass(frozen=True)
class _Body:
    """A digit, uint8 [h, w], and its first row and column in the shrunk picture."""

    pixels: Gray
    top: int
    left: int


def normalize(gray: Gray) -> Gray:
    """Turns a picture of one digit into LeNet-5's input; the specification is above.

    Args:
        gray: uint8 [height, width], any size from 1×1, either polarity.

    Returns:
        uint8 [28, 28], 0 = paper, 255 = ink; all zero where no ink was found.
    """
    blank = np.zeros((SIDE, SIDE), np.uint8)
    while True:
        block = -(-max(gray.shape) // _WORK_SIDE)
        ink = _ink(_shrink(gray, block), _MIN_CONTRAST if block == 1 else _FAINT_CONTRAST)
        if ink is None:
            return blank
        body = _body(ink)
        side = max(body.pixels.shape)
        if block == 1 or side >= _ZOOM_SIDE:
            return blank if ink.contrast < _MIN_CONTRAST else _center(_fit(body.pixels))
        if side < _LEAST_SIDE:
            return blank
        gray = _around(gray, body, block)


def tensor(pixels: Gray) -> npt.NDArray[np.float32]:
    """Turns normalized pixels, uint8 [N, 28, 28], into the model's input, float32 [N, 28, 28, 1] in [0, 1]."""
    # Divided by, not multiplied with 1/255: int8 models quantize with scale 1/255 and zero
    # point −128, and this keeps pixel − 128 exact.
    return pixels.astype(np.float32)[..., np.newaxis] / np.float32(255)


def _div(numerator: _Ints, denominator: _Ints | int) -> _Ints:
    return (numerator + denominator // 2) // denominator


def _half_above(numerators: _Floats, denominators: _Floats | np.float32) -> _Floats:
    """Returns a/b + 1/2 of whole numbers, which rounded down is ⌊a/b⌉.

    Single precision is exact enough for a below 2²⁴ and quotients below 256: one that is not halfway between two whole
    numbers is at least 1/2b away from there.
    """
    quotients = numerators / denominators
    quotients += np.float32(0.5)
    return quotients


_LEVELS: Final = np.arange(256)
_ODD: Final = np.arange(1, 2 * SIDE, 2, dtype=np.float32)


def _shrink(gray: Gray, block: int) -> Gray:
    if block == 1:
        return gray
    # The sums of larger blocks do not fit into 16 bits, nor would their means be exact in single precision.
    whole, real = (np.uint16, np.float32) if block <= 16 else (np.uint32, np.float64)
    sums = _block_sums(_block_sums(gray, block, whole).T, block, whole).T
    rows, columns = (np.full(length, block, real) for length in sums.shape)
    for lengths, length in ((rows, gray.shape[0]), (columns, gray.shape[1])):
        lengths[-1] -= len(lengths) * block - length
    return _half_above(sums.astype(real), np.multiply.outer(rows, columns)).astype(np.uint8)


def _block_sums(
    lines: npt.NDArray[Any], block: int, dtype: type[np.unsignedinteger[Any]]
) -> npt.NDArray[Any]:
    """Adds up each `block` lines, [n, …], the last ones as many as are left."""
    count = -(-len(lines) // block)
    if count < block:
        return np.stack([lines[top * block : (top + 1) * block].sum(0, dtype=dtype) for top in range(count)])
    sums = lines[::block].astype(dtype)
    for first in range(1, block):
        part = lines[first::block]
        sums[: len(part)] += part
    return sums


def _ink(work: Gray, least_contrast: int) -> _Ink | None:
    """Returns the ink of the shrunk picture, or None where there is none (steps 2 to 6)."""
    if _skewness(work) > 0:
        work = ~work
    reach = -(-max(work.shape) // 6)
    ink = _darkness(work, close_squares(work, reach))
    histogram = np.bincount(ink.ravel(), minlength=256)
    # Between two levels that occur a threshold changes nothing, so only those that occur are tried.
    levels = histogram.nonzero()[0]
    count = histogram[levels]
    total = (count * levels).cumsum()
    count = count.cumsum()
    if len(levels) < 2:
        return None
    n, s, below, under = int(count[-1]), int(total[-1]), count[:-1], total[:-1]
    spread = np.abs(n * under - below * s)
    t = int(((spread // below) * (spread // (n - below))).argmax())
    n0, s0 = int(below[t]), int(under[t])
    contrast = (s - s0) // (n - n0) - s0 // n0
    if contrast < least_contrast:
        return None
    low, high = (int(levels[i]) for i in count.searchsorted((-(-9 * n0 // 10), n0 - (-3 * (n - n0) // 4))))
    stretched = np.minimum(_div(255 * np.maximum(_LEVELS - low, 0), high - low), 255).astype(np.uint8)
    return _Ink(work, reach, ink, stretched, contrast)


def _skewness(work: Gray) -> int:
    """Weighs how much rarer the lighter part is than the darker one (step 2)."""
    height, width = work.shape
    reach = -(-max(height, width) // 4)
    step = -(-max(height, width) // _POLARITY_LINES)
    directions = work[::step], work.T[::step]
    total = 0
    # Lines of one length are measured together, which spares half of the calls.
    for group in (directions,) if height == width else ((lines,) for lines in directions):
        joined = np.empty((len(group), *group[0].shape), np.int32)
        for place, lines in zip(joined, group, strict=True):
            place[:] = lines
        deviations = _deviations(joined, reach)
        cubes = np.empty((2, *deviations.shape), np.int32)
        np.multiply(deviations * deviations, deviations, out=cubes[0])
        np.abs(cubes[0], out=cubes[1])
        # Along a line, of at most 128 cubes of at most 255³, the sums are below 2³¹.
        sums = np.add.reduce(np.add.reduce(cubes, 4, np.int32), 3, np.int64)
        (means, ends), (mean_sizes, end_sizes) = sums.tolist()
        total += 4 * sum(map(_share, means, mean_sizes)) + sum(map(_share, ends, end_sizes))
    return total


def _share(part: int, whole: int) -> int:
    """Returns part / whole in 1024ths, rounded toward 0."""
    share = 1024 * abs(part) // max(whole, 1)
    return share if part > 0 else -share


def _deviations(lines: npt.NDArray[np.int32], reach: int) -> npt.NDArray[np.int32]:
    """Returns how much lighter pixels are than the mean around them, and than their line's ends; int32 [2, …, n]."""
    shape, n = lines.shape, lines.shape[-1]
    reach = min(reach, (n - 1) // 2)
    # The sums over all lines in a row, before and up to each pixel: much faster than line by line.
    sums = np.zeros(lines.size + 1, np.int32)
    np.add.accumulate(lines.ravel(), out=sums[1:])
    before, after = sums[:-1].reshape(shape), sums[1:].reshape(shape)
    windows = np.empty(shape, np.int32)
    middle = n - reach
    np.subtract(after[..., : 2 * reach : 2], before[..., :1], out=windows[..., :reach])
    np.subtract(after[..., 2 * reach :], before[..., : n - 2 * reach], out=windows[..., reach:middle])
    np.subtract(after[..., -1:], before[..., n - 2 * reach + 1 :: 2], out=windows[..., middle:])
    # Single precision is exact enough to round down: a quotient that is not whole is at least 1/129 above it.
    means = (windows.astype(np.float32) / _window_lengths(n, reach)).astype(np.int32)
    deviations = np.empty((2, *shape), np.int32)
    np.subtract(lines, means, out=deviations[0])
    np.subtract(lines, (lines[..., :1] + lines[..., -1:]) >> 1, out=deviations[1])
    return deviations


@lru_cache(128)
def _window_lengths(n: int, reach: int) -> _Floats:
    """Returns the lengths of the symmetric windows around the pixels of a line."""
    position = np.arange(n)
    return (2 * np.minimum(reach, np.minimum(position, n - 1 - position)) + 1).astype(np.float32)


def _darkness(work: Gray, paper: Gray) -> Gray:
    """Returns how much darker than its paper each pixel is, in 255ths of the paper's level (step 4)."""
    share = (paper - np.minimum(work, paper)).astype(np.float32)
    share *= np.float32(255)
    return _half_above(share, np.maximum(paper, 1).astype(np.float32)).astype(np.uint8)


def _body(ink: _Ink) -> _Body:
    """Erases specks and cuts the digit to its bounding box (step 7)."""
    levels = ink.levels
    strokes = Components.of(levels >= int(ink.stretched.searchsorted(INK_LEVEL)))
    if len(strokes) > 1:
        keep = _kept(strokes, ink.inner())
        if not keep.all():
            levels = np.where(strokes.select(~keep).mask(), 0, levels)
            strokes = strokes.select(keep)
    top, left = int(strokes.row.min()), int(strokes.start.min())
    box = levels[top : int(strokes.row.max()) + 1, left : int(strokes.stop.max())]
    return _Body(ink.stretched.take(box), top, left)


def _kept(strokes: Components, inner: Gray) -> npt.NDArray[np.bool_]:
    """Returns which of several strokes are none of the specks, bool [strokes]."""
    height, width = inner.shape
    sums = np.zeros(height * width + 1, np.int64)
    np.cumsum(inner, out=sums[1:])
    rows = strokes.row * width
    weight = strokes.reduce(sums[rows + strokes.stop] - sums[rows + strokes.start], np.add)
    heaviest = int(weight.argmax())
    keep = np.asarray(weight * _SPECK >= weight[heaviest], np.bool_)
    outermost = (
        (strokes.row == 0) | (strokes.row == height - 1) | (strokes.start == 0) | (strokes.stop == width)
    )
    at_edge = np.asarray(strokes.reduce(outermost, np.logical_or), np.bool_)
    if not at_edge[heaviest]:
        keep &= ~at_edge
    return keep


def _around(gray: Gray, body: _Body, block: int) -> Gray:
    """Cuts out the part of the picture that a digit and its surroundings take (step 8)."""
    height, width = body.pixels.shape
    margin = max(height, width) // 2 + 1
    top, left = (block * max(0, start - margin) for start in (body.top, body.left))
    bottom, right = (
        block * (start + length + margin) for start, length in ((body.top, height), (body.left, width))
    )
    return gray[top:bottom, left:right]


def _fit(body: Gray) -> _Floats:
    height, width = body.shape
    longer = max(height, width)
    (down, down_sums), (across, across_sums) = (
        _weights(length, max(1, (BODY * length + longer // 2) // longer)) for length in (height, width)
    )
    # Products of whole numbers, with sums below 2²⁴, are exact in single precision, and much faster than in integers.
    lines = np.floor(_half_above(body.astype(np.float32) @ across.T, across_sums))
    scaled = np.floor(_half_above(down @ lines, down_sums[:, None]))
    return np.floor(_half_above(scaled * np.float32(255), max(scaled.max(), np.float32(1))))


@lru_cache(1024)
def _weights(source: int, target: int) -> tuple[_Floats, _Floats]:
    """Returns a triangle filter's weights, float32 [target, source], and their sums, float32 [target] (step 9)."""
    i = (2 * np.arange(target) + 1)[:, None] * source
    j = (2 * np.arange(source) + 1)[None, :] * target
    weights = np.maximum(0, 2 * max(source, target) - np.abs(i - j)).astype(np.float32)
    return weights, weights.sum(1)


def _center(body: _Floats) -> Gray:
    height, width = body.shape
    rows, columns = body.sum(1), body.sum(0)
    mass = int(rows.sum())

    def offset(profile: _Floats) -> int:
        moment = int(profile @ _ODD[: len(profile)])
        return min(max(-((moment - SIDE * mass) // (2 * mass)), 0), SIDE - len(profile))

    y, x = offset(rows), offset(columns)
    out = np.zeros((SIDE, SIDE), np.uint8)
    out[y : y + height, x : x + width] = body
    return out
