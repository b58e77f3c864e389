from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from pipeline.metrics.edit_distance import align

DIGITS = st.text("0123", max_size=7)


@cache
def brute(one: str, other: str) -> int:
    """By definition: the cheapest first step, whatever it is, and the rest."""
    if not one or not other:
        return len(one) + len(other)
    return min(
        brute(one[1:], other[1:]) + (one[0] != other[0]), brute(one[1:], other) + 1, brute(one, other[1:]) + 1
    )


@given(DIGITS, DIGITS)
def test_distance_by_brute_force(one: str, other: str) -> None:
    assert sum(true != read for true, read in align(one, other)) == brute(one, other)


@given(DIGITS, DIGITS)
def test_alignment_spells_both_strings(one: str, other: str) -> None:
    pairs = align(one, other)
    assert "".join(true for true, _ in pairs) == one
    assert "".join(read for _, read in pairs) == other
    assert ("", "") not in pairs


def test_kinds_of_errors() -> None:
    assert align("1250", "1750") == [("1", "1"), ("2", "7"), ("5", "5"), ("0", "0")]
    assert align("125", "15") == [("1", "1"), ("2", ""), ("5", "5")]
    assert align("15", "125") == [("1", "1"), ("", "2"), ("5", "5")]
    assert align("", "") == []
