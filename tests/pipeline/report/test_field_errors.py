"""Errors by symbol."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.report import field_errors
from tests.support.field_measures import measures


def test_symbols_are_counted_with_those_missed_and_made_up() -> None:
    table = field_errors.symbol_counts(measures())
    assert (table[4, 9], table[1, 10], table[10, 7], table[10, 10]) == (3, 2, 1, 0)
    assert table.sum() == 10 * 9 + 3 + 2 + 1


@pytest.mark.parametrize(
    ("mistakes", "sentence"),
    [
        ({}, ""),
        ({(4, 9): 1}, "The most frequent: 4 read as 9, once."),
        ({(1, 10): 2, (10, 7): 2}, "The most frequent: 1 missed, 7 made up, 2 times each."),
        (
            {(0, 1): 1, (0, 2): 1, (0, 3): 1, (0, 4): 1},
            "The most frequent: 0 read as 1, 0 read as 2, 0 read as 3 and others, once each.",
        ),
    ],
)
def test_most_frequent(mistakes: dict[tuple[int, int], int], sentence: str) -> None:
    table = np.diag(np.full(11, 9))
    for place, count in mistakes.items():
        table[place] = count
    assert field_errors.most_frequent(table) == sentence
