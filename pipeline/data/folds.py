"""Splits labeled pictures into parts for k-fold cross-validation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from serving.errors import CheckreaderError

Index = npt.NDArray[np.intp]


def split(name: str, groups: Sequence[str], count: int, seed: int, noun: str) -> tuple[Index, ...]:
    """Splits pictures into `count` parts of nearly equal size; those of a group stay together.

    Args:
        name: of the set, for the error.
        groups: the group of each picture; their order does not matter.
        count: how many parts, at least 2.
        seed: the same seed gives the same parts.
        noun: what the groups are, for the error.

    Returns:
        The ascending indices of each part's pictures; every picture is in exactly one part.

    Raises:
        CheckreaderError: fewer than two parts, or fewer groups than parts.
    """
    members: dict[str, list[int]] = {}
    for i, group in enumerate(groups):
        members.setdefault(group, []).append(i)
    if not 2 <= count <= len(members):
        raise CheckreaderError(
            f"{name}: {len(members)} {noun} cannot be cut into {count} folds: "
            "at least 2 folds, with at least one each"
        )
    names = sorted(members)
    parts: list[list[int]] = [[] for _ in range(count)]
    for i in np.random.default_rng([seed, 0xF01D]).permutation(len(names)):
        min(parts, key=len).extend(members[names[i]])
    return tuple(np.array(sorted(part), np.intp) for part in parts)
