from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.folds import split
from serving.errors import CheckreaderError


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40), st.integers(0, 5))
def test_groups_stay_together_whatever_their_order(groups: list[str], seed: int) -> None:
    if len(set(groups)) < 2:
        with pytest.raises(CheckreaderError, match="own: 1 checks cannot be cut into 2 folds"):
            split("own", groups, 2, seed, "checks")
        return
    parts = split("own", groups, 2, seed, "checks")
    assert sorted(int(i) for part in parts for i in part) == list(range(len(groups)))
    assert all((np.diff(part) > 0).all() for part in parts)
    first, second = ({groups[i] for i in part} for part in parts)
    assert first
    assert second
    assert not first & second
    turned = split("own", groups[::-1], 2, seed, "checks")
    assert [{groups[::-1][i] for i in part} for part in turned] == [first, second]
