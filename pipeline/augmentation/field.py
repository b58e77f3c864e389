"""Makes batches of fields to train on: drawn in other processes, distorted, padded to a common width.

Blocks of fields are drawn ahead while the network trains and used in order, so
that equal seeds give equal batches with any number of processes. Batches come in
rounds, each of which depends on the seed and its number alone, so that a training
goes on at any batch without the rounds before.
"""

from __future__ import annotations

import collections
import concurrent.futures
import itertools
import multiprocessing
import os
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.augmentation.batch_stream import Batch, BatchStream
from pipeline.config import FieldTrainConfig
from pipeline.networks import lenet5_field
from pipeline.networks.lenet5_field import classes, translate
from pipeline.networks.sliding_network import SlidingNetwork
from pipeline.synthesis.sampler import Item
from serving.decoding.alphabet import DIGITS, Alphabet
from serving.images import sliding_window
from serving.images.codec import Gray
from serving.manifest import Sliding

Sampler = Callable[[np.random.Generator, int], list[Item]]

_BLOCK: Final = 512  # fields that a process draws at a time
_AHEAD: Final = 24  # blocks being drawn or waiting
SHUFFLED: Final = 8  # blocks that are shuffled together, in one round
POOL: Final = 4096  # fields that are sorted by width together
_SHIFT: Final = 3  # rows and columns


def draw_blocks(sample: Sampler, seed: int, processes: int = 1, first: int = 0) -> Generator[list[Item]]:
    """Draws endless blocks of fields, in an order that depends on the seed alone.

    Args:
        sample: a picklable function (rng, count) → list of `Item`.
        seed: decides everything.
        processes: how many processes draw.
        first: the number of the block to begin with.
    """
    context = multiprocessing.get_context("spawn")  # TensorFlow's threads do not survive a fork
    with concurrent.futures.ProcessPoolExecutor(processes, context, _end_with_parent) as pool:
        pending: collections.deque[concurrent.futures.Future[list[Item]]] = collections.deque()
        number = first
        try:
            while True:
                while len(pending) < _AHEAD:
                    pending.append(pool.submit(_block, sample, seed, number))
                    number += 1
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _end_with_parent() -> None:
    """Ends this process when its parent does, which may be killed and could not end it."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _block(sample: Sampler, seed: int, number: int) -> list[Item]:
    return sample(np.random.default_rng([seed, number]), _BLOCK)


def drawn_batches(
    sample: Sampler,
    config: FieldTrainConfig,
    alphabet: Alphabet,
    processes: int = 1,
    network: SlidingNetwork = lenet5_field.NETWORK,
) -> BatchStream:
    """Makes endless batches from the blocks of `draw_blocks`, some blocks a round."""

    def rounds(first: int) -> Generator[Iterator[Batch]]:
        blocks = draw_blocks(sample, config.seed, processes, first * SHUFFLED)
        try:
            for number in itertools.count(first):
                items = [pair for block in itertools.islice(blocks, SHUFFLED) for pair in block]
                rng = np.random.default_rng([config.seed, 1, number])
                yield batches(items, config.batch, config.views, rng, alphabet, network=network)
        finally:
            blocks.close()

    return BatchStream(rounds)


def mixed_batches(
    real: Callable[[np.random.Generator], Item],
    synthetic: Sequence[Item],
    config: FieldTrainConfig,
    alphabet: Alphabet,
    marks: str,
) -> BatchStream:
    """Makes endless batches, of which a share of `config.real` comes from `real`, the rest from `synthetic`.

    Args:
        real: draws a labeled field, or one that is recombined from two.
        synthetic: fields drawn by code, whose texts name every mark.
        config: seed, batch size and share.
        alphabet: the network's.
        marks: those that the texts of the real fields name.
    """
    count = POOL // config.batch
    real_count = round(config.real * count)

    def mixed(rng: np.random.Generator) -> Iterator[Batch]:
        labeled = [real(rng) for _ in range(real_count * config.batch)]
        size = (count - real_count) * config.batch
        generated = [synthetic[i] for i in rng.integers(len(synthetic), size=size)]
        pool = [
            batch
            for items, named in ((labeled, marks), (generated, None))
            for batch in batches(items, config.batch, 1, rng, alphabet, named)
        ]
        yield from (pool[i] for i in rng.permutation(len(pool)))

    def rounds(first: int) -> Generator[Iterator[Batch]]:
        for number in itertools.count(first):
            yield mixed(np.random.default_rng([config.seed, 2, number]))

    return BatchStream(rounds)


def batches(
    items: Sequence[Item],
    size: int,
    views: int,
    rng: np.random.Generator,
    alphabet: Alphabet,
    marks: str | None = None,
    network: SlidingNetwork = lenet5_field.NETWORK,
) -> Iterator[Batch]:
    """Makes batches of about equal width from the items, `views` times each, distorted, in random order.

    Args:
        items: fields with their texts.
        size: of a batch.
        views: how often each field is seen.
        rng: decides everything.
        alphabet: the network's.
        marks: those that the texts name; None = all.
        network: that is trained.
    """
    distortion = _DISTORTIONS[network.name]
    order = np.concatenate([rng.permutation(len(items)) for _ in range(views)])
    for start in range(0, len(order), POOL):
        pool = [
            (distort(items[i][0], rng, amount=distortion), items[i][1]) for i in order[start : start + POOL]
        ]
        pool = [(pixels, text) for pixels, text in pool if alignable(pixels, text, alphabet, network)]
        # The jitter keeps the same fields from always meeting.
        widths = np.array([pixels.shape[1] for pixels, _ in pool]) * rng.uniform(0.9, 1.1, len(pool))
        by_width = np.argsort(widths)
        cuts = [by_width[at : at + size] for at in range(0, len(pool) - size + 1, size)]
        for cut in rng.permutation(len(cuts)):
            yield make_batch([pool[i] for i in cuts[cut]], alphabet, marks, rng, network)


def alignable(
    pixels: Gray, text: str, alphabet: Alphabet, network: SlidingNetwork = lenet5_field.NETWORK
) -> bool:
    """Returns True if CTC can align the text: a step for each symbol, and one between equal neighbors."""
    labels = classes(text, alphabet)
    repeats = sum(a == b for a, b in itertools.pairwise(labels))
    return len(labels) + repeats <= sliding_window.steps(pixels.shape[1], network.sliding)


@dataclass(frozen=True)
class Distortion:
    """How much pictures are distorted: standard deviations.

    Attributes:
        across, down: of the logarithm of the scale.
        shear: columns per row.
        bend: rows and columns that points of the coarse grid move.
        shift: rows that all moves.
    """

    across: float
    down: float
    shear: float
    bend: float
    shift: float


_HANDS: Final = Distortion(0.14, 0.06, 0.08, 1.3, 1.0)
# Print is even; what is left to distort are mistakes in measuring its pitch, its height and its place.
_DISTORTIONS: Final = {"lenet5-field": _HANDS, "lenet5-micr": Distortion(0.05, 0.05, 0.02, 0.5, 0.7)}


def distort(
    pixels: Gray, rng: np.random.Generator, strength: float = 1.0, amount: Distortion = _HANDS
) -> Gray:
    """Scales, slants, moves and bends a field, and makes it darker or paler.

    Bending is the elastic distortion of Simard, Steinkraus and Platt (ICDAR 2003) on a coarse grid.

    Args:
        pixels: uint8 [32, w].
        rng: decides everything.
        strength: of the bending, 1 = as much as writers differ.
        amount: of all distortions.

    Returns:
        uint8 [32, about w].
    """
    height, width = pixels.shape
    across, down = np.exp(rng.normal(0, (amount.across, amount.down)))
    shear = rng.normal(0, amount.shear)
    new = max(2, round(width * across))
    grid = rng.normal(0, amount.bend * strength, (2, 4, 2 + new // 10)).astype(np.float32)
    bend_x, bend_y = (
        np.asarray(Image.fromarray(part).resize((new, height), Image.Resampling.BICUBIC)) for part in grid
    )
    row = np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2
    column = np.arange(new, dtype=np.float32)
    x = column * np.float32((width - 1) / (new - 1)) + np.float32(shear) * row + bend_x
    y = row / np.float32(down) + np.float32((height - 1) / 2 + rng.normal(0, amount.shift)) + bend_y
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


def make_batch(
    items: Sequence[Item],
    alphabet: Alphabet,
    marks: str | None = None,
    rng: np.random.Generator | None = None,
    network: SlidingNetwork = lenet5_field.NETWORK,
) -> Batch:
    """Puts items of about one width into a batch; the arguments are those of `batches` and `pad`."""
    image, steps = pad([pixels for pixels, _ in items], rng, network.sliding)
    texts = [classes(text, alphabet) for _, text in items]
    labels = np.full((len(items), max(1, *map(len, texts))), -1, np.int32)
    for row, label in enumerate(texts):
        labels[row, : len(label)] = label
    return Batch(image, steps, labels, _declared(alphabet, marks))


def _declared(alphabet: Alphabet, marks: str | None) -> npt.NDArray[np.bool_]:
    """Returns which classes labels name that name these marks: the digits, those, and the blank; bool [K]."""
    named = alphabet.symbols if marks is None else DIGITS + translate(marks, alphabet)
    return np.array([*(symbol in named for symbol in alphabet.symbols), True])


def pad(
    fields: Sequence[Gray],
    rng: np.random.Generator | None = None,
    sliding: Sliding = lenet5_field.SLIDING,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Pads fields to a common width; with `rng` each is moved by up to `_SHIFT` columns.

    Returns:
        The image, float32 [N, 32, W, 1], and how many of the network's steps see each field, int32 [N].
    """
    widths = [pixels.shape[1] for pixels in fields]
    shifts = [0 if rng is None else int(rng.integers(-_SHIFT, _SHIFT + 1)) for _ in fields]
    width = sliding_window.padded_width(max(widths), sliding)
    pixels = sliding_window.pad(list(fields), width, sliding, shifts)
    image = pixels[..., None].astype(np.float32) / np.float32(255)
    return image, np.array([sliding_window.steps(width, sliding) for width in widths], np.int32)
