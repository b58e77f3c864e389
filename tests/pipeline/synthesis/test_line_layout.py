import pytest

from pipeline.synthesis.amount_text import Place, label
from pipeline.synthesis.line_layout import tokenize


@pytest.mark.parametrize(
    ("text", "chained", "single"),
    [
        ("500", ["5", "00"], ["5", "0", "0"]),
        ("50000", ["5", "00", "00"], ["5", "0", "0", "0", "0"]),
        ("1000.", ["1", "000", "."], ["1", "0", "0", "0", "."]),
    ],
)
def test_zeros_in_a_row_are_chained_where_asked_for(text: str, chained: list[str], single: list[str]) -> None:
    assert [token.chars for token in tokenize(label(text), True)] == chained
    assert [token.chars for token in tokenize(label(text), False)] == single


def test_tokens_say_what_is_read_and_where_they_stand() -> None:
    tokens = tokenize(label("$1 0") + label("00", Place.RAISED), True)
    assert [token.text for token in tokens] == ["", "1", "0", "00"]
    assert [token.space for token in tokens] == [False, False, True, False]
    assert [token.place for token in tokens] == [Place.LINE, Place.LINE, Place.LINE, Place.RAISED]
    assert [token.later for token in tokens] == [False, False, True, True]
