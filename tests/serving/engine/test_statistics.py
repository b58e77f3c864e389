"""Counters, and the sum of several workers'."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from serving.engine.statistics import DURATIONS, Counts, Histogram, Statistics, combine, count

DURATION = st.integers(0, 20 * 10**9)


@given(st.lists(DURATION))
def test_histogram(durations: list[int]) -> None:
    histogram = Histogram()
    for ns in durations:
        histogram.add(ns)
    assert histogram.ns == sum(durations)
    for at, bound in enumerate(DURATIONS):
        assert sum(histogram.counts[: at + 1]) == sum(ns <= bound for ns in durations)
    assert sum(histogram.counts) == len(durations)


def test_buckets_start_at_50_microseconds() -> None:
    assert DURATIONS[0] == 50_000
    assert list(DURATIONS) == sorted(set(DURATIONS))


def test_readings_are_counted_by_the_kind_of_reason() -> None:
    statistics = Statistics()
    for reason in (None, "unsure: confidence 0.5", "unsure: confidence 0.6", "blank: no ink found", None):
        statistics.record_reading(reason)
    assert statistics.accepted == 2
    assert statistics.rejected == {"unsure": 2, "blank": 1}


def worker(batches: list[int], last: int) -> Counts:
    counts = Counts(starts=1)
    for rows in batches:
        counts.for_model("a", "1").record_batch(rows, 1_000 * rows)
        count(counts.requests, f"POST /digits {200 + rows}")
    counts.for_model("a", "1").last = last
    return counts


@given(st.lists(st.integers(1, 9)), st.lists(st.integers(1, 9)), st.integers(0, 9), st.integers(0, 9))
def test_the_sum_is_what_one_would_have_counted(
    left: list[int], right: list[int], one: int, other: int
) -> None:
    total = combine(worker(left, one), worker(right, other))
    expected = worker(left + right, max(one, other))
    expected.starts = 2
    assert total == expected


def test_the_sum_of_what_only_one_has() -> None:
    left, right = Counts(), Counts()
    left.for_model("a", "1").record_batch(1, 5)
    right.for_model("b", "2").record_batch(2, 7)
    assert combine(left, right).models == left.models | right.models


def test_counters_survive_being_told() -> None:
    counts = worker([1, 1, 5], 7)
    assert msgspec.json.decode(msgspec.json.encode(counts), type=Counts) == counts
