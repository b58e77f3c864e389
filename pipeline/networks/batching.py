"""Batches pictures for a network: digits and checks as they are, fields by their padded width.

The output for a field is a row for each step that sees it; steps that see nothing but padding are left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.networks.check_fields import GridNetwork
from pipeline.networks.spec import Task
from serving.errors import CheckreaderError
from serving.images import sliding_window
from serving.manifest import Sliding

Pixels = npt.NDArray[np.uint8]

BATCH: Final = 128  # fields: the layers' outputs that Keras keeps stay under 100 MB


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """Pictures of one size.

    Attributes:
        pixels: uint8 [n, H, W], 0 = paper.
        numbers: int [n], the pictures' indices in the list that was batched.
        steps: int [n], how many rows of the output belong to each; None: all do.
        parts: how many rows an output has for each picture, where all belong to it.
    """

    pixels: Pixels
    numbers: npt.NDArray[np.intp]
    steps: npt.NDArray[np.intp] | None = None
    parts: int = 1

    def rows(self, outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Drops the steps that see only padding: [n, K] or [n, T, K] → [R, K]."""
        if self.steps is None:
            return outputs if self.parts == 1 else outputs.reshape(-1, outputs.shape[-1])
        return np.concatenate([output[:count] for output, count in zip(outputs, self.steps, strict=True)])

    def places(self) -> npt.NDArray[np.intp]:
        """Returns the picture's number and the step or part of each row of `rows`: int [R, 2]."""
        if self.steps is None:
            parts = np.tile(np.arange(self.parts), len(self.numbers))
            return np.stack([np.repeat(self.numbers, self.parts), parts], axis=1)
        return np.array(
            [
                (number, step)
                for number, count in zip(self.numbers, self.steps, strict=True)
                for step in range(count)
            ]
        )


def make_batches(task: Task, pictures: Pixels | Sequence[Pixels], size: int = BATCH) -> list[Batch]:
    """Puts pictures into batches.

    Args:
        task: decides between digits, checks and fields.
        pictures: digits uint8 [N, 28, 28], checks uint8 [N, 128, 288], or fields uint8 [32, w] of any widths.
        size: fields in a batch at most; digits and checks are one batch.

    Raises:
        CheckreaderError: there are no pictures, or some have another size.
    """
    if not len(pictures):
        raise CheckreaderError("there are no pictures to compare the formats on")
    if task.width is not None:
        same_size = np.asarray(pictures)
        parts = task.network.steps if isinstance(task.network, GridNetwork) else 1
        return [Batch(same_size, np.arange(len(same_size)), parts=parts)]
    for field in pictures:
        if field.ndim != 2 or field.shape[0] != task.height or not field.shape[1]:
            raise CheckreaderError(f"a field is [{task.height}, width], got {list(field.shape)}")
    return list(_field_batches(task.sliding, list(pictures), size))


def _field_batches(sliding: Sliding, fields: Sequence[Pixels], size: int) -> Iterator[Batch]:
    for width, group in sliding_window.group_by_width([field.shape[1] for field in fields], sliding):
        for start in range(0, len(group), size):
            numbers = np.array(group[start : start + size], np.intp)
            pixels = sliding_window.pad([fields[number] for number in numbers], width, sliding)
            steps = np.array([sliding_window.steps(fields[number].shape[1], sliding) for number in numbers])
            yield Batch(pixels, numbers, steps)


def predict(batches: Sequence[Batch], network: Callable[[Pixels], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Runs `network` on each batch's pixels; returns the rows of all batches, without padding: [R, K]."""
    return np.concatenate([batch.rows(network(batch.pixels)) for batch in batches])
