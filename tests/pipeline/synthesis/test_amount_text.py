import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.synthesis import amount_text


@given(
    st.text("0123456789., ", min_size=1, max_size=12),
    st.sampled_from(["", "$", "**"]),
    st.sampled_from(["", ".", ",-", ".=", ";"]),
)
def test_only_separators_before_a_digit_are_labeled(text: str, before: str, after: str) -> None:
    written = amount_text.label(text, before, after)
    assert written.chars == before + text + after
    for place, (char, label) in enumerate(zip(written.chars, written.labels, strict=True)):
        if char.isdigit():
            assert label == char
        elif char in ".," and len(before) <= place:
            follows = any(c.isdigit() for c in written.chars[place:])
            assert label == (char if follows else None)
        else:
            assert label is None


@pytest.mark.parametrize(
    ("text", "before", "after", "read"),
    [
        ("1.234", "", ".-", "1.234"),
        ("1.234", "", ",", "1.234"),
        ("12,50", "$", "=", "12,50"),
        ("77", "**", "**", "77"),
        ("5 000", "", ".", "5000"),
    ],
)
def test_examples(text: str, before: str, after: str, read: str) -> None:
    assert amount_text.label(text, before, after).text() == read


def test_mix() -> None:
    rng = np.random.default_rng(0)
    written = [amount_text.random_text(rng) for _ in range(4000)]
    lengths = [sum(map(str.isdigit, text.text())) for text in written]
    assert set(range(1, 11)) <= set(lengths)
    assert 0.55 < np.mean([3 <= length <= 6 for length in lengths]) < 0.85
    assert np.mean(["00" in text.chars for text in written]) > 0.2
    assert {char for text in written for char in text.chars} >= set("0123456789.,-=$* ")
    assert all(text.text() for text in written)
    assert all(text.labels[text.chars.index(text.chars.strip("$#=-*")[0])] is not None for text in written)


def test_raised_cents_are_the_last_two_digits() -> None:
    rng = np.random.default_rng(1)
    raised = [
        text for text in (amount_text.random_text(rng) for _ in range(2000)) if text.raised < len(text.chars)
    ]
    assert raised
    for text in raised:
        assert text.chars[text.raised : text.raised + 2].isdigit()
