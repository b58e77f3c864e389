"""Finds runs: where flags stand in a row, or dark pixels in a column."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_Ints = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]


def runs(flags: _Mask) -> list[tuple[int, int]]:
    """Returns the first and one past the last place of each run of flags, bool [n]."""
    padded = np.zeros(len(flags) + 2, np.bool_)
    padded[1:-1] = flags
    edges = (padded[1:] != padded[:-1]).nonzero()[0].tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def longest_runs(mask: _Mask, least: float) -> tuple[_Ints, _Ints]:
    """Finds the longest run in each column of a mask, the uppermost of several.

    Args:
        mask: bool [H, W].
        least: pixels; shorter runs do not count.

    Returns:
        The runs' lengths and one past their last rows, int64 [W] each; 0 where there is none.
    """
    height, width = mask.shape
    stride = height + 1
    flat = np.zeros(width * stride + 1, np.bool_)
    flat[1:].reshape(width, stride)[:, :-1] = mask.T
    edges = (flat[1:] != flat[:-1]).nonzero()[0]
    start, length = edges[::2], edges[1::2] - edges[::2]
    long = length >= least
    rank = np.zeros(width, np.int64)
    if not long.any():
        return rank, rank
    # The longer a run and the higher it begins, the larger is its rank.
    column, row = np.divmod(start[long], stride)
    np.maximum.at(rank, column, length[long] * stride - row)
    longest = -(-rank // stride)
    return longest, longest * (stride + 1) - rank
