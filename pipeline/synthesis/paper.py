"""Draws check paper: the printed grounds below handwriting.

Each tile is one ground as scanned: engraved waves, slanting
lines, guilloche (crossing families of arcs), weave, grain, wood, crosshatch. Its values multiply the level of
the paper: 1 = bare, less = printed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

HEIGHT: Final = 192
WIDTH: Final = 768
Floats = npt.NDArray[np.float32]
Ground = Callable[[np.random.Generator], Floats]


def smooth_noise(rng: np.random.Generator, sigma: float, shape: tuple[int, int] = (HEIGHT, WIDTH)) -> Floats:
    """Draws noise without detail finer than `sigma` pixels; float32, mean 0, standard deviation 1."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape, np.float32), sigma, mode="wrap")
    return np.asarray(noise / noise.std(), np.float32)


def _grid() -> tuple[Floats, Floats]:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    return y, x


def _lines(phase: Floats, share: float, soft: float = 0.12) -> Floats:
    """Draws lines centered at whole phases, `share` of the pitch wide: 1 on them, 0 between."""
    distance = np.abs(phase - np.rint(phase))
    return np.asarray(np.clip((share / 2 - distance) / soft + 0.5, 0, 1), np.float32)


def _waves(rng: np.random.Generator) -> Floats:
    y, x = _grid()
    pitch = rng.uniform(3.0, 5.0)
    y = y + smooth_noise(rng, 14) * rng.uniform(0.5, 2.5) + x * rng.normal(0, 0.02)
    y = y + np.sin(x / rng.uniform(4, 25) + y / rng.uniform(8, 40)) * rng.uniform(0, 1.2)
    ink = _lines(y / pitch, rng.uniform(0.3, 0.6), 0.3) * (0.7 + 0.3 * smooth_noise(rng, 3))
    return np.asarray(1 - ink * rng.uniform(0.12, 0.35), np.float32)


def _slants(rng: np.random.Generator) -> Floats:
    y, x = _grid()
    pitch, slope = rng.uniform(3.5, 7), np.tan(rng.choice([-1, 1]) * rng.uniform(0.05, 0.7))
    ink = _lines((y + slope * x + smooth_noise(rng, 20) * 0.8) / pitch, rng.uniform(0.2, 0.45), 0.25)
    ground = 1 - ink * rng.uniform(0.12, 0.4)
    if rng.random() < 0.5:
        fine = _lines((y - slope * rng.uniform(-0.3, 1.5) * x) / rng.uniform(2, 4), 0.35, 0.4)
        ground *= 1 - fine * rng.uniform(0.03, 0.15)
    return np.asarray(ground, np.float32)


def _guilloche(rng: np.random.Generator) -> Floats:
    ground = np.ones((HEIGHT, WIDTH), np.float32)
    y, x = _grid()
    for _ in range(rng.integers(2, 5)):
        pitch = rng.uniform(3.0, 7.0)
        if rng.random() < 0.6:
            cx, cy = rng.uniform(-200, WIDTH + 200), rng.uniform(-300, HEIGHT + 300)
            phase = np.hypot(x - cx, (y - cy) * rng.uniform(0.6, 1.6)) / pitch
            phase = phase + np.sin(np.arctan2(y - cy, x - cx) * rng.integers(3, 12)) * rng.uniform(0, 3)
        else:
            angle = rng.uniform(0, np.pi)
            across = x * np.cos(angle) + y * np.sin(angle)
            along = y * np.cos(angle) - x * np.sin(angle)
            phase = (across + np.sin(along / rng.uniform(8, 40)) * rng.uniform(0, 10)) / pitch
        ground *= 1 - _lines(phase, rng.uniform(0.12, 0.3), 0.2) * rng.uniform(0.08, 0.3)
    return ground


def _weave(rng: np.random.Generator) -> Floats:
    y, x = _grid()
    a, b = rng.uniform(3, 6, 2)
    dots = np.sin(2 * np.pi * x / a) * np.sin(2 * np.pi * y / b) + 0.6 * smooth_noise(rng, 1)
    if rng.random() < 0.5:
        dots = dots * (1 + np.sign(np.sin(2 * np.pi * x / (5 * a)) * np.sin(2 * np.pi * y / (4 * b))))
    return np.asarray(1 + dots * rng.uniform(0.02, 0.09), np.float32)


def _grain(rng: np.random.Generator) -> Floats:
    return np.asarray(1 + smooth_noise(rng, rng.uniform(0.6, 1.3)) * rng.uniform(0.005, 0.05), np.float32)


def _wood(rng: np.random.Generator) -> Floats:
    """Draws upright waves, as wood has them."""
    y, x = _grid()
    x = x + smooth_noise(rng, 16) * rng.uniform(1, 4) + np.sin(y / rng.uniform(10, 40)) * rng.uniform(0.5, 3)
    ink = _lines(x / rng.uniform(3.5, 8), rng.uniform(0.25, 0.5), 0.3) * (0.7 + 0.3 * smooth_noise(rng, 3))
    return np.asarray(1 - ink * rng.uniform(0.1, 0.3), np.float32)


def _crosshatch(rng: np.random.Generator) -> Floats:
    """Draws two families of slanting lines; at times one side of an edge is printed darker."""
    y, x = _grid()
    ground = np.ones((HEIGHT, WIDTH), np.float32)
    for sign in (-1, 1):
        slope = sign * float(np.tan(rng.uniform(0.4, 1.1)))
        lines = _lines(
            (y + slope * x + smooth_noise(rng, 20) * 0.5) / rng.uniform(4, 9), rng.uniform(0.12, 0.3), 0.25
        )
        ground *= 1 - lines * rng.uniform(0.1, 0.3)
    if rng.random() < 0.3:
        ground[y + rng.normal(0, 0.3) * (x - WIDTH / 2) > HEIGHT * rng.uniform(0.3, 0.7)] *= rng.uniform(
            0.75, 0.92
        )
    return ground


def _strokes(rng: np.random.Generator) -> Floats:
    """Draws fine level lines with short slanting strokes between them."""
    y, x = _grid()
    pitch = rng.uniform(4, 9)
    ground = 1 - _lines(y / pitch, rng.uniform(0.12, 0.25), 0.2) * rng.uniform(0.08, 0.25)
    lean, apart = np.float32(rng.uniform(-1.5, 1.5)), np.float32(rng.uniform(4, 12))
    strokes = _lines(np.asarray((x + y * lean) / apart, np.float32), 0.2, 0.2)
    rows = np.floor(y / pitch / rng.integers(1, 4)) % 2
    return np.asarray(ground * (1 - strokes * rows * rng.uniform(0.05, 0.25)), np.float32)


def _finish(ground: Floats, rng: np.random.Generator) -> Floats:
    """Adds the scanner's blur, grain and slow changes of light."""
    ground = ndimage.gaussian_filter(ground, rng.uniform(0.3, 0.9))
    ground = ground * (1 + smooth_noise(rng, 0.7) * rng.uniform(0.003, 0.02))
    ground = ground * (1 + smooth_noise(rng, 40) * rng.uniform(0, 0.04))
    return np.asarray(ground / ground.mean(), np.float32)


GROUNDS: Final[tuple[Ground, ...]] = (_waves, _slants, _guilloche, _guilloche, _weave, _grain)
# In the shares that were counted on checks, of 32.
COUNTED_GROUNDS: Final[tuple[Ground, ...]] = (
    *(_guilloche,) * 9, *(_weave,) * 5, *(_waves,) * 5, *(_strokes,) * 3, *(_crosshatch,) * 3, *(_slants,) * 2,
    *(_wood,) * 2, *(_grain,) * 3,
)  # fmt: skip


def tiles(rng: np.random.Generator, count: int = 48, grounds: Sequence[Ground] = GROUNDS) -> Floats:
    """Draws `count` different grounds, of each kind in turn, float32 [count, HEIGHT, WIDTH], mean about 1."""
    return np.stack([_finish(grounds[i % len(grounds)](rng), rng) for i in range(count)])
