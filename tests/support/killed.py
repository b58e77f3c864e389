"""Kills trainings of fields at a batch, as a signal would, and makes them short."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipeline.augmentation import field
from pipeline.augmentation.batch_stream import Batch, BatchStream


class Killed(BaseException):
    """Ends a training wherever it is."""


@contextmanager
def killed_at(batch: int) -> Iterator[None]:
    """Kills the training at its so many-th batch; fails where it does not get there."""
    following, taken = BatchStream.__next__, []

    def killing(batches: BatchStream) -> Batch:
        taken.append(batches)
        if len(taken) == batch:
            batches.close()
            raise Killed
        return following(batches)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BatchStream, "__next__", killing)
        try:
            yield
        except Killed:
            return
        raise AssertionError(f"the training ended after {len(taken)} batches")


@contextmanager
def short_rounds() -> Iterator[None]:
    """Makes rounds of a few fields, and does not compile steps, which takes longer than the steps."""
    import tensorflow as tf

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(field, "SHUFFLED", 1)
        patch.setattr(field, "POOL", 64)
        tf.config.run_functions_eagerly(True)
        yield
        tf.config.run_functions_eagerly(False)
