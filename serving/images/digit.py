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

1. Shrink. With k = ⌈max(H, W) / 128⌉, each k×k block becomes its mean ⌊sum/count⌉.
2. Reach. With m the longer side now, windows below reach r pixels to each side
   and are cut off at the picture's edges.
3. Polarity. d = pixel − ⌊mean⌋ of its window, r = ⌈m/3⌉. If
   Σd³ · Σ'|d| > Σ|d|³ · Σ'd, Σ' running over the outermost pixels alone, the
   ink is the lighter part (it is rarer, and rarer still at the edge): pixel := 255 − pixel.
4. Paper = the maximum over windows of r = ⌈m/6⌉, then the minimum over them
   (a gray closing: shadows and colors stay, strokes go).
5. Ink = ⌊255·(paper − pixel) / paper⌉, 0 where the pixel is not darker than paper.
6. Threshold t by Otsu's method: the smallest t that maximizes
   (|N·S₀ − n₀·S| // n₀) · (|N·S₀ − n₀·S| // n₁), n₀ and S₀ the count and sum of ink ≤ t.
   With the class means m₀ = S₀ // n₀ and m₁ = S₁ // n₁: if m₁ − m₀ < 32 there
   is no ink and the result is all zero.
7. Contrast. lo = the smallest value that at least ⌈9/10⌉ of the n₀ pixels do not
   exceed; hi the same for ⌈3/4⌉ of the n₁ pixels; ink := ⌊255·(ink − lo) / (hi − lo)⌉, clipped.
8. Specks. 8-connected components of ink ≥ 64, weighed by their summed ink; those
   of less than 1/16 of the heaviest are erased and, unless the heaviest touches the
   picture's edge, so are those that do (of equals the one met first in reading order
   is the heaviest). The bounding box of the rest is cut out.
9. Scale, the longer side to 20, the other to max(1, ⌊20·short/long⌉): a triangle
   filter first along rows, then along columns. From n to m pixels, the weight of pixel j in
   pixel i is max(0, 2·max(n, m) − |(2i+1)·n − (2j+1)·m|); the result is ⌊Σwp/Σw⌉.
10. Level: pixel := ⌊255·pixel / largest⌉.
11. Center. Column offset = clip(⌈(28·M − Σv·(2x+1)) / 2M⌉, 0, 28 − width), M = Σv,
   puts the center of mass into the pixel right of the middle, as MNIST does; rows alike.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from serving.images.codec import Gray
from serving.images.connected_components import Components

_Ints = npt.NDArray[np.int64]

SIDE: Final = 28
BODY: Final = 20
INK_LEVEL: Final = 64  # a pixel of at least this level is ink
_WORK_SIDE: Final = 128
_MIN_CONTRAST: Final = 32
_SPECK: Final = 16


def normalize(gray: Gray) -> Gray:
    """Turns a picture of one digit into LeNet-5's input; the specification is above.

    Args:
        gray: uint8 [height, width], any size from 1×1, either polarity.

    Returns:
        uint8 [28, 28], 0 = paper, 255 = ink; all zero where no ink was found.
    """
    work = _shrink(gray)
    ink = _ink(work)
    if ink is None:
        return np.zeros((SIDE, SIDE), np.uint8)
    return _center(_fit(_body(ink)))


def tensor(pixels: Gray) -> npt.NDArray[np.float32]:
    """Turns normalized pixels, uint8 [N, 28, 28], into the model's input, float32 [N, 28, 28, 1] in [0, 1]."""
    # Divided by, not multiplied with 1/255: int8 models quantize with scale 1/255 and zero
    # point −128, and this keeps pixel − 128 exact.
    return pixels.astype(np.float32)[..., np.newaxis] / np.float32(255)


def _div(numerator: _Ints, denominator: _Ints | int) -> _Ints:
    return (numerator + denominator // 2) // denominator


def _blocks(values: npt.NDArray[np.generic], size: int, reduce: np.ufunc) -> _Ints:
    rows, columns = (np.arange(0, length, size) for length in values.shape)
    return np.asarray(reduce.reduceat(reduce.reduceat(values, rows, axis=0, dtype=np.int64), columns, axis=1))


def _shrink(gray: Gray) -> _Ints:
    block = -(-max(gray.shape) // _WORK_SIDE)
    if block == 1:
        return gray.astype(np.int64)
    height, width = gray.shape
    rows, columns = (np.minimum(block, length - np.arange(0, length, block)) for length in (height, width))
    return _div(_blocks(gray, block, np.add), np.outer(rows, columns))


def _windows(length: int, reach: int) -> tuple[_Ints, _Ints]:
    """Returns the first and one past the last index of the window around each position."""
    position = np.arange(length)
    return np.maximum(position - reach, 0), np.minimum(position + reach + 1, length)


def _local_mean(work: _Ints, reach: int) -> _Ints:
    height, width = work.shape
    integral = np.zeros((height + 1, width + 1), np.int64)
    integral[1:, 1:] = work.cumsum(0).cumsum(1)
    (top, bottom), (left, right) = _windows(height, reach), _windows(width, reach)
    rows = integral[bottom] - integral[top]
    return np.asarray((rows[:, right] - rows[:, left]) // np.outer(bottom - top, right - left))


def _extreme(work: _Ints, reach: int, pick: np.ufunc, neutral: int) -> _Ints:
    """Takes the maximum or minimum over each window, along both axes, in log₂(reach) steps."""
    for _ in range(2):
        padded = np.full((work.shape[0] + 2 * reach, work.shape[1]), neutral, np.int64)
        padded[reach : reach + work.shape[0]] = work
        span, size = 1, 2 * reach + 1
        while span < size:
            step = min(span, size - span)
            padded = pick(padded[:-step], padded[step:])
            span += step
        work = padded.T
    return work


def _ink(work: _Ints) -> _Ints | None:
    """Returns the ink 0–255 of the shrunk picture, or None where there is none (steps 2 to 7)."""
    work = _dark_on_light(work)
    reach = -(-max(work.shape) // 6)
    paper = _extreme(_extreme(work, reach, np.maximum, 0), reach, np.minimum, 255)
    darker = np.maximum(paper - work, 0)
    ink = _div(255 * darker, np.maximum(paper, 1))
    histogram = np.bincount(ink.ravel(), minlength=256).astype(np.int64)
    count = np.cumsum(histogram)
    total = np.cumsum(histogram * np.arange(256))
    below, n, s = count[:-1], int(count[-1]), int(total[-1])
    above = n - below
    spread = np.abs(n * total[:-1] - below * s)
    variance = (spread // np.maximum(below, 1)) * (spread // np.maximum(above, 1))
    t = int(np.argmax(np.where((below > 0) & (above > 0), variance, -1)))
    n0, s0 = int(count[t]), int(total[t])
    if n0 in (0, n) or (s - s0) // (n - n0) - s0 // n0 < _MIN_CONTRAST:
        return None
    low = int(np.searchsorted(count, -(-9 * n0 // 10)))
    high = int(np.searchsorted(count - n0, -(-3 * (n - n0) // 4)))
    return np.clip(_div(255 * np.maximum(ink - low, 0), high - low), 0, 255)


def _dark_on_light(work: _Ints) -> _Ints:
    d = work - _local_mean(work, -(-max(work.shape) // 3))
    outermost = np.ones(d.shape, np.bool_)
    outermost[1:-1, 1:-1] = False
    edge = d[outermost]
    cubes = d**3
    skewed = int(cubes.sum()) * int(np.abs(edge).sum())
    return 255 - work if skewed > int(np.abs(cubes).sum()) * int(edge.sum()) else work


def _body(ink: _Ints) -> _Ints:
    """Erases specks and cuts the digit to its bounding box (step 8)."""
    labels = Components.of(ink >= INK_LEVEL).labels()
    mass = np.bincount(labels.ravel(), ink.ravel()).astype(np.int64)
    mass[0] = 0
    keep = mass * _SPECK >= mass.max()
    at_edge = np.zeros_like(keep)
    at_edge[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = True
    if not at_edge[np.argmax(mass)]:
        keep &= ~at_edge
    keep[0] = False
    body = keep[labels]
    rows, columns = np.flatnonzero(body.any(1)), np.flatnonzero(body.any(0))
    cut = np.where((labels > 0) & ~body, 0, ink)
    return cut[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _fit(body: _Ints) -> _Ints:
    height, width = body.shape
    longer = max(height, width)
    rows, columns = (
        _weights(length, max(1, int((BODY * length + longer // 2) // longer))) for length in (height, width)
    )
    across = _div(body @ columns.T, columns.sum(1))
    scaled = _div(rows @ across, rows.sum(1)[:, None])
    return _div(255 * scaled, max(1, int(scaled.max())))


def _weights(source: int, target: int) -> _Ints:
    i = (2 * np.arange(target) + 1)[:, None] * source
    j = (2 * np.arange(source) + 1)[None, :] * target
    return np.asarray(np.maximum(0, 2 * max(source, target) - np.abs(i - j)))


def _center(body: _Ints) -> Gray:
    mass = int(body.sum())

    def offset(profile: _Ints) -> int:
        moment = int((profile * (2 * np.arange(len(profile)) + 1)).sum())
        return min(max(-((moment - SIDE * mass) // (2 * mass)), 0), SIDE - len(profile))

    y, x = offset(body.sum(1)), offset(body.sum(0))
    out = np.zeros((SIDE, SIDE), np.uint8)
    out[y : y + body.shape[0], x : x + body.shape[1]] = body
    return out
