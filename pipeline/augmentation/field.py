"""Makes batches of fields to train on: drawn in other processes, distorted, padded to a common width.

Blocks of fields are drawn ahead while the network trains and used in order, so
that equal seeds give equal batches with any number of processes.
"""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import itertools
import multiprocessing
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.config import FieldTrainConfig
from pipeline.networks.lenet5_field import SLIDING, classes
from pipeline.synthesis.sampler import Item
from serving.images import sliding_window
from serving.images.codec import Gray

Sampler = Callable[[np.random.Generator, int], list[Item]]

_BLOCK: Final = 512  # fields that a process draws at a time
_AHEAD: Final = 24  # blocks being drawn or waiting
_SHUFFLED: Final = 8  # blocks that are shuffled together
_POOL: Final = 4096  # fields that are sorted by width together
_SHIFT: Final = 3  # rows and columns


@dataclass(frozen=True, eq=False)
class Batch:
    """Fields of about one width.

    Attributes:
        image: float32 [N, 32, W, 1].
        steps: int32 [N], how many of the network's steps see the field; the rest see padding.
        labels: int32 [N, L], −1 after the last.
        separators: False if the labels leave separators out, so that one may stand anywhere.
    """

    image: npt.NDArray[np.float32]
    steps: npt.NDArray[np.int32]
    labels: npt.NDArray[np.int32]
    separators: bool = True


def draw_blocks(sample: Sampler, seed: int, processes: int = 1) -> Generator[list[Item]]:
    """Draws endless blocks of fields, in an order that depends on the seed alone.

    Args:
        sample: a picklable function (rng, count) → list of `Item`.
        seed: decides everything.
        processes: how many processes draw.
    """
    context = multiprocessing.get_context("spawn")  # TensorFlow's threads do not survive a fork
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
        pending: collections.deque[concurrent.futures.Future[list[Item]]] = collections.deque()
        number = 0
        try:
            while True:
                while len(pending) < _AHEAD:
                    pending.append(pool.submit(_block, sample, seed, number))
                    number += 1
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _block(sample: Sampler, seed: int, number: int) -> list[Item]:
    return sample(np.random.default_rng([seed, number]), _BLOCK)


def batch_stream(blocks: Iterator[list[Item]], config: FieldTrainConfig) -> Generator[Batch]:
    """Makes endless batches from the blocks of `draw_blocks`, some blocks at a time."""
    rng = np.random.default_rng([config.seed, 1])
    while True:
        items = [pair for block in itertools.islice(blocks, _SHUFFLED) for pair in block]
        yield from batches(items, config.batch, config.views, rng)


def mixed_batches(
    real: Callable[[np.random.Generator], Item],
    synthetic: Sequence[Item],
    config: FieldTrainConfig,
    separators: bool,
) -> Iterator[Batch]:
    """Makes endless batches, of which a share of `config.real` comes from `real`, the rest from `synthetic`.

    Args:
        real: draws a labeled field, or one that is recombined from two.
        synthetic: fields drawn by code.
        config: seed, batch size and share.
        separators: True if the labels of the real fields name the separators.
    """
    rng = np.random.default_rng([config.seed, 2])
    count = _POOL // config.batch
    real_count = round(config.real * count)
    while True:
        labeled = [real(rng) for _ in range(real_count * config.batch)]
        size = (count - real_count) * config.batch
        generated = [synthetic[i] for i in rng.integers(len(synthetic), size=size)]
        pool = [
            dataclasses.replace(batch, separators=named)
            for items, named in ((labeled, separators), (generated, True))
            for batch in batches(items, config.batch, 1, rng)
        ]
        yield from (pool[i] for i in rng.permutation(len(pool)))


def batches(items: Sequence[Item], size: int, views: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Makes batches of about equal width from the items, `views` times each, distorted, in random order."""
    order = np.concatenate([rng.permutation(len(items)) for _ in range(views)])
    for start in range(0, len(order), _POOL):
        pool = [(distort(items[i][0], rng), items[i][1]) for i in order[start : start + _POOL]]
        pool = [(pixels, text) for pixels, text in pool if alignable(pixels, text)]
        # The jitter keeps the same fields from always meeting.
        widths = np.array([pixels.shape[1] for pixels, _ in pool]) * rng.uniform(0.9, 1.1, len(pool))
        by_width = np.argsort(widths)
        cuts = [by_width[at : at + size] for at in range(0, len(pool) - size + 1, size)]
        for cut in rng.permutation(len(cuts)):
            yield pad([pool[i] for i in cuts[cut]], rng)


def alignable(pixels: Gray, text: str) -> bool:
    """Returns True if CTC can align the text: a step for each symbol, and one between equal neighbors."""
    labels = classes(text)
    repeats = sum(a == b for a, b in itertools.pairwise(labels))
    return len(labels) + repeats <= sliding_window.steps(pixels.shape[1], SLIDING)


def distort(pixels: Gray, rng: np.random.Generator, strength: float = 1.0) -> Gray:
    """Scales, slants, moves and bends a field, and makes it darker or paler.

    Bending is the elastic distortion of Simard, Steinkraus and Platt (ICDAR 2003) on a coarse grid.

    Args:
        pixels: uint8 [32, w].
        rng: decides everything.
        strength: of the bending, 1 = as much as writers differ.

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
    levels = _resample(pixels, x, y)
    return _TONES[rng.integers(len(_TONES))][levels] if rng.random() < 0.5 else levels


def _resample(pixels: Gray, x: npt.NDArray[np.float32], y: npt.NDArray[np.float32]) -> Gray:
    """Samples bilinearly at the given places; beyond the edge is paper."""
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
    return np.asarray(upper * (1 - down) + lower * down + 0.5).astype(np.uint8)


def _tone_curves() -> npt.NDArray[np.uint8]:
    level = np.arange(256) / 255
    gamma = np.exp(np.linspace(-0.6, 0.6, 16))[:, None]
    return np.asarray(np.rint(255 * level**gamma), np.uint8)


_TONES: Final = _tone_curves()  # [16, 256]


def pad(items: Sequence[Item], rng: np.random.Generator | None = None) -> Batch:
    """Pads items to a common width; with `rng` each is moved by up to `_SHIFT` columns."""
    widths = np.array([pixels.shape[1] for pixels, _ in items])
    shifts = [0 if rng is None else int(rng.integers(-_SHIFT, _SHIFT + 1)) for _ in items]
    width = sliding_window.padded_width(int(widths.max()), SLIDING)
    pixels = sliding_window.pad([pixels for pixels, _ in items], width, SLIDING, shifts)
    image = pixels[..., None].astype(np.float32) / np.float32(255)
    each = [classes(text) for _, text in items]
    labels = np.full((len(items), max(1, *map(len, each))), -1, np.int32)
    for row, label in enumerate(each):
        labels[row, : len(label)] = label
    steps = np.array([sliding_window.steps(int(width), SLIDING) for width in widths], np.int32)
    return Batch(image, steps, labels)
