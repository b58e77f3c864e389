"""Pictures put together for a network: digits as they are, fields by their padded width.

The answers to a field are a row for each step that sees it; steps that see nothing but padding are left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.networks.lenet5_field import SLIDING
from pipeline.networks.spec import Task
from serving.errors import CheckreaderError
from serving.images import sliding_window

Pixels = npt.NDArray[np.uint8]

_MOST: Final = 128  # fields in a batch: what Keras keeps of the layers stays under 100 MB


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """Pictures of one size.

    Attributes:
        pixels: uint8 [n, H, W], 0 = paper.
        numbers: int [n], which of the pictures that were given these are.
        steps: int [n], how many rows of the answer belong to each; None: the answer is one row.
    """

    pixels: Pixels
    numbers: npt.NDArray[np.intp]
    steps: npt.NDArray[np.intp] | None = None

    def rows(self, answers: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """[n, K] or [n, T, K] → the rows that count, [R, K]."""
        if self.steps is None:
            return answers
        return np.concatenate([answer[:count] for answer, count in zip(answers, self.steps, strict=True)])

    def places(self) -> npt.NDArray[np.intp]:
        """int [R, 2]: for each of `rows` the picture's number and the step."""
        if self.steps is None:
            return np.stack([self.numbers, np.zeros_like(self.numbers)], axis=1)
        return np.array(
            [
                (number, step)
                for number, count in zip(self.numbers, self.steps, strict=True)
                for step in range(count)
            ]
        )


def make_batches(task: Task, pictures: Pixels | Sequence[Pixels]) -> list[Batch]:
    """The pictures in batches.

    Args:
        task: what they show.
        pictures: digits uint8 [N, 28, 28], or fields uint8 [32, w] of any widths.

    Raises:
        CheckreaderError: there are none, or pictures of another size.
    """
    if not len(pictures):
        raise CheckreaderError("there are no pictures to compare the formats on")
    if task.width is not None:
        digits = np.asarray(pictures)
        return [Batch(digits, np.arange(len(digits)))]
    for field in pictures:
        if field.ndim != 2 or field.shape[0] != task.height or not field.shape[1]:
            raise CheckreaderError(f"a field is [{task.height}, width], got {list(field.shape)}")
    return list(_fields(pictures))


def _fields(fields: Sequence[Pixels]) -> Iterator[Batch]:
    for width, group in sliding_window.group_by_width([field.shape[1] for field in fields], SLIDING):
        for start in range(0, len(group), _MOST):
            numbers = np.array(group[start : start + _MOST], np.intp)
            pixels = sliding_window.pad([fields[number] for number in numbers], width, SLIDING)
            steps = np.array([sliding_window.steps(fields[number].shape[1], SLIDING) for number in numbers])
            yield Batch(pixels, numbers, steps)


def predict(batches: Sequence[Batch], ask: Callable[[Pixels], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """What `ask` says of all batches' pixels, the rows that count: [R, K]."""
    return np.concatenate([batch.rows(ask(batch.pixels)) for batch in batches])
