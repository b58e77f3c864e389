"""The free search against TensorFlow's beam search.

A beam drops prefixes with all that they would have brought, so its
probabilities are too low where much is possible, and right where little is.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from serving.decoding import ctc


def beam(logits: np.ndarray) -> list[tuple[tuple[int, ...], float]]:
    """The best string of each [T, 12] and the logarithm of its probability."""
    steps = np.full(len(logits), logits.shape[1])
    paths, scores = tf.nn.ctc_beam_search_decoder(
        logits.transpose(1, 0, 2), steps, beam_width=1000, top_paths=1
    )
    dense = tf.sparse.to_dense(paths[0], default_value=-1).numpy()
    return [
        (tuple(label for label in row.tolist() if label >= 0), float(score))
        for row, (score,) in zip(dense, scores.numpy(), strict=True)
    ]


def test_readable() -> None:
    """Digits between blanks, some of them uncertain, some steps apart from equal neighbors."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 1, (40, 50, 12)).astype(np.float32)
    logits[..., 11] += 13
    for rows in logits:
        for step in range(3, 48, 6):
            rows[step, random.integers(3)] += random.choice([12, 14, 17])
            rows[step + 1, random.integers(11)] += random.choice([0, 10, 12])
    for rows, (labels, score) in zip(tf.nn.softmax(logits).numpy(), beam(logits), strict=True):
        outcome = ctc.search(rows, count=1)
        assert outcome.exact
        assert outcome.best[0].labels == labels
        assert math.log(outcome.best[0].probability) == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize("sharpness", [0.5, 1.5, 4.0])
def test_noise(sharpness: float) -> None:
    """The first string is never worse than the beam's."""
    random = np.random.default_rng(0)
    logits = random.normal(0, sharpness, (12, 20, 12)).astype(np.float32)
    for rows, (labels, score) in zip(tf.nn.softmax(logits).numpy(), beam(logits), strict=True):
        probability = ctc.probability(rows, labels)
        assert math.log(probability) >= score - 1e-4
        outcome = ctc.search(rows, count=1, budget=5000)
        if outcome.exact:
            assert outcome.best[0].probability >= probability * (1 - 1e-9)
