from __future__ import annotations

import numpy as np

from serving.images.level_map import map_levels


def test_levels_are_mapped_as_by_indexing() -> None:
    rng = np.random.default_rng(0)
    table = rng.permutation(256).astype(np.uint8)
    levels = rng.integers(0, 256, (9, 14), np.uint8)
    assert (map_levels(levels, table) == table[levels]).all()
    assert (map_levels(levels[::2, ::2], table) == table[levels[::2, ::2]]).all()  # not contiguous
