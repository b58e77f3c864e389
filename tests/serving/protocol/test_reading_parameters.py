"""Request parameters of pictures of fields."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from serving.engine.field_pictures import ReadingOptions
from serving.engine.tensors import Tensor
from serving.errors import CheckreaderError
from serving.protocol import pictures
from serving.protocol.reading_parameters import NAMES, reading_options


def options(task: str = "field", datatype: str = "BYTES", **parameters: object) -> ReadingOptions:
    served = SimpleNamespace(loaded=SimpleNamespace(model=SimpleNamespace(task=task)))
    return reading_options(served, [Tensor("image", datatype, np.empty(1))], parameters)


def test_they_are_those_of_the_query() -> None:
    assert set(NAMES["field"]) == set(pictures.FIELD_PARAMETERS) - {"model"}
    query = {"kind": "number", "scheme": "aba", "length": "9", "max_error": "0.02", "crop": "1,2,3,4"}
    expected = pictures.parse_query(query.items(), pictures.FIELD_PARAMETERS)
    read = options(**query)
    assert (read.max_error, read.crop, read.field_format) == (
        expected.max_error,
        expected.crop,
        expected.field_format,
    )
    assert options(**(query | {"length": 9, "max_error": 0.02})) == read
    assert options(locale="en").field_format.locale == "en"
    dates = options(kind="date", order="ymd", after="2000-01-01", before="2026-11-30").field_format
    assert (dates.order, dates.after, dates.before) == ("ymd", "2000-01-01", "2026-11-30")
    assert options(max_error=1).max_error == 1
    assert options(max_error=1e-05).max_error == 1e-05


def test_those_of_micr_lines_are_their_own() -> None:
    read = options("micr", country="us", max_error=0.02, crop="1,2,3,4")
    assert (read.country, read.max_error, read.crop) == ("us", 0.02, (1, 2, 3, 4))
    assert options("micr").country == "auto"
    with pytest.raises(
        CheckreaderError, match="unknown parameter 'scheme', expected crop, max_error, country"
    ):
        options("micr", scheme="aba")
    with pytest.raises(CheckreaderError, match="country must be one of auto, us"):
        options("micr", country="U")
    with pytest.raises(CheckreaderError, match="unknown parameter 'country'"):
        options(country="us")


@pytest.mark.parametrize(
    "name", ["timeout", "priority", "sequence_id", "headers", "content_type", "triton_x"]
)
def test_the_protocol_has_parameters_of_its_own(name: str) -> None:
    assert options(**{name: "x"}) == ReadingOptions()


def test_null_is_as_good_as_left_out() -> None:
    assert options(kind=None, locale=None, max_error=None, note=None) == ReadingOptions()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"lokale": "us"}, "unknown parameter 'lokale', expected crop, max_error, kind"),
        ({"model": "lenet5"}, "unknown parameter 'model'"),
        ({"kind": "amout"}, "kind must be one of amount, number"),
        ({"kind": 5}, "kind must be one of amount, number"),
        ({"locale": {"a": 1}}, "locale must be one of"),
        ({"kind": "date", "order": "mon"}, "order must be one of dmy, mdy, ymd"),
        ({"kind": "date", "after": 20190101}, "after must be a date"),
        ({"length": 9.5}, "length must be a whole number"),
        ({"max_error": True}, "max_error must be a number above 0"),
        ({"max_error": float("nan")}, "max_error must be a number above 0"),
        ({"crop": [0, 0, 1, 1]}, "crop must be x,y,width,height"),
        ({"scheme": "aba", "locale": "en"}, "is for kind amount"),
    ],
)
def test_what_makes_no_sense(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(CheckreaderError, match=message):
        options(**parameters)


@pytest.mark.parametrize(("task", "datatype"), [("digit", "BYTES"), ("field", "FP32")])
def test_others_are_not_looked_at(task: str, datatype: str) -> None:
    assert options(task, datatype, note="x", kind="none") == ReadingOptions()
