from __future__ import annotations

import numpy as np

from benchmarks import network


def test_times_of_both_networks() -> None:
    times = network.microseconds(network.DIGITS, np.zeros((4, 28, 28, 1), np.float32), (1, 4), calls=2)
    rows = {"1", "4", "4_cut_over_threads", "4_shared_by_threads"}
    assert {name: set(figures) for name, figures in times.items()} == dict.fromkeys(network.DIGITS, rows)
    assert all(duration > 0 for figures in times.values() for duration in figures.values())
