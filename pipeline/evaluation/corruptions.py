"""Applies the fifteen corruptions of MNIST-C, written from their description.

Mu, Gilmer: MNIST-C: A Robustness Benchmark for Computer Vision (2019): fifteen
corruptions that leave a picture readable for a person, each at the severity of
the benchmark's static set. The random numbers are this project's own, so accuracy
is comparable with published figures, but not picture by picture.

    python -m pipeline.evaluation.corruptions sheet.png      # each of them on digits drawn by code
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage, signal

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Generator = np.random.Generator

_SIDE: Final = 28


def corrupt(images: Pixels, kind: str, seed: int = 0) -> Pixels:
    """Corrupts pictures.

    Args:
        images: uint8 [N, 28, 28], 0 = paper; not changed.
        kind: one of `KINDS`.
        seed: the same seed gives the same pictures.

    Returns:
        uint8 [N, 28, 28].
    """
    if not len(images):
        return images.copy()
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    changed = KINDS[kind](images / 255.0, rng)
    return np.rint(np.clip(changed, 0, 1) * 255).astype(np.uint8)


def shot_noise(x: Floats, rng: Generator) -> Floats:
    """Counts few photons: a Poisson distribution with an expectation of 3 where it is brightest."""
    return rng.poisson(3 * x) / 3


def impulse_noise(x: Floats, rng: Generator) -> Floats:
    """Turns 17 % of the pixels black or white (salt and pepper)."""
    return np.where(rng.random(x.shape) < 0.17, rng.integers(0, 2, x.shape), x)


def glass_blur(x: Floats, rng: Generator) -> Floats:
    """Blurs by 0.7 pixels, swaps pixels with neighbors twice over, and blurs again, like frosted glass."""
    x = _blur(x, 0.7)
    rows = np.arange(len(x))
    for _ in range(2):
        for row in range(_SIDE - 1, 1, -1):
            for column in range(_SIDE - 1, 1, -1):
                down, right = rng.integers(-1, 1, (2, len(x))) * (rng.random(len(x)) < 0.5)
                here, there = (rows, row, column), (rows, row + down, column + right)
                x[here], x[there] = x[there], x[here]
    return _blur(x, 0.7)


def motion_blur(x: Floats, rng: Generator) -> Floats:
    """Blurs along a one-sided Gaussian trail of 3 pixels, cut at 10, within 45° of the horizontal."""
    angle = np.deg2rad(rng.uniform(-45, 45, len(x)))
    weights = np.exp(-(np.arange(11.0) ** 2) / (2 * 3**2))
    reach = len(weights)
    trail = np.zeros((len(x), 2 * reach + 1, 2 * reach + 1))
    for step, weight in enumerate(weights / weights.sum()):  # each point shared by the four pixels around it
        place = reach - step * np.stack([np.sin(angle), np.cos(angle)])
        corner = np.floor(place).astype(int)
        down, right = place - corner
        for dy, dx in np.ndindex(2, 2):
            share = np.abs(1 - dy - down) * np.abs(1 - dx - right)
            trail[np.arange(len(x)), corner[0] + dy, corner[1] + dx] += weight * share
    return np.asarray(signal.fftconvolve(x, trail, mode="same", axes=(1, 2)))


def shear(x: Floats, rng: Generator) -> Floats:
    """Slants by 0.4 radians to either side."""
    slant = np.tan(0.4) * rng.choice([-1, 1], len(x))
    return _affine(x, _matrices(1.0, 0.0, slant, 1.0))


def scale(x: Floats, rng: Generator) -> Floats:
    """Shrinks to 0.7 of the size."""
    return _affine(x, _matrices(1 / 0.7, 0.0, np.zeros(len(x)), 1 / 0.7))


def rotate(x: Floats, rng: Generator) -> Floats:
    """Rotates by 0.4 radians, 23°, either way."""
    angle = 0.4 * rng.choice([-1, 1], len(x))
    return _affine(x, _matrices(np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)))


def brightness(x: Floats, rng: Generator) -> Floats:
    """Adds half of the range to every pixel."""
    return x + 0.5


def translate(x: Floats, rng: Generator) -> Floats:
    """Moves by 3 pixels along both axes, either way."""
    identity = np.broadcast_to(np.eye(2), (len(x), 2, 2))
    return _affine(x, identity, 3.0 * rng.choice([-1, 1], (len(x), 2)))


def stripe(x: Floats, rng: Generator) -> Floats:
    """Inverts the left and the right quarter."""
    x = x.copy()
    for side in (x[..., :7], x[..., 21:]):
        side[:] = 1 - side
    return x


def fog(x: Floats, rng: Generator) -> Floats:
    """Adds three times as much plasma-fractal mist as digit, scaled back; each mist is a window of one of 64 maps."""
    brightest = x.max(axis=(1, 2), keepdims=True)
    maps = plasma(64, 256, 1.4, rng)
    windows = np.lib.stride_tricks.sliding_window_view(maps, x.shape[1:], axis=(1, 2))
    mist = windows[tuple(rng.integers(0, limit, len(x)) for limit in windows.shape[:3])]
    return np.asarray((x + 3 * mist) * brightest / (brightest + 3))


def spatter(x: Floats, rng: Generator) -> Floats:
    """Adds splashes of a quarter's gray: where blurred noise is high, blurred once more."""
    liquid = _blur(rng.normal(0.65, 0.3, x.shape), 1)
    mask = _blur((liquid > 0.65).astype(float), 1.5)
    mask = np.where(mask < 0.8, 0, mask)
    return x * (1 - mask) + mask * (63 / 255)


def dotted_line(x: Floats, rng: Generator) -> Floats:
    """Adds a dotted line from the left edge to the right, two pixels of ink after two of paper."""
    left, right = rng.integers(0, 27, (2, len(x)))
    line = _segment(0.0, left.astype(float), 27.0, right.astype(float))
    line[..., (np.arange(_SIDE) // 2) % 2 == 0] = 0
    return x + line


def zigzag(x: Floats, rng: Generator) -> Floats:
    """Adds a zigzag of teeth 2 pixels high and 4 long, about level, from column 2 to 25."""
    left = rng.integers(0, 27, len(x)).astype(float)
    rise = rng.integers(-5, 5, len(x)) / 23
    corners = np.array([2.0, *np.arange(4.0, 25.0, 4.0), 25.0])
    teeth = np.array([0.0, *(2.0 * (-1.0) ** i for i in range(len(corners) - 2)), 0.0])
    heights = left[:, None] + (corners - 2) * rise[:, None] + teeth
    for i in range(len(corners) - 1):
        x = np.minimum(x + _segment(corners[i], heights[:, i], corners[i + 1], heights[:, i + 1]), 1)
    return x


def canny_edges(x: Floats, rng: Generator) -> Floats:
    """Keeps only the edges (Canny 1986): smoothed by 1 pixel, thresholds 0.1 and 0.2 of the gradient."""
    smooth = _blur(x, 1)
    # Sobel's operator, axis by axis: SciPy's own would smooth from picture to picture too.
    down, right = (
        ndimage.correlate1d(ndimage.correlate1d(smooth, [-1, 0, 1], axis), [1, 2, 1], 3 - axis)
        for axis in (1, 2)
    )
    slope = np.hypot(down, right)
    # The direction to the nearest of four, and the two neighbors along it.
    direction = np.rint(np.arctan2(down, right) / (np.pi / 4)).astype(int) % 4
    padded = np.pad(slope, ((0, 0), (1, 1), (1, 1)))
    ridge = np.zeros(x.shape, bool)
    for number, (dy, dx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead, behind = (
            padded[:, 1 + y : 1 + y + _SIDE, 1 + x : 1 + x + _SIDE] for y, x in ((dy, dx), (-dy, -dx))
        )
        ridge |= (direction == number) & (slope >= ahead) & (slope >= behind)
    weak, strong = ridge & (slope > 0.1), ridge & (slope > 0.2)
    neighbors = np.zeros((3, 3, 3))
    neighbors[1] = 1  # never from picture to picture
    labels, count = ndimage.label(weak, neighbors)
    kept = np.zeros(count + 1, bool)
    kept[np.unique(labels[strong])] = True
    kept[0] = False
    return np.asarray(kept[labels], float)


KINDS: Final[dict[str, Callable[[Floats, Generator], Floats]]] = {
    "shot noise": shot_noise,
    "impulse noise": impulse_noise,
    "glass blur": glass_blur,
    "motion blur": motion_blur,
    "shear": shear,
    "scale": scale,
    "rotate": rotate,
    "brightness": brightness,
    "translate": translate,
    "stripe": stripe,
    "fog": fog,
    "spatter": spatter,
    "dotted line": dotted_line,
    "zigzag": zigzag,
    "canny edges": canny_edges,
}


def _blur(x: Floats, sigma: float) -> Floats:
    return np.asarray(ndimage.gaussian_filter(x, (0, sigma, sigma), mode="nearest"))


def _matrices(a: Any, b: Any, c: Any, d: Any) -> Floats:
    """Stacks entries that are numbers or [N] to matrices, float [N, 2, 2], from target to source (row, column)."""
    entries = np.broadcast_arrays(a, b, c, d)
    return np.stack(entries, -1).reshape(-1, 2, 2)


def _affine(x: Floats, matrices: Floats, shifts: Floats | None = None) -> Floats:
    """Samples each picture bilinearly at `matrix · (position − center) + center + shift`.

    Args:
        x: float [N, 28, 28].
        matrices: float [N, 2, 2].
        shifts: float [N, 2], rows and columns.
    """
    center = (_SIDE - 1) / 2
    grid = np.stack(tuple(np.mgrid[:_SIDE, :_SIDE]), -1) - center
    source = np.einsum("nij,yxj->nyxi", matrices, grid) + center
    if shifts is not None:
        source += shifts[:, None, None]
    numbers = np.broadcast_to(np.arange(len(x))[:, None, None], source.shape[:3])
    places = np.stack([numbers, source[..., 0], source[..., 1]])
    return np.asarray(ndimage.map_coordinates(x, places, order=1, mode="constant"))


def plasma(count: int, size: int, decay: float, rng: Generator) -> Floats:
    """Draws plasma fractals by the diamond-square algorithm (Fournier, Fussell, Carpenter 1982).

    Args:
        count: how many.
        size: width and height, a power of two.
        decay: the divisor of the random part at each halving of the step; small = rough.
        rng: the random generator.

    Returns:
        float [count, size, size], each spanning 0 to 1; they wrap around.
    """
    wobble = 100.0
    field = np.zeros((count, size, size))

    def near(values: Floats, rows: int, columns: int) -> Floats:
        return np.roll(values, (rows, columns), (1, 2))

    def displaced(total: Floats) -> Floats:
        return total / 4 + rng.uniform(-(wobble**2), wobble**2, total.shape)

    step = size
    while step >= 2:
        half = step // 2
        corners = field[:, ::step, ::step]
        middle = corners + near(corners, -1, 0) + near(corners, 0, -1) + near(corners, -1, -1)
        field[:, half::step, half::step] = displaced(middle)
        middles, corners = field[:, half::step, half::step], field[:, ::step, ::step]
        above = middles + near(middles, 1, 0) + corners + near(corners, 0, -1)
        field[:, ::step, half::step] = displaced(above)
        sideways = middles + near(middles, 0, 1) + corners + near(corners, -1, 0)
        field[:, half::step, ::step] = displaced(sideways)
        step //= 2
        wobble /= decay
    field -= field.min(axis=(1, 2), keepdims=True)
    return np.asarray(field / field.max(axis=(1, 2), keepdims=True))


def _segment(left: float, top: Floats, right: float, bottom: Floats) -> Floats:
    """Draws lines from (left, top) to (right, bottom) that fade over 2.3 pixels, measured vertically.

    Args:
        left, right: columns.
        top, bottom: float [N], rows.

    Returns:
        float [N, 28, 28] in [0, 1].
    """
    columns, rows = np.arange(_SIDE), np.arange(_SIDE)[:, None]
    line = top[:, None] + (bottom - top)[:, None] / (right - left) * (columns - left)
    distance = np.minimum(np.abs(rows - line[:, None, :]), 2.3 - 1e-9)
    ink = np.clip(np.log(1 - distance / 2.3) + 1, 0, 1)
    ink[..., (columns < np.floor(left)) | (columns >= np.ceil(right))] = 0
    return np.asarray(ink)


def sheet(seed: int = 0) -> Image.Image:
    """Draws ten digits in columns: as they are, then under each corruption, enlarged three times."""
    from pipeline.synthesis import digit_drawing
    from serving.images.digit import normalize

    rng = np.random.default_rng(seed)
    digits = np.stack([normalize(digit_drawing.digit(digit, rng)) for digit in range(10)])
    rows = [digits, *(corrupt(digits, kind, seed) for kind in KINDS)]
    picture = np.vstack([np.hstack(list(row)) for row in rows])
    return Image.fromarray(255 - picture.repeat(3, 0).repeat(3, 1))


if __name__ == "__main__":
    sheet().save(sys.argv[1])
