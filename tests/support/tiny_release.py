"""Makes a tiny run ready for its release."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import pytest

from pipeline.evaluation import digit as evaluation
from pipeline.export.formats import TABLE
from pipeline.run import Run
from pipeline.synthesis import digit_drawing
from tests.support import tiny_run


def finish(run: Run, task: str) -> Run:
    """Adds the records of the other stages; verified and timed on paper only."""
    run.record("verify", [], passed=True, broken=[])
    speed = {"bytes": 70_400, "p50_ms": 0.5, "images_per_second": 1234.5, "peak_mb": 70.4}
    run.record("benchmark", [], formats={row.name: speed for row in TABLE[task]})
    evaluation.evaluate(run, tiny_run.digits().test, "digits", {}, corrupted=10)
    return run


@contextlib.contextmanager
def training_pictures_as_drawings() -> Iterator[None]:
    """Draws golden digits from the training set: a network of a few seconds reads no others."""
    train = tiny_run.digits().train

    def digit(digit: int, rng: np.random.Generator, side: int = 96) -> np.ndarray:
        images = train.images[train.labels == digit]
        return np.asarray(255 - images[rng.integers(len(images))])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digit_drawing, "digit", digit)
        yield
