"""Shifts digits in other ways than the corruptions: rotates them, changes the pen's width, photographs them."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

Pixels = npt.NDArray[np.uint8]

_FINE: Final = 4  # cells per pixel in which a stroke's edge is located
PHOTOGRAPH: Final = 112  # side in pixels
_ENLARGED: Final = 84


def rotate(images: Pixels, degrees: float) -> Pixels:
    """Rotates pictures, uint8 [N, 28, 28], counterclockwise around their middle."""
    return np.asarray(ndimage.rotate(images, degrees, axes=(2, 1), reshape=False, order=1))


def ink_distances(images: Pixels) -> npt.NDArray[np.float32]:
    """Measures how far inside the ink each quarter of a pixel is, negative outside.

    Args:
        images: uint8 [N, H, W]; ink is 128 and above.

    Returns:
        float32 [N, 4·H, 4·W], in pixels.
    """
    distances = np.empty((len(images), *(side * _FINE for side in images.shape[1:])), np.float32)
    for out, image in zip(distances, images, strict=True):
        fine = Image.fromarray(image).resize(out.shape[::-1], Image.Resampling.BILINEAR)
        inside = np.asarray(fine) >= 128
        if not inside.any():
            out[:] = -np.inf
            continue
        out[:] = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    return np.asarray(distances / _FINE, np.float32)


def change_pen_width(distance: npt.NDArray[np.float32], wider: float) -> Pixels:
    """Draws the pictures of `ink_distances` again, uint8 [N, H, W], with strokes `wider` by that many pixels.

    Negative values make them thinner.
    """
    cover = np.clip((distance + wider / 2) * _FINE + 0.5, 0, 1)
    count, height, width = distance.shape
    blocks = cover.reshape(count, height // _FINE, _FINE, width // _FINE, _FINE)
    return np.asarray(np.rint(255 * blocks.mean((2, 4))), np.uint8)


def photograph(images: Pixels, seed: int = 0) -> Pixels:
    """Photographs digits as a phone does: small, off center, on paper in uneven light, blurred, noisy, JPEG.

    Args:
        images: uint8 [N, 28, 28], 0 = paper.
        seed: the same seed gives the same pictures.

    Returns:
        uint8 [N, 112, 112], dark ink on lighter paper.
    """
    rng = np.random.default_rng(seed)
    out = np.empty((len(images), PHOTOGRAPH, PHOTOGRAPH), np.uint8)
    rows, columns = np.mgrid[-1 : 1 : PHOTOGRAPH * 1j, -1 : 1 : PHOTOGRAPH * 1j]
    for number, image in enumerate(images):
        large = Image.fromarray(image).resize((_ENLARGED, _ENLARGED), Image.Resampling.BICUBIC)
        cover = np.zeros((PHOTOGRAPH, PHOTOGRAPH))
        y, x = rng.integers(0, PHOTOGRAPH - _ENLARGED + 1, 2)
        cover[y : y + _ENLARGED, x : x + _ENLARGED] = np.asarray(large) / 255
        direction, falloff = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.35)
        slope = np.cos(direction) * columns + np.sin(direction) * rows
        light = 1 - falloff * slope
        if rng.random() < 0.5:  # the edge of a shadow
            light = light * (1 - rng.uniform(0.1, 0.4) / (1 + np.exp(-(slope - rng.uniform(-0.7, 0.7)) * 12)))
        level = rng.uniform(130, 215) * light * (1 - rng.uniform(0.45, 0.85) * cover)
        level = ndimage.gaussian_filter(level, rng.uniform(0.6, 1.6)) + rng.normal(
            0, rng.uniform(2, 7), level.shape
        )
        file = io.BytesIO()
        Image.fromarray(np.clip(np.rint(level), 0, 255).astype(np.uint8)).save(file, "JPEG", quality=60)
        out[number] = np.asarray(Image.open(file))
    return out


def shrink(photographs: Pixels) -> Pixels:
    """Shrinks photographs, uint8 [N, H, W], to the network's size and polarity, uint8 [N, 28, 28]."""
    small = [
        np.asarray(Image.fromarray(photograph).resize((28, 28), Image.Resampling.BOX))
        for photograph in photographs
    ]
    return 255 - np.stack(small)
