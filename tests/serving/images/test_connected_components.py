"""Runs against the digit path's components and plain pixel counts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis.extra import numpy as hnp

from serving.images.connected_components import Components
from serving.images.digit import components

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20))


def labels(runs: Components) -> np.ndarray:
    out = np.zeros(runs.shape, int)
    for row, start, stop, label in zip(runs.row, runs.start, runs.stop, runs.label, strict=True):
        out[row, start:stop] = label + 1
    return out


@given(MASKS)
def test_components(mask: np.ndarray) -> None:
    runs = Components.of(mask)
    pairs = set(zip(labels(runs).ravel().tolist(), components(mask).ravel().tolist(), strict=True))
    assert len(pairs - {(0, 0)}) == len(runs) == len(np.unique(components(mask)[mask]))
    assert (runs.paint() == mask).all()


@given(MASKS)
def test_measures(mask: np.ndarray) -> None:
    runs = Components.of(mask)
    values = (np.arange(mask.size) * 37 % 256).astype(np.uint8).reshape(mask.shape)
    label = labels(runs)
    assert runs.area().tolist() == [(label == i + 1).sum() for i in range(len(runs))]
    assert runs.peak(values).tolist() == [values[label == i + 1].max() for i in range(len(runs))]


@given(MASKS)
def test_of_components(mask: np.ndarray) -> None:
    runs = Components.of(mask)
    keep = np.arange(len(runs)) % 3 != 1
    kept = runs.select(keep)
    assert (kept.paint() == np.isin(labels(runs), np.flatnonzero(keep) + 1)).all()
    assert kept.area().tolist() == runs.area()[keep].tolist()
