"""Components against SciPy's labels and plain pixel counts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from serving.images.connected_components import Components

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20))


@given(MASKS)
def test_labels(mask: np.ndarray) -> None:
    components = Components.of(mask)
    labels = components.labels()
    expected, count = ndimage.label(mask, np.ones((3, 3)))
    pairs = set(zip(labels.ravel().tolist(), expected.ravel().tolist(), strict=True))
    # One of ours for each of SciPy's, in the same order; both ascend in reading order.
    assert len(pairs - {(0, 0)}) == len(components) == count
    assert sorted(pairs) == sorted(pairs, key=lambda pair: pair[1])
    assert ((labels > 0) == mask).all()
    assert (components.mask() == mask).all()


@given(MASKS)
def test_runs(mask: np.ndarray) -> None:
    components = Components.of(mask)
    painted = np.zeros(mask.shape, int)
    for row, start, stop, label in zip(
        components.row, components.start, components.stop, components.label, strict=True
    ):
        assert not painted[row, start:stop].any()
        painted[row, start:stop] = label + 1
    assert (painted == components.labels()).all()
    assert (components.label[components.first] == np.arange(len(components))).all()


@given(MASKS)
def test_measures(mask: np.ndarray) -> None:
    components = Components.of(mask)
    levels = (np.arange(mask.size) * 37 % 256).astype(np.uint8).reshape(mask.shape)
    labels = components.labels()
    numbers = range(1, len(components) + 1)
    assert components.area().tolist() == [(labels == number).sum() for number in numbers]
    assert components.maximum(levels).tolist() == [levels[labels == number].max() for number in numbers]


@given(MASKS)
def test_select(mask: np.ndarray) -> None:
    components = Components.of(mask)
    keep = np.arange(len(components)) % 3 != 1
    kept = components.select(keep)
    assert (kept.mask() == np.isin(components.labels(), np.flatnonzero(keep) + 1)).all()
    assert kept.area().tolist() == components.area()[keep].tolist()
    assert len(kept) == keep.sum()


def test_a_spiral_is_one_component() -> None:
    mask = np.zeros((60, 60), np.bool_)
    mask[::2] = True  # rows, linked at alternating ends
    mask[1::4, -1] = mask[3::4, 0] = True
    assert len(Components.of(mask)) == 1
    mask[31] = False
    assert len(Components.of(mask)) == 2


def test_no_component() -> None:
    components = Components.of(np.zeros((3, 4), np.bool_))
    assert len(components) == 0
    assert components.maximum(np.ones((3, 4), np.uint8)).tolist() == components.area().tolist() == []
    assert components.labels().shape == (3, 4)
