"""One set of integers in every 8-bit artifact: LiteRT, ONNX Runtime and Keras against the NumPy reference."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.export import predictor
from pipeline.export.formats import FOLDER, FORMATS, Format, get
from pipeline.networks import integer_reference
from pipeline.run import Run
from tests.support import tiny_run

ROWS = [row for row in FORMATS if row.model == "lenet5-int8"]


@pytest.fixture(scope="module")
def exported() -> Run:
    return tiny_run.exported()


@pytest.fixture(scope="module")
def integers(exported: Run) -> bytes:
    return (exported / FOLDER / get("tflite_int8").file).read_bytes()


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    digits = tiny_run.digits()
    noise = np.random.default_rng(0).integers(0, 256, (50, 28, 28), np.uint8)
    extremes = np.stack([np.zeros((28, 28), np.uint8), np.full((28, 28), 255, np.uint8)])
    return np.concatenate([digits.test.images, noise, extremes])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_within_its_bound(row: Format, exported: Run, integers: bytes, pictures: np.ndarray) -> None:
    network = integer_reference.load(integers)
    expected = integer_reference.logits(network, pictures).astype(int)
    found = predictor.logit_predictor(row, exported / FOLDER / row.file, network.output)(pictures).astype(int)
    assert row.bound is not None
    assert np.abs(found - expected).max() <= row.bound.largest
    top = expected.argmax(1)
    flips = np.flatnonzero(found.argmax(1) != top)
    two_best = np.sort(expected, axis=1)[:, -2:]
    assert (two_best[flips, 1] - two_best[flips, 0] <= 2).all()
    assert len(flips) <= 2


def test_pictures_alone_and_together_are_the_same(
    exported: Run, integers: bytes, pictures: np.ndarray
) -> None:
    network = integer_reference.load(integers)
    for row in ROWS:
        ask = predictor.logit_predictor(row, exported / FOLDER / row.file, network.output)
        one_by_one = np.concatenate([ask(picture[None]) for picture in pictures[:8]])
        np.testing.assert_array_equal(one_by_one, ask(pictures[:8]))
