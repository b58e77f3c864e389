"""Query parameters and bodies of `/digits` and `/fields`."""

from __future__ import annotations

import json
from types import SimpleNamespace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.decoding.thresholds import DigitPrediction, operating_point
from serving.errors import CheckreaderError
from serving.manifest import Threshold
from serving.protocol import pictures

FORM = "multipart/form-data; boundary=cut"
FILE = b'--cut\r\nContent-Disposition: form-data; name="a"; filename="a.png"\r\n\r\n'


def test_no_parameters_ask_for_the_defaults() -> None:
    query = pictures.parse_query([])
    assert (query.model, query.max_error, query.crop) == (None, None, None)


def test_parameters_are_read() -> None:
    query = pictures.parse_query(
        [("model", "tiny"), ("max_error", "5e-3"), ("crop", "1,2,30,40"), ("scheme", "aba"), ("length", "9")],
        pictures.FIELD_PARAMETERS,
    )
    assert (query.model, query.max_error) == ("tiny", 0.005)
    assert tuple(query.crop) == (1, 2, 30, 40)
    assert query.field_format != pictures.parse_query([], pictures.FIELD_PARAMETERS).field_format


def test_the_parameters_of_a_date() -> None:
    parameters = [("kind", "date"), ("order", "mdy"), ("after", "2000-01-01"), ("before", "2026-11-30")]
    dates = pictures.parse_query(parameters, pictures.FIELD_PARAMETERS).field_format
    assert (dates.kind, dates.order, dates.after, dates.before) == ("date", "mdy", "2000-01-01", "2026-11-30")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([("kind", "number")], "unknown parameter 'kind', expected crop, model, max_error"),
        ([("model", "a"), ("model", "a")], "parameter 'model' is given twice"),
        ([("max_error", " 1")], "max_error must be a number above 0 and at most 1, got ' 1'"),
        ([("max_error", "1_0")], "max_error must be a number"),
        ([("max_error", "nan")], "max_error must be a number"),
        ([("max_error", "٣")], "max_error must be a number"),
        ([("crop", "1,2,3")], "crop must be x,y,width,height"),
    ],
)
def test_parameters_that_are_refused(parameters: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(CheckreaderError) as raised:
        pictures.parse_query(parameters)
    assert message in str(raised.value)


@pytest.mark.parametrize("length", ["x", "1.0", "", "9" * 10, "1_0"])
def test_a_length_that_is_no_whole_number(length: str) -> None:
    with pytest.raises(CheckreaderError, match="length must be a whole number"):
        pictures.parse_query([("length", length)], pictures.FIELD_PARAMETERS)


@pytest.mark.parametrize("content_type", [None, "image/png", "application/x-www-form-urlencoded", "a/b; c"])
def test_a_body_of_any_other_type_is_one_picture(content_type: str | None) -> None:
    assert pictures.parse_body(content_type, b"bytes", 1) == [b"bytes"]


def test_an_empty_body_is_refused() -> None:
    with pytest.raises(CheckreaderError, match="empty body: post the bytes of a picture"):
        pictures.parse_body("image/png", b"", 1)


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_the_files_of_a_form_in_their_order(contents: list[bytes]) -> None:
    files = [("a", ("a.png", content)) for content in contents]
    request = httpx.Request("POST", "http://checkreader", files=files)
    assert pictures.parse_body(request.headers["content-type"], request.read(), 4) == contents


def test_other_headers_of_a_part_do_not_matter() -> None:
    headers = (
        b'content-type: image/png\r\nCONTENT-DISPOSITION: form-data; filename="a"\r\nX-Disposition: x\r\n'
    )
    body = b"--cut\r\n" + headers + b"\r\npixels\r\n--cut--"
    assert pictures.parse_body(FORM, body, 1) == [b"pixels"]


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        ("multipart/form-data", FILE + b"x\r\n--cut--", "its Content-Type names no boundary"),
        (FORM, b"--other--", "broken multipart form"),
        (FORM, FILE + b"x", "it ends before its last boundary"),
        (FORM, b"--cut--", "the form holds no file"),
        (FORM, (FILE + b"x\r\n") * 3 + b"--cut--", "too many pictures: at most 2"),
        (
            FORM,
            b'--cut\r\nContent-Disposition: form-data; name="model"\r\n\r\nlenet5\r\n--cut--',
            "form field 'model' is no file",
        ),
    ],
)
def test_broken_forms(content_type: str, body: bytes, message: str) -> None:
    with pytest.raises(CheckreaderError, match=message):
        pictures.parse_body(content_type, body, 2)


def test_a_reply_names_the_model_and_the_bounds() -> None:
    served = SimpleNamespace(name="tiny", version="3")
    readings: list[DigitPrediction] = []
    threshold = Threshold(0.002, 0.99, 0.0, 0.0, 0.1, 0.9, 100)
    assert json.loads(pictures.render_digits(served, operating_point([threshold]), readings)) == {
        "model": {"name": "tiny", "version": "3"},
        "max_error": 0.01,
        "applied_max_error": 0.002,
        "digits": [],
    }
    assert json.loads(pictures.render_fields(served, operating_point([], 0.05), [])) == {
        "model": {"name": "tiny", "version": "3"},
        "max_error": 0.05,
        "applied_max_error": None,
        "fields": [],
    }
