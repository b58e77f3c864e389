from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serving.images.runs import longest_runs, runs

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))


@given(hnp.arrays(np.bool_, st.integers(0, 30)))
def test_runs_are_groups_of_flags(flags: np.ndarray) -> None:
    expected, place = [], 0
    for flag, group in itertools.groupby(flags.tolist()):
        length = len(list(group))
        if flag:
            expected.append((place, place + length))
        place += length
    assert runs(flags) == expected


@given(MASKS, st.integers(0, 12))
def test_the_longest_run_of_a_column_is_the_uppermost_of_the_longest(mask: np.ndarray, least: int) -> None:
    lengths, stops = longest_runs(mask, least)
    for column, length, stop in zip(mask.T, lengths.tolist(), stops.tolist(), strict=True):
        long = [(first, last) for first, last in runs(column) if last - first >= least]
        first, last = max(long, key=lambda run: run[1] - run[0], default=(0, 0))
        assert (length, stop) == (last - first, last)
