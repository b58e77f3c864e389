"""Streams of batches, and others that go on where they stopped."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator

import numpy as np
import pytest

from pipeline.augmentation.batch_stream import Batch, BatchStream

_ROUND = 3  # batches


class Rounds:
    """Rounds of three batches, whose image has the numbers of both."""

    def __init__(self) -> None:
        self.opened: list[int] = []
        self.closed = 0

    def __call__(self, first: int) -> Generator[Iterator[Batch]]:
        self.opened.append(first)
        try:
            for number in itertools.count(first):
                yield (
                    Batch(
                        np.float32([number, index]),
                        np.zeros(1, np.int32),
                        np.zeros((1, 1), np.int32),
                        np.ones(9, bool),
                    )
                    for index in range(_ROUND)
                )
        finally:
            self.closed += 1


def taken(stream: BatchStream, count: int) -> list[tuple[int, int]]:
    return [tuple(batch.image.astype(int)) for batch in itertools.islice(stream, count)]


def test_in_order() -> None:
    stream = BatchStream(Rounds())
    assert taken(stream, 5) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    assert stream.place == (1, 2)
    assert taken(stream, 2) == [(1, 2), (2, 0)]


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_another_goes_on(count: int) -> None:
    """At the start, within a round, and at its end."""
    rounds = Rounds()
    whole, other = BatchStream(Rounds()), BatchStream(rounds)
    taken(whole, count)
    other.seek(whole.place)
    assert rounds.opened == []  # nothing is drawn before it is needed
    assert taken(other, 7) == taken(whole, 7)
    assert other.place == whole.place
    assert len(rounds.opened) == 1


def test_closed() -> None:
    rounds = Rounds()
    stream = BatchStream(rounds)
    stream.close()
    assert rounds.opened == []
    taken(stream, 4)
    stream.close()
    assert rounds.closed == 1
    assert taken(stream, 1) == [(1, 1)]  # and goes on where it was
    stream.seek((5, 1))
    assert rounds.closed == 2
    assert taken(stream, 3) == [(5, 1), (5, 2), (6, 0)]
