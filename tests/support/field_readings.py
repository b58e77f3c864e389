"""Made-up readings and labels of fields."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from pipeline.data.labeled_fields import Box, Labeled
from pipeline.evaluation.field_readings import RecognizedField
from pipeline.networks.lenet5_field import ALPHABET


def raw(
    written: str,
    probability: float = 0.9,
    confidence: float | None = None,
    boxes: Sequence[Box] = (),
    problem: str | None = None,
    amount: str | None = None,
) -> RecognizedField:
    """Returns a reading."""
    sure = probability if confidence is None else confidence
    digits = "".join(filter(str.isdigit, written))
    return RecognizedField(digits, written, probability, sure, tuple(boxes), (), problem, amount)


def png(level: int = 200) -> bytes:
    """Returns a picture with a bar of ink on it."""
    pixels = np.full((30, 80), level, np.uint8)
    pixels[5:25, 30:36] = 20
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def fields(
    texts: Sequence[str],
    boxes: Sequence[tuple[Box, ...] | None] | None = None,
    written: Sequence[str] | None = None,
    amounts: Sequence[str | None] | None = None,
) -> Labeled:
    """Returns labeled fields; the pictures differ by their paper."""
    symbols = set("".join(written or texts))
    n = len(texts)
    return Labeled(
        "some",
        tuple(f"{i}.png" for i in range(n)),
        tuple(texts),
        tuple(written or texts),
        tuple(amounts) if amounts else (None,) * n,
        "".join(mark for mark in ALPHABET.marks if mark in symbols),
        tuple(boxes) if boxes else (None,) * n,
        tuple(png(150 + i % 100) for i in range(n)),
        tuple(map(str, range(n))),
        {"labels.csv": "0" * 64},
    )


def sampled(
    count: int, scale: float, offset: float, seed: int = 0
) -> tuple[list[RecognizedField], np.ndarray]:
    """Draws readings, right with the probability that a logistic curve of that scale and offset gives."""
    rng = np.random.default_rng(seed)
    x = rng.normal(2, 2, count)
    right = rng.random(count) < 1 / (1 + np.exp(-(scale * x + offset)))
    return [raw("1", float(p)) for p in 1 / (1 + np.exp(-x))], right
