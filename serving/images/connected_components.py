"""The 8-connected components of a mask, as runs along its rows, with each component's measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

_Ints = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]
_Level = TypeVar("_Level", np.bool_, np.int64)


@dataclass(frozen=True)
class Components:
    """A mask's components; their runs are ordered by component and in reading order within one.

    Attributes:
        shape: (height, width) of the mask.
        row, start, stop: int64 [runs], mask[row, start:stop] is one run.
        label: int64 [runs], the component of each, ascending from 0 in the reading order of the components'
            first pixels.
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
        """Finds the components of a mask, bool [H, W]."""
        height, width = mask.shape
        stride = width + 1
        flat = np.zeros(height * stride + 1, np.bool_)
        flat[1:].reshape(height, stride)[:, :-1] = mask
        edges = (flat[1:] != flat[:-1]).nonzero()[0]
        start, stop = np.ascontiguousarray(edges[::2]), np.ascontiguousarray(edges[1::2])
        root = _roots(start, stop, stride)
        if root.any():
            order = root.argsort(kind="stable")
            root, start, stop = root[order], start[order], stop[order]
        new = np.ones(len(root), np.bool_)
        np.not_equal(root[1:], root[:-1], out=new[1:])
        row = start // stride
        return Components(
            (height, width),
            row,
            start - row * stride,
            stop - row * stride,
            new.cumsum() - 1,
            new.nonzero()[0],
        )

    def __len__(self) -> int:
        """Returns the number of components."""
        return len(self.first)

    def reduce(self, values: npt.NDArray[np.generic], reduction: np.ufunc) -> npt.NDArray[np.generic]:
        """Reduces values of the runs, [runs], to one for each component, [components]."""
        return np.asarray(reduction.reduceat(values, self.first)) if len(self) else values[:0]

    def area(self) -> _Ints:
        """Returns the number of pixels of each component, int64 [components]."""
        return np.asarray(self.reduce(self.stop - self.start, np.add), np.int64)

    def maximum(self, levels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Returns the largest of the levels, uint8 [H, W], in each component; uint8 [components]."""
        if not len(self):
            return np.zeros(0, np.uint8)
        height, width = self.shape
        # A column more, so that a run may end where the next row begins.
        padded = np.zeros((height, width + 1), np.uint8)
        padded[:, :-1] = levels
        offset = self.row * (width + 1)
        bounds = np.array([offset + self.start, offset + self.stop]).T.ravel()
        return np.asarray(self.reduce(np.maximum.reduceat(padded.ravel(), bounds)[::2], np.maximum), np.uint8)

    def select(self, keep: _Mask) -> Components:
        """Returns some of the components, those in keep, bool [components]."""
        count = np.count_nonzero(keep)
        if count == len(keep):
            return self
        kept = keep[self.label]
        label = (keep.cumsum() - 1)[self.label[kept]]
        first = label.searchsorted(np.arange(count))
        return Components(self.shape, self.row[kept], self.start[kept], self.stop[kept], label, first)

    def mask(self) -> _Mask:
        """Returns the components' pixels, bool [H, W]."""
        return np.asarray(self._fill(np.ones(len(self.row), np.bool_)))

    def labels(self) -> _Ints:
        """Returns a picture, int64 [H, W]: 0 outside the mask, else the component's index + 1."""
        return np.asarray(self._fill(self.label + 1))

    def _fill(self, levels: npt.NDArray[_Level]) -> npt.NDArray[_Level]:
        """Paints each run in its level, [runs], on zeros."""
        height, width = self.shape
        offset = self.row * (width + 1)
        start = offset + self.start
        order = start.argsort()
        # The pixels between the runs and those of the runs take turns.
        ends = np.zeros(2 * len(order) + 2, np.int64)
        ends[1:-1:2], ends[2:-1:2] = start[order], (offset + self.stop)[order]
        ends[-1] = height * (width + 1)
        paint = np.zeros(len(ends) - 1, levels.dtype)
        paint[1::2] = levels[order]
        return paint.repeat(ends[1:] - ends[:-1]).reshape(height, width + 1)[:, :-1]


def _roots(start: _Ints, stop: _Ints, stride: int) -> _Ints:
    """Returns for each run the first run of its component.

    Each run points at the first one that it touches in the row above, so that pointer jumping leads to a run that
    touches none; where a run touches several, these are united by the smaller index.
    """
    first = stop.searchsorted(start - stride)
    touching = start.searchsorted(stop - stride, side="right") - first
    if np.count_nonzero(touching) == len(start) - 1:  # every run but the first touches one above
        return np.zeros(len(start), np.int64)
    root = _jump(np.where(touching > 0, first, np.arange(len(start))))
    joining = (touching > 1).nonzero()[0]
    others = touching[joining] - 1
    lower = joining.repeat(others)
    upper = np.arange(len(lower)) + (first[joining] + 1 - (others.cumsum() - others)).repeat(others)
    while True:
        a, b = root[lower], root[upper]
        apart = (a != b).nonzero()[0]
        if not len(apart):
            return root
        lower, upper, a, b = lower[apart], upper[apart], a[apart], b[apart]
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        root = _jump(root)


def _jump(root: _Ints) -> _Ints:
    """Follows pointers to smaller indices to their ends."""
    while True:
        parent = root[root]
        parent = parent[parent]
        if not np.count_nonzero(parent != root):
            return root
        root = parent
