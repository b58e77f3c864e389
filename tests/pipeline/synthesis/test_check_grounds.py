"""Grounds have the size that was asked for and leave paper light enough to read on."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.synthesis.check_grounds import ground
from pipeline.synthesis.check_layouts import GROUNDS


@pytest.mark.parametrize("kind", GROUNDS)
def test_grounds(kind: str) -> None:
    light = ground(kind, 1.0, (301, 151), 100, np.random.default_rng(1))
    assert light.shape == (151, 301)
    assert light.dtype == np.float32
    assert 0.45 < light.min() <= light.max() <= 1
    assert (light.std() > 0.003) == (kind != "plain")


def test_a_weak_ground_is_lighter() -> None:
    strong, weak = (ground("slants", s, (200, 100), 100, np.random.default_rng(2)) for s in (1.0, 0.2))
    assert weak.min() > strong.min()
