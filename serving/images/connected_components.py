"""The runs of a mask along its rows: its 8-connected components and what can be measured of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_Ints = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Components:
    """A mask's runs, ordered by component and in reading order within one.

    Attributes:
        shape: (height, width) of the mask.
        row, start, stop: int64 [runs], mask[row, start:stop] is one run.
        label: int64 [runs], the component of each, ascending from 0.
        first: int64 [components], the index of each component's first run.
    """

    shape: tuple[int, int]
    row: _Ints
    start: _Ints
    stop: _Ints
    label: _Ints
    first: _Ints

    @staticmethod
    def of(mask: _Mask) -> Components:
        """The runs of a mask, bool [H, W]."""
        height, width = mask.shape
        stride = width + 1
        flat = np.zeros(height * stride + 1, np.int8)
        flat[1:].reshape(height, stride)[:, :-1] = mask
        edges = np.flatnonzero(flat[1:] != flat[:-1])
        start, stop = edges[::2], edges[1::2]
        root = _roots(start, stop, stride)
        order = np.argsort(root, kind="stable")
        root, start, stop = root[order], start[order], stop[order]
        new = np.ones(len(root), np.bool_)
        new[1:] = root[1:] != root[:-1]
        row = start // stride
        return Components(
            (height, width),
            row,
            start - row * stride,
            stop - row * stride,
            np.cumsum(new) - 1,
            np.flatnonzero(new),
        )

    def __len__(self) -> int:
        """How many components there are."""
        return len(self.first)

    def per_component(self, values: npt.NDArray[np.generic], reduce: np.ufunc) -> npt.NDArray[np.generic]:
        """One value for each component from one for each run [runs]."""
        return np.asarray(reduce.reduceat(values, self.first)) if len(self) else values[:0]

    def area(self) -> _Ints:
        """How many pixels each component has."""
        return np.asarray(self.per_component(self.stop - self.start, np.add), np.int64)

    def peak(self, values: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The largest of values, uint8 [H, W], in each component."""
        if not len(self):
            return np.zeros(0, np.uint8)
        height, width = self.shape
        # A column more, so that a run may end where the next row begins.
        padded = np.zeros((height, width + 1), np.uint8)
        padded[:, :-1] = values
        offset = self.row * (width + 1)
        bounds = np.stack([offset + self.start, offset + self.stop], 1).ravel()
        return np.asarray(
            self.per_component(np.maximum.reduceat(padded.ravel(), bounds)[::2], np.maximum), np.uint8
        )

    def select(self, keep: npt.NDArray[np.bool_]) -> Components:
        """The runs of some components, bool [components]."""
        kept = keep[self.label]
        label = (np.cumsum(keep) - 1)[self.label[kept]]
        return Components(
            self.shape,
            self.row[kept],
            self.start[kept],
            self.stop[kept],
            label,
            np.searchsorted(label, np.arange(int(keep.sum()))),
        )

    def paint(self) -> _Mask:
        """The mask again, bool [H, W]."""
        height, width = self.shape
        steps = np.zeros(height * (width + 1), np.int8)
        offset = self.row * (width + 1)
        steps[offset + self.start] = 1
        steps[offset + self.stop] = -1
        return np.asarray(np.cumsum(steps, dtype=np.int8).view(np.bool_).reshape(height, width + 1)[:, :-1])


def _roots(start: _Ints, stop: _Ints, stride: int) -> _Ints:
    """For each run the first run of its component: union by the smaller index, with pointer jumping."""
    first = np.searchsorted(stop, start - stride)
    touching = np.maximum(np.searchsorted(start, stop - stride, side="right") - first, 0)
    one = np.repeat(np.arange(len(start)), touching)
    before = np.cumsum(touching) - touching
    other = np.arange(len(one)) + np.repeat(first - before, touching)
    root = np.arange(len(start))
    while True:
        a, b = root[one], root[other]
        apart = np.flatnonzero(a != b)
        if not len(apart):
            return root
        one, other, a, b = one[apart], other[apart], a[apart], b[apart]
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        while True:
            up = root[root]
            up = up[up]
            if (up == root).all():
                break
            root = up
