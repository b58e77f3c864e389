from __future__ import annotations

import numpy as np

from benchmarks import combs
from pipeline.synthesis.combs import CombDrawing
from pipeline.synthesis.writers import strokes


def test_measure() -> None:
    """The kinds add up to all, and every field is read with and without its print."""
    record = combs.measure(CombDrawing([strokes(np.random.default_rng(0), 3)], papers=2), 6)
    for part in (record["printed"], record["plain"]):
        assert part["fields"] == 6
        for count in ("fields", "right", "digits", "digit_errors", "accepted", "accepted_wrong"):
            assert sum(kind[count] for kind in part["kinds"].values()) == part[count]
    assert record["printed"]["digits"] == record["plain"]["digits"]
    assert record["plain"]["right"] > 0
