"""What is known of checks, and the bounds of a whole check."""

from __future__ import annotations

import pickle

import pytest

from serving.decoding.thresholds import OperatingPoint, operating_point
from serving.errors import CheckreaderError
from serving.manifest import Model, Tensor, Threshold
from serving.recognition.check_format import CheckFormat, CheckPoint, NamedModel, check_models
from tests.support.micr_lines import SLIDING

LAYOUT = '{"amount":[0.5,0.25,0.75,0.5]}'


def point(max_error: float, applied: float | None) -> OperatingPoint:
    thresholds = [] if applied is None else [Threshold(applied, 0.9, 0.0, 0.0, applied, 0.5, 100)]
    return operating_point(thresholds, max_error)


def test_formats_of_the_fields() -> None:
    expected = CheckFormat(locale="us", order="mdy", after="2019-01-01", layout=LAYOUT)
    assert (expected.amount.kind, expected.amount.locale) == ("amount", "us")
    assert (expected.date.kind, expected.date.order, expected.date.after) == ("date", "mdy", "2019-01-01")
    assert expected.number.kind == "number"
    assert expected.places == {"amount": (0.5, 0.25, 0.75, 0.5)}
    assert expected.is_window
    assert not CheckFormat(order="mdy").is_window
    assert pickle.loads(pickle.dumps(expected)) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"locale": "xx"}, "locale must be one of"),
        ({"order": "myd"}, "order must be one of"),
        ({"country": "fr"}, "country must be one of"),
        ({"after": "tomorrow"}, "after"),
        ({"after": "2020-01-01", "before": "2019-01-01"}, "before"),
        ({"layout": "{}"}, "no box for the amount"),
    ],
)
def test_mistakes(options: dict[str, str], message: str) -> None:
    with pytest.raises(CheckreaderError, match=message):
        CheckFormat(**options)


def test_a_checks_bound_is_the_sum_of_its_fields() -> None:
    bound = CheckPoint(point(0.1, 0.02), point(0.2, 0.05))
    assert bound.bounds == {"max_error": 0.3, "applied_max_error": 0.07}
    assert bound.least_confidence == "0.9,0.9"
    for parts in ((point(0.1, None), point(0.2, 0.05)), (point(0.1, 0.02), point(0.01, 0.05))):
        bound = CheckPoint(*parts)
        assert bound.applied_max_error is None
        assert bound.least_confidence is None
    assert CheckPoint(point(0.6, 0.5), point(0.7, 0.6)).bounds == {"max_error": 1.0, "applied_max_error": 1.0}


def test_models_are_of_their_tasks() -> None:
    def named(task: str) -> NamedModel:
        return NamedModel(task, Model("1", task, Tensor("image", "FP32", [-1]), [], sliding=SLIDING))

    models = check_models(named("field"), named("micr"), named("check"))
    assert [entry.name for entry in models.all] == ["check", "field", "micr"]
    assert [entry.name for entry in check_models(named("field"), named("micr"), None).all] == [
        "field",
        "micr",
    ]
    with pytest.raises(CheckreaderError, match="'digit' does not read fields"):
        check_models(named("digit"), named("micr"), None)
    with pytest.raises(CheckreaderError, match="'field' does not read MICR lines"):
        check_models(named("field"), named("field"), None)
    with pytest.raises(CheckreaderError, match="'micr' does not find fields on checks"):
        check_models(named("field"), named("micr"), named("micr"))
    with pytest.raises(CheckreaderError, match="max_error must be"):
        check_models(named("field"), named("micr"), None, 0.0)
