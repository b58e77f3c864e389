"""Results as lines of JSON and as comma-separated values."""

from __future__ import annotations

import csv
import io
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.bulk.lines import CsvLines, JsonLines, csv_columns, texts
from serving.decoding.thresholds import DigitPrediction
from serving.recognition.check import CheckPrediction
from serving.recognition.fields import FieldPrediction

ABOUT = {"model": "lenet5-field", "version": "1", "max_error": 0.01, "applied_max_error": 0.002}
SETTINGS = {"as": "number", "scheme": "aba", "length": None, "crop": "1,2,3,4"}
COLUMNS = csv_columns(tuple(SETTINGS), FieldPrediction)
FORMS = [JsonLines(), CsvLines(COLUMNS)]

rows = st.fixed_dictionaries(
    {
        "file": st.text(),
        "page": st.none() | st.integers(1, 1000),
        "pages": st.none() | st.integers(1, 1000),
    },
    optional={
        "text": st.text(max_size=5),
        "accepted": st.booleans(),
        "reason": st.none() | st.text(min_size=1),
        "error": st.text(min_size=1),
        "check_digit": st.none() | st.just({"scheme": "aba", "valid": True}),
        "digits": st.lists(st.just({"digit": 1, "box": [1, 2, 3, 4]}), max_size=2),
    },
)


def test_columns() -> None:
    assert COLUMNS[:11] == [
        *("file", "page", "pages", "model", "version", "max_error", "applied_max_error"),
        *("settings.as", "settings.scheme", "settings.length", "settings.crop"),
    ]
    assert COLUMNS[11:13] == ["text", "raw"]
    assert COLUMNS[-4:] == ["check_digit.scheme", "check_digit.valid", "alternatives", "error"]
    digit = csv_columns(("as",), DigitPrediction)
    assert digit == [
        *COLUMNS[:7],
        "settings.as",
        *("digit", "confidence", "accepted", "reason", "top", "error"),
    ]


@pytest.mark.parametrize("form", FORMS)
@given(row=rows)
def test_a_row_is_one_line_that_can_be_read(form, row: dict) -> None:
    line = form.encode(row | ABOUT | {"settings": SETTINGS})
    assert b"\n" not in line
    assert b"\r" not in line
    assert b"\0" not in line  # stands between the lines of two files on a cluster
    decoded = form.decode(line + b"\n")
    assert decoded.settings == texts(ABOUT | SETTINGS)
    assert (decoded.page, decoded.pages) == (row["page"], row["pages"])
    assert decoded.accepted == row.get("accepted", False)
    assert (decoded.error is None, decoded.reason is None) == (
        row.get("error") is None,
        row.get("reason") is None,
    )


def test_csv_is_read_by_others() -> None:
    prediction = {"text": "1250", "accepted": True, "check_digit": {"scheme": "aba", "valid": False}}
    row = {"file": 'a, "b"\n.png', "page": 1, "pages": 2, "digits": [{"digit": 1}]}
    form = CsvLines(COLUMNS)
    line = form.encode(row | ABOUT | {"settings": SETTINGS} | prediction)
    (cells,) = csv.DictReader(io.StringIO(f"{form.header.decode()}\n{line.decode()}\n"))
    assert {key: cell for key, cell in cells.items() if cell} == {
        "file": 'a, "b"\\n.png',
        "page": "1",
        "pages": "2",
        "model": "lenet5-field",
        "version": "1",
        "max_error": "0.01",
        "applied_max_error": "0.002",
        "settings.as": "number",
        "settings.scheme": "aba",
        "settings.crop": "1,2,3,4",
        "text": "1250",
        "accepted": "true",
        "digits": '[{"digit":1}]',
        "check_digit.scheme": "aba",
        "check_digit.valid": "false",
    }


def test_json_keeps_its_order() -> None:
    row = {"file": "a.png", "page": 1, "pages": 1, **ABOUT, "settings": SETTINGS, "text": "1"}
    assert json.loads(JsonLines().encode(row)) == row
    assert list(msgspec.json.decode(JsonLines().encode(row))) == list(row)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("line", [b"\n", b"a letter\n", b'"a\n', b"\xff\xfe\n", b"[]\n", b"1,2,3\n"])
def test_anything_else_is_refused(form, line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        form.decode(line)


@pytest.mark.parametrize("csv_form", [False, True])
def test_the_first_of_a_checks_reasons_is_its_reason(csv_form: bool) -> None:
    form = CsvLines(csv_columns(tuple(SETTINGS), CheckPrediction)) if csv_form else JsonLines()
    about = {"file": "a", "page": 1, "pages": 1, **ABOUT, "settings": SETTINGS}
    for reasons, reason in (["amount: unsure", "MICR line: unsure"], "amount: unsure"), ([], None):
        line = form.encode(about | {"accepted": not reasons, "reasons": reasons, "quality": None})
        decoded = form.decode(line + b"\n")
        assert (decoded.accepted, decoded.reason, decoded.error) == (not reasons, reason, None)


def test_columns_of_a_check() -> None:
    columns = csv_columns((), CheckPrediction)
    assert {"quality.width", "quality.problems", "fields.amount.amount", "fields.words.box"} <= set(columns)
    assert "fields.micr.fields.routing.text" in columns
    assert not any(column.endswith((".fields", ".quality")) for column in columns)
