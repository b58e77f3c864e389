"""Every float format against Keras, within the bounds of the table of formats."""

import numpy as np
import pytest

from pipeline.data import digits
from pipeline.export import predictor
from pipeline.export.formats import FOLDER, FORMATS, Format, get
from serving.images.digit import tensor
from tests.support.tiny_run import exported

FLOAT = [row for row in FORMATS if row.type != "int8" and row.bound]


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """Digits, and what a service also gets: blank, black, noise, single dots."""
    random = np.random.default_rng(0)
    dots = np.zeros((28, 28, 28), np.uint8)
    dots[np.arange(28), np.arange(28), random.permutation(28)] = 255
    plain = np.stack([np.full((28, 28), value, np.uint8) for value in (0, 1, 128, 255)])
    noise = random.integers(0, 256, (50, 28, 28), np.uint8)
    return np.concatenate([digits.load("digits").test.images, dots, plain, noise])


@pytest.fixture(scope="module")
def wanted(pixels: np.ndarray) -> np.ndarray:
    row = get("keras")
    return predictor.predictor(row, exported() / FOLDER / row.file)(tensor(pixels))


@pytest.mark.parametrize("row", FLOAT, ids=lambda row: row.name)
def test_agrees_with_keras(row: Format, pixels: np.ndarray, wanted: np.ndarray) -> None:
    found = predictor.predictor(row, exported() / FOLDER / row.file)(tensor(pixels))
    largest = {"float32": 1e-5, "float16": 0.02, "dynamic": 0.2}[row.type]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=largest)
    # Where two digits are as probable as each other, rounding may decide.
    two, one = np.sort(wanted, axis=1)[:, -2:].T
    clear = one - two > 2 * largest
    assert clear.sum() > 300
    np.testing.assert_array_equal(found.argmax(1)[clear], wanted.argmax(1)[clear])


@pytest.mark.parametrize("row", FLOAT, ids=lambda row: row.name)
def test_company_does_not_matter(row: Format, pixels: np.ndarray) -> None:
    """A picture is answered alike alone and among others."""
    ask = predictor.predictor(row, exported() / FOLDER / row.file)
    together = ask(tensor(pixels[:7]))
    alone = np.concatenate([ask(tensor(pixels[i : i + 1])) for i in range(7)])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)
