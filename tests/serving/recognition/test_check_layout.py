"""Layouts: what is read, and what is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import CheckreaderError
from serving.recognition import check_layout

AMOUNT = (0.5, 0.25, 0.75, 0.5)
SHARES = st.floats(0, 1)


def test_places() -> None:
    text = '{"micr": [0, 0.9, 1, 1], "amount": [0.5, 0.25, 0.75, 0.5]}'
    assert check_layout.parse(text) == {"micr": (0, 0.9, 1, 1), "amount": AMOUNT}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected JSON"),
        ("[]", "expected JSON"),
        ("{", "expected JSON"),
        ('{"amount": ' + "[" * 900 + "]" * 900 + "}", "expected JSON|four numbers"),
        ('{"amount": [0, 0, 1, 1e999]}', "expected JSON"),
        ("{}", "no box for the amount"),
        ('{"date": [0, 0, 1, 1]}', "no box for the amount"),
        ('{"amount": [0, 0, 1]}', "amount must be four numbers"),
        ('{"amount": [0, 0, 1, true]}', "amount must be four numbers"),
        ('{"amount": {"left": 0}}', "amount must be four numbers"),
        ('{"amount": null}', "amount must be four numbers"),
        ('{"amount": [0, 0, 1, 1.01]}', "amount leaves the check"),
        ('{"amount": [-0.1, 0, 1, 1]}', "amount leaves the check"),
        ('{"amount": [0.5, 0, 0.5, 1]}', "amount leaves the check or is empty"),
        ('{"amount": [0, 0.6, 1, 0.5]}', "amount leaves the check or is empty"),
        ('{"amount": [0, 0, 1, 1], "sum": [0, 0, 1, 1]}', "unknown field 'sum', expected amount, date"),
        (" " * 2001, "2,001 characters, at most 2,000"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    with pytest.raises(CheckreaderError, match=f"^layout: .*{message}") as raised:
        check_layout.parse(text)
    assert "\n" not in str(raised.value)


@given(st.text(max_size=60) | st.dictionaries(st.text(max_size=8), st.lists(st.floats())).map(json.dumps))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(CheckreaderError):
        check_layout.parse(text)


def test_a_program_may_make_it() -> None:
    assert check_layout.from_mapping({"amount": [0.5, 0.25, 0.75, 0.5]}) == {"amount": AMOUNT}
    with pytest.raises(CheckreaderError, match="leaves the check"):
        check_layout.from_mapping({"amount": [0, 0, float("nan"), 1]})
    with pytest.raises(CheckreaderError, match="unknown field '7'"):
        check_layout.from_mapping({7: AMOUNT})


def test_equal_layouts_have_equal_texts() -> None:
    texts = (
        '{"micr": [0, 0.9, 1, 1], "amount": [0.5, 0.25, 0.75, 0.5]}',
        '{"amount":[0.5,0.25,0.75,0.50],"micr":[0.0,0.9,1.0,1.0]}',
    )
    first, second = (check_layout.to_text(check_layout.parse(text)) for text in texts)
    assert first == second
    assert check_layout.parse(first) == check_layout.parse(texts[0])


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "layout.json"
    file.write_bytes(b'\xef\xbb\xbf{"amount": [0.5, 0.25, 0.75, 0.5]}')  # as some editors begin a file
    assert check_layout.load(file) == {"amount": AMOUNT}
    for content in (b"\xff\xfe\x00", b"{}", b" " * 50_000):
        file.write_bytes(content)
        with pytest.raises(CheckreaderError, match=r"layout\.json: layout: "):
            check_layout.load(file)
    with pytest.raises(CheckreaderError, match="No such file"):
        check_layout.load(tmp_path / "none.json")
    with pytest.raises(CheckreaderError, match="Is a directory"):
        check_layout.load(tmp_path)


@given(SHARES, SHARES, SHARES, SHARES, st.integers(1, 3000), st.integers(1, 3000))
def test_boxes_lie_on_the_check(
    left: float, top: float, right: float, bottom: float, width: int, height: int
) -> None:
    (left, right), (top, bottom) = sorted((left, right)), sorted((top, bottom))
    x, y, across, down = check_layout.boxes({"amount": (left, top, right, bottom)}, width, height)["amount"]
    assert 0 <= x < x + across <= width
    assert 0 <= y < y + down <= height
    assert abs(x - left * width) <= 1
    assert abs(y + down - bottom * height) < 2  # one more where it would be empty
