"""Items to train on are normalized, alignable and labeled, and some show no line."""

from __future__ import annotations

import pickle

import numpy as np

from pipeline.augmentation.field import alignable
from pipeline.networks.lenet5_micr import NETWORK
from pipeline.synthesis.micr_sampler import MicrSampler


def test_items() -> None:
    sampler = pickle.loads(pickle.dumps(MicrSampler()))
    items = sampler(np.random.default_rng(5), 40)
    assert len(items) == 40
    assert any(text == "" for _, text in items)
    for pixels, text in items:
        assert pixels.shape[0] == NETWORK.sliding.height
        assert set(text) <= set(NETWORK.compared + " ")
    lines = [(pixels, text) for pixels, text in items if text]
    assert sum(alignable(pixels, text, NETWORK.alphabet, NETWORK) for pixels, text in lines) > 0.95 * len(
        lines
    )


def test_validation_has_other_papers() -> None:
    assert MicrSampler().validation() != MicrSampler()
    assert MicrSampler().settings() == MicrSampler()
    assert MicrSampler().record()["name"] == "drawn MICR lines"
