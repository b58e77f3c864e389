from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.metrics.boxes import edges, share_of_overlap

EDGE = st.floats(0, 10)
BOX = st.tuples(EDGE, EDGE, st.floats(0.1, 5), st.floats(0.1, 5)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


def test_examples() -> None:
    assert share_of_overlap((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert share_of_overlap((0, 0, 1, 1), (1, 0, 2, 1)) == 0
    assert share_of_overlap((0, 0, 1, 1), (0, 2, 1, 3)) == 0


def test_edges() -> None:
    assert edges((3, 4, 10, 20)) == (3, 4, 13, 24)


@given(BOX, BOX)
def test_symmetric_and_one_for_itself(box: tuple[float, ...], other: tuple[float, ...]) -> None:
    assert share_of_overlap(box, other) == share_of_overlap(other, box)
    assert share_of_overlap(box, box) == pytest.approx(1)
    assert 0 <= share_of_overlap(box, other) <= 1 + 1e-9
