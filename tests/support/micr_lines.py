"""Draws MICR lines, and writes the probabilities that a network might give for one."""

from __future__ import annotations

import numpy as np

from serving.decoding.alphabet import DIGITS, Alphabet, manifest_labels
from serving.images import e13b, sliding_window
from serving.images.field import Field
from serving.images.micr_line import PITCH
from serving.manifest import Sliding

TEXT = "C001234C A021000021A 1234567C 89"
ALPHABET = Alphabet(DIGITS + "ABCD")
LABELS = manifest_labels(ALPHABET)
SLIDING = Sliding(height=32, receptive=40, stride=4, left=20, right=20, bucket=32)


def strip(text: str = TEXT, module: float = 3.0, squeeze: float = 1.0, margin: int = 14) -> np.ndarray:
    """Prints a line, uint8 [h, w], 0 = black."""
    across = module * squeeze
    width = round((e13b.PITCH * (len(text) - 1) + 7) * across) + 2 * margin
    height = round(e13b.HEIGHT * module)
    page = np.full((height + 2 * margin, width), 255, np.uint8)
    for place, symbol in enumerate(text):
        if symbol == " ":
            continue
        size = (round(7 * across), height)
        glyph = e13b.raster(e13b.GLYPHS[symbol], (across, module), size)
        left = margin + round(place * e13b.PITCH * across)
        page[margin : margin + height, left : left + size[0]] -= glyph
    return page


def steps_of(line: Field, text: str, rivals: dict[int, tuple[str, float]] | None = None) -> np.ndarray:
    """Writes the probabilities of a printed line, float32 [T, K], that read as `text`.

    Args:
        line: normalized.
        text: with a blank for each empty position.
        rivals: by position, another symbol with its probability.
    """
    count = sliding_window.steps(line.pixels.shape[1], SLIDING)
    steps = np.full((count, len(LABELS)), 1e-6, np.float32)
    steps[:, -1] = 1
    first = e13b.GLYPHS[text[0]].width / e13b.PITCH * PITCH  # the right edge of the first symbol
    for place, symbol in enumerate(text):
        if symbol == " ":
            continue
        middle = first + place * PITCH - e13b.GLYPHS[symbol].width / e13b.PITCH * PITCH / 2
        step = round((middle - sliding_window.center(0, SLIDING)) / SLIDING.stride)
        other, probability = (rivals or {}).get(place, (symbol, 0.0))
        steps[step] = 1e-6
        steps[step, ALPHABET.symbols.index(symbol)] = 1 - probability
        if probability:
            steps[step, ALPHABET.symbols.index(other)] = probability
    return steps / steps.sum(1, keepdims=True)
