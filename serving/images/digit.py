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
    """The ink and the inner ink of a shrunk picture, uint8 [h, w], and the contrast."""

    levels: Gray
    inner: Gray
    contrast: int


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
            return blank if ink.contrast < _MIN_CONTRAST else _center(_fit(body.pixels.astype(np.int64)))
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


def _relative_darkness() -> Gray:
    """Returns ⌊255·darker / paper⌉ at index 256·paper + darker, uint8 [65536]; a table is faster than divisions."""
    paper, darker = np.divmod(np.arange(2**16), 256)
    return np.minimum(_div(255 * darker, np.maximum(paper, 1)), 255).astype(np.uint8)


_RELATIVE_DARKNESS: Final = _relative_darkness()
_LEVELS: Final = np.arange(256)


def _shrink(gray: Gray, block: int) -> Gray:
    if block == 1:
        return gray
    rows, columns = (np.arange(0, length, block) for length in gray.shape)
    # Whole rows first: much faster than blocks in pictures of many pixels.
    strips = np.stack([gray[top : top + block].sum(0, dtype=np.uint32) for top in rows])
    sums = np.add.reduceat(strips, columns, axis=1)
    counts = np.outer(
        *(np.diff(starts, append=length) for starts, length in zip((rows, columns), gray.shape, strict=True))
    )
    return _div(sums.astype(np.int64), counts).astype(np.uint8)


def _ink(work: Gray, least_contrast: int) -> _Ink | None:
    """Returns the ink of the shrunk picture, or None where there is none (steps 2 to 6)."""
    if _skewness(work) > 0:
        work = ~work
    reach = -(-max(work.shape) // 6)
    ink = _darkness(work, close_squares(work, reach))
    histogram = np.bincount(ink.ravel(), minlength=256)
    count = np.cumsum(histogram)
    total = np.cumsum(histogram * _LEVELS)
    below, n, s = count[:-1], int(count[-1]), int(total[-1])
    above = n - below
    spread = np.abs(n * total[:-1] - below * s)
    variance = (spread // np.maximum(below, 1)) * (spread // np.maximum(above, 1))
    t = int(np.argmax(np.where((below > 0) & (above > 0), variance, -1)))
    n0, s0 = int(count[t]), int(total[t])
    if n0 in (0, n):
        return None
    contrast = (s - s0) // (n - n0) - s0 // n0
    if contrast < least_contrast:
        return None
    low = int(np.searchsorted(count, -(-9 * n0 // 10)))
    high = int(np.searchsorted(count - n0, -(-3 * (n - n0) // 4)))
    stretched = np.clip(_div(255 * np.maximum(_LEVELS - low, 0), high - low), 0, 255).astype(np.uint8)
    return _Ink(stretched.take(ink), _darkness(work, close_lines(work, reach)), contrast)


def _skewness(work: Gray) -> int:
    """Weighs how much rarer the lighter part is than the darker one (step 2)."""
    reach = -(-max(work.shape) // 4)
    total = 0
    step = -(-max(work.shape) // _POLARITY_LINES)
    for lines in (work[::step], work.T[::step]):
        # Whole numbers below 2**24: single precision is exact, and faster than integers.
        levels = lines.astype(np.float32)
        deviations = np.empty((2, *levels.shape), np.float32)
        np.subtract(levels, _line_means(levels, reach), out=deviations[0])
        np.subtract(levels, np.floor((levels[:, :1] + levels[:, -1:]) / np.float32(2)), out=deviations[1])
        cubes = deviations * deviations * deviations
        sums = cubes.sum((1, 2), np.float64)
        sizes = np.abs(cubes, out=cubes).sum((1, 2), np.float64)
        means, ends = (_share(int(part), int(whole)) for part, whole in zip(sums, sizes, strict=True))
        total += 4 * means + ends
    return total


def _share(part: int, whole: int) -> int:
    """Returns part / whole in 1024ths, rounded toward 0."""
    share = 1024 * abs(part) // max(whole, 1)
    return share if part > 0 else -share


def _line_means(levels: npt.NDArray[np.float32], reach: int) -> npt.NDArray[np.float32]:
    height, width = levels.shape
    first, stop, count = _level_windows(width, reach)
    sums = np.zeros((height, width + 1), np.float32)
    np.cumsum(levels, 1, out=sums[:, 1:])
    window = sums.take(stop, 1) - sums.take(first, 1)
    return np.asarray(np.floor(window / count))


@lru_cache(128)
def _level_windows(length: int, reach: int) -> tuple[_Ints, _Ints, npt.NDArray[np.float32]]:
    """Returns the first index, one past the last, and the length of the symmetric window around each position."""
    position = np.arange(length)
    reaches = np.minimum(reach, np.minimum(position, length - 1 - position))
    return position - reaches, position + reaches + 1, (2 * reaches + 1).astype(np.float32)


def _darkness(work: Gray, paper: Gray) -> Gray:
    """Returns how much darker than its paper each pixel is, in 255ths of the paper's level (step 4)."""
    darker = paper - np.minimum(work, paper)
    return _RELATIVE_DARKNESS.take(paper.astype(np.uint16) * 256 + darker)


def _body(ink: _Ink) -> _Body:
    """Erases specks and cuts the digit to its bounding box (step 7)."""
    levels, (height, width) = ink.levels, ink.levels.shape
    strokes = Components.of(levels >= INK_LEVEL)
    sums = np.zeros(height * width + 1, np.int64)
    np.cumsum(ink.inner, out=sums[1:])
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
    if not keep.all():
        levels = np.where(strokes.select(~keep).mask(), 0, levels)
        strokes = strokes.select(keep)
    top, left = int(strokes.row.min()), int(strokes.start.min())
    return _Body(levels[top : int(strokes.row.max()) + 1, left : int(strokes.stop.max())], top, left)


def _around(gray: Gray, body: _Body, block: int) -> Gray:
    """Cuts out the part of the picture that a digit and its surroundings take (step 8)."""
    height, width = body.pixels.shape
    margin = max(height, width) // 2 + 1
    top, left = (block * max(0, start - margin) for start in (body.top, body.left))
    bottom, right = (
        block * (start + length + margin) for start, length in ((body.top, height), (body.left, width))
    )
    return gray[top:bottom, left:right]


def _fit(body: _Ints) -> _Ints:
    height, width = body.shape
    longer = max(height, width)
    (down, down_sums), (across, across_sums) = (
        _weights(length, max(1, (BODY * length + longer // 2) // longer)) for length in (height, width)
    )
    scaled = _div(down @ _div(body @ across.T, across_sums), down_sums[:, None])
    return _div(255 * scaled, max(1, int(scaled.max())))


@lru_cache(1024)
def _weights(source: int, target: int) -> tuple[_Ints, _Ints]:
    """Returns a triangle filter's weights, int64 [target, source], and their sums, int64 [target] (step 9)."""
    i = (2 * np.arange(target) + 1)[:, None] * source
    j = (2 * np.arange(source) + 1)[None, :] * target
    weights = np.maximum(0, 2 * max(source, target) - np.abs(i - j))
    return weights, weights.sum(1)


def _center(body: _Ints) -> Gray:
    mass = int(body.sum())

    def offset(profile: _Ints) -> int:
        moment = int((profile * (2 * np.arange(len(profile)) + 1)).sum())
        return min(max(-((moment - SIDE * mass) // (2 * mass)), 0), SIDE - len(profile))

    y, x = offset(body.sum(1)), offset(body.sum(0))
    out = np.zeros((SIDE, SIDE), np.uint8)
    out[y : y + body.shape[0], x : x + body.shape[1]] = body
    return out
