"""Parameters of `POST /checks`, and the form of its reply."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest

from serving.errors import CheckreaderError
from serving.protocol import checks
from serving.recognition.check import CheckFields, CheckPrediction

LAYOUT = '{"amount": [0, 0, 1, 1]}'


def test_parameters() -> None:
    values = {"locale": "us", "order": "mdy", "country": "us", "after": "2019-01-01", "before": "2020-01-01"}
    query = checks.parse_query([*values.items(), ("max_error", "0.02"), ("layout", LAYOUT)])
    assert {name: getattr(query.expected, name) for name in values} == values
    assert query.expected.places == {"amount": (0, 0, 1, 1)}
    assert query.max_error == 0.02


def test_all_may_be_left_out() -> None:
    query = checks.parse_query([])
    assert (query.expected.country, query.expected.layout, query.max_error) == ("auto", None, None)


def test_each_parameter_is_one_of_the_formats() -> None:
    known = {*checks.parse_query([]).expected.__dataclass_fields__} - {"kind"} | {"max_error"}
    assert set(checks.PARAMETERS) == known


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([("kind", "amount")], "unknown parameter 'kind'"),
        ([("locale", "us"), ("locale", "us")], "given twice"),
        ([("max_error", "nan")], "max_error must be a number"),
        ([("layout", "x")], "layout: expected JSON"),
    ],
)
def test_mistakes(parameters: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(CheckreaderError, match=message):
        checks.parse_query(parameters)


def test_reply() -> None:
    served = [SimpleNamespace(name="lenet5-field", version="4")]
    read = CheckPrediction(1, None, None, CheckFields(), 0.02, None, False, ["blank page"])
    content = msgspec.json.decode(checks.render(served, [read]))
    assert content["models"] == [{"name": "lenet5-field", "version": "4"}]
    assert content["checks"][0]["corners"] is None
    assert content["checks"][0]["reasons"] == ["blank page"]
