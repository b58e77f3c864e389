"""One recognizer for digits, fields and MICR lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.decoding.field_string import FieldFormat
from serving.decoding.micr import MicrFormat
from serving.decoding.thresholds import DigitPrediction
from serving.errors import CheckreaderError
from serving.recognition.fields import FieldPrediction
from serving.recognition.micr import MicrPrediction
from serving.recognition.recognizer import Format, Prediction, point_of, recognizer
from serving.repository.store import Repository
from tests.support.micr_lines import NAME, TEXT, picture
from tests.support.tiny import amount, png, seven, tiff


def predictions(
    models: Path,
    name: str,
    expected: Format | None,
    *pictures: bytes,
    crop: tuple[int, int, int, int] | None = (0, 0, 40, 40),
) -> list[Prediction]:
    loaded = Repository.open(models).load(name)
    point = point_of(name, loaded.model, expected, 0.1)
    return list(recognizer(loaded.model, loaded.network, expected, point, crop)(pictures))


def test_digits(models: Path) -> None:
    read = predictions(models, "lenet5", None, png(seven()), tiff(seven(), seven(60)))
    assert [type(prediction) for prediction in read] == [DigitPrediction] * 3
    assert [prediction.page for prediction in read] == [1, 1, 2]
    assert read[0].confidence == read[1].confidence != read[2].confidence  # cropped


def test_fields(models: Path) -> None:
    (read,) = predictions(models, "lenet5-field", FieldFormat("number"), png(amount()))
    assert isinstance(read, FieldPrediction)
    assert read.amount is None


def test_micr_lines(micr_models: Path) -> None:
    (read,) = predictions(micr_models, NAME, MicrFormat("ca"), png(picture()), crop=None)
    assert isinstance(read, MicrPrediction)
    assert (read.text, read.country) == (TEXT, None)


@pytest.mark.parametrize(
    ("name", "expected", "message"),
    [
        ("lenet5", FieldFormat(), "model 'lenet5' does not read fields"),
        ("lenet5-field", None, "model 'lenet5-field' does not read digits"),
        ("lenet5-field", MicrFormat(), "model 'lenet5-field' does not read MICR lines"),
        ("lenet5-features", None, "model 'lenet5-features' does not read digits"),
    ],
)
def test_a_model_of_another_task(models: Path, name: str, expected: Format | None, message: str) -> None:
    model = Repository.open(models).model(name)
    with pytest.raises(CheckreaderError, match=message):
        point_of(name, model, expected, None)


@pytest.mark.parametrize(("name", "expected"), [("lenet5", None), ("lenet5-field", FieldFormat())])
@pytest.mark.parametrize("max_error", [0.0, -1.0, 1.5])
def test_a_bound_that_is_no_share(
    models: Path, name: str, expected: FieldFormat | None, max_error: float
) -> None:
    with pytest.raises(CheckreaderError, match="max_error must be above 0 and at most 1"):
        point_of(name, Repository.open(models).model(name), expected, max_error)
