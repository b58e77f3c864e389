"""Batches of fields to train on: drawn in other processes, shaken, padded to a common width.

Blocks of fields are drawn ahead while the network trains and taken in order, so
that equal seeds give equal batches however many processes draw.
"""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import itertools
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.config import FieldTrainConfig
from pipeline.networks.lenet5_field import SLIDING
from pipeline.synthesis.sampler import Item
from serving.images import sliding_window
from serving.images.codec import Gray

_BLOCK: Final = 512  # fields that a process draws at a time
_AHEAD: Final = 24  # blocks in the making or waiting
_TOGETHER: Final = 8  # blocks that are in hand at a time
_POOL: Final = 4096  # fields that are sorted by width together
_SHIFT: Final = 3  # rows and columns


@dataclass(frozen=True, eq=False)
class Batch:
    """Fields of about one width.

    Attributes:
        image: float32 [N, 32, W, 1].
        steps: int32 [N], how many of the network's steps see the field; the rest see padding.
        labels: int32 [N, L], −1 behind the last.
        separators: whether the labels name separators; if not, one may stand anywhere.
    """

    image: npt.NDArray[np.float32]
    steps: npt.NDArray[np.int32]
    labels: npt.NDArray[np.int32]
    separators: bool = True


def draw_blocks(make: Any, seed: int, processes: int = 1) -> Iterator[list[Item]]:
    """Endless blocks of drawn fields, in an order that depends on the seed alone.

    Args:
        make: a picklable function (rng, count) → list of `Item`.
        seed: of everything.
        processes: how many draw.
    """
    context = multiprocessing.get_context("spawn")  # TensorFlow's threads do not survive a fork
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
        coming: collections.deque[concurrent.futures.Future[list[Item]]] = collections.deque()
        number = 0
        try:
            while True:
                while len(coming) < _AHEAD:
                    coming.append(pool.submit(_block, make, seed, number))
                    number += 1
                yield coming.popleft().result()
        finally:
            for future in coming:
                future.cancel()


def _block(make: Any, seed: int, number: int) -> list[Item]:
    made: list[Item] = make(np.random.default_rng([seed, number]), _BLOCK)
    return made


def batch_stream(blocks: Iterator[list[Item]], config: FieldTrainConfig) -> Iterator[Batch]:
    """Batches from what `draw_blocks` yields, some blocks at a time."""
    rng = np.random.default_rng([config.seed, 1])
    while True:
        items = [item for block in itertools.islice(blocks, _TOGETHER) for item in block]
        yield from batches(items, config.batch, config.views, rng)


def mixed_batches(
    real: Callable[[np.random.Generator], Item],
    synthetic: Sequence[Item],
    config: FieldTrainConfig,
    separators: bool,
) -> Iterator[Batch]:
    """Batches of which a share of `config.real` comes from `real`, the rest from `synthetic`.

    Args:
        real: draws one of the labeled fields, or of what is made of them.
        synthetic: drawn ones.
        config: says how many of each.
        separators: whether the labels of the real ones name the separators.
    """
    rng = np.random.default_rng([config.seed, 2])
    count = _POOL // config.batch
    own = round(config.real * count)
    while True:
        labeled = [real(rng) for _ in range(own * config.batch)]
        drawn = [synthetic[i] for i in rng.integers(len(synthetic), size=(count - own) * config.batch)]
        pool = [
            dataclasses.replace(batch, separators=named)
            for items, named in ((labeled, separators), (drawn, True))
            for batch in batches(items, config.batch, 1, rng)
        ]
        yield from (pool[i] for i in rng.permutation(len(pool)))


def batches(items: Sequence[Item], size: int, views: int, rng: np.random.Generator) -> Iterator[Batch]:
    """The items `views` times each, shaken, in batches of about equal width, in random order."""
    order = np.concatenate([rng.permutation(len(items)) for _ in range(views)])
    for start in range(0, len(order), _POOL):
        pool = [(distort(items[i][0], rng), items[i][1]) for i in order[start : start + _POOL]]
        pool = [item for item in pool if alignable(*item)]
        # The jitter keeps the same fields from always meeting.
        widths = np.array([pixels.shape[1] for pixels, _ in pool]) * rng.uniform(0.9, 1.1, len(pool))
        by_width = np.argsort(widths)
        cuts = [by_width[at : at + size] for at in range(0, len(pool) - size + 1, size)]
        for cut in rng.permutation(len(cuts)):
            yield pad([pool[i] for i in cuts[cut]], rng)


def alignable(pixels: Gray, labels: tuple[int, ...]) -> bool:
    """Whether CTC can align the labels: a step for each, and one between equal neighbors."""
    repeats = sum(a == b for a, b in itertools.pairwise(labels))
    return len(labels) + repeats <= sliding_window.steps(pixels.shape[1], SLIDING)


def distort(pixels: Gray, rng: np.random.Generator, strength: float = 1.0) -> Gray:
    """The same writing scaled, slanted, moved, bent and darker or paler.

    Bent is elastic distortion (Simard, Steinkraus, Platt, ICDAR 2003), drawn on a coarse grid.

    Args:
        pixels: uint8 [32, w].
        rng: decides.
        strength: of the bending, 1 = as much as different hands differ.

    Returns:
        uint8 [32, about w].
    """
    height, width = pixels.shape
    across, down = np.exp(rng.normal(0, (0.14, 0.06)))
    shear = rng.normal(0, 0.08)
    new = max(2, round(width * across))
    grid = rng.normal(0, 1.3 * strength, (2, 4, 2 + new // 10)).astype(np.float32)
    bend_x, bend_y = (
        np.asarray(Image.fromarray(part).resize((new, height), Image.Resampling.BICUBIC)) for part in grid
    )
    row = np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2
    column = np.arange(new, dtype=np.float32)
    x = column * np.float32((width - 1) / (new - 1)) + np.float32(shear) * row + bend_x
    y = row / np.float32(down) + np.float32((height - 1) / 2 + rng.normal(0, 1.0)) + bend_y
    levels = _sampled(pixels, x, y)
    return _LEVELS[rng.integers(len(_LEVELS))][levels] if rng.random() < 0.5 else levels


def _sampled(pixels: Gray, x: npt.NDArray[np.float32], y: npt.NDArray[np.float32]) -> Gray:
    """Bilinear samples at the given places, paper outside."""
    height, width = pixels.shape
    paper = np.zeros((height + 3, width + 3), np.float32)
    paper[1 : height + 1, 1 : width + 1] = pixels
    x, y = np.clip(x + 1, 0, width + 1), np.clip(y + 1, 0, height + 1)
    left, top = x.astype(np.int32), y.astype(np.int32)
    right, down = x - left, y - top
    at = top * (width + 3) + left
    flat = paper.ravel()
    upper = flat[at] * (1 - right) + flat[at + 1] * right
    at += width + 3
    lower = flat[at] * (1 - right) + flat[at + 1] * right
    return (upper * (1 - down) + lower * down + 0.5).astype(np.uint8)


def _curves() -> npt.NDArray[np.uint8]:
    level = np.arange(256) / 255
    gamma = np.exp(np.linspace(-0.6, 0.6, 16))[:, None]
    return np.asarray(np.rint(255 * level**gamma), np.uint8)


_LEVELS: Final = _curves()


def pad(items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
    """Items on paper of a common width; with `rng` each is moved by up to `_SHIFT` columns."""
    widths = np.array([pixels.shape[1] for pixels, _ in items])
    shifts = [0 if rng is None else int(rng.integers(-_SHIFT, _SHIFT + 1)) for _ in items]
    width = sliding_window.padded_width(int(widths.max()), SLIDING)
    image = sliding_window.pad([pixels for pixels, _ in items], width, SLIDING, shifts)[..., None]
    image = image.astype(np.float32) / np.float32(255)
    labels = np.full((len(items), max(1, *(len(label) for _, label in items))), -1, np.int32)
    for row, (_, label) in enumerate(items):
        labels[row, : len(label)] = label
    return Batch(
        image, np.array([sliding_window.steps(int(width), SLIDING) for width in widths], np.int32), labels
    )
