"""Goes through endless rounds of batches to train on, and says where it is, so that another goes on from there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Place = tuple[int, int]  # the number of a round, and how many of its batches were taken


@dataclass(frozen=True, eq=False)
class Batch:
    """Fields of about one width.

    Attributes:
        image: float32 [N, 32, W, 1].
        steps: int32 [N], how many of the network's steps see the field; the rest see padding.
        labels: int32 [N, L], −1 after the last.
        declared: bool [K], False for the marks that the labels leave out, so that one may stand anywhere.
    """

    image: npt.NDArray[np.float32]
    steps: npt.NDArray[np.int32]
    labels: npt.NDArray[np.int32]
    declared: npt.NDArray[np.bool_]


Rounds = Callable[[int], Generator[Iterator[Batch]]]  # the number of the first → the batches of each


class BatchStream:
    """The batches of endless rounds, each of which depends on its number alone.

    Nothing is drawn before the first batch is asked for.

    Attributes:
        place: after the last batch that was taken.
    """

    def __init__(self, rounds: Rounds) -> None:
        self.place: Place = (0, 0)
        self._rounds = rounds
        self._batches: Generator[Batch] | None = None

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if self._batches is None:
            self._batches = self._from_place()
        return next(self._batches)

    def seek(self, place: Place) -> None:
        """Goes to a place."""
        self.close()
        self.place = place

    def close(self) -> None:
        """Ends what the rounds have started, such as processes that draw."""
        if self._batches is not None:
            self._batches.close()
            self._batches = None

    def _from_place(self) -> Generator[Batch]:
        first, taken = self.place
        rounds = self._rounds(first)
        try:
            for number, batches in enumerate(rounds, first):
                start = taken if number == first else 0
                for count, batch in enumerate(itertools.islice(batches, start, None), start + 1):
                    self.place = number, count
                    yield batch
        finally:
            rounds.close()
