"""Symbols, their classes, and what merging marks into the blank keeps."""

from __future__ import annotations

import numpy as np
import pytest

from serving.decoding.alphabet import DIGITS, EITHER, Alphabet, manifest_labels, parse, without_marks
from serving.errors import CheckreaderError


def test_text_and_labels() -> None:
    alphabet = Alphabet(DIGITS + ".,/-")
    assert alphabet.labels("1,250.50/-") == (1, 11, 2, 5, 0, 10, 5, 0, 12, 13)
    assert alphabet.text((1, 11, 2)) == "1,2"
    assert (alphabet.marks, alphabet.blank) == (".,/-", 14)
    with pytest.raises(ValueError, match="substring not found"):
        alphabet.labels("12$")


@pytest.mark.parametrize("symbols", [DIGITS, DIGITS + EITHER, DIGITS + ".,/-x"])
def test_manifest(symbols: str) -> None:
    labels = manifest_labels(Alphabet(symbols))
    assert parse(labels) == Alphabet(symbols)
    assert labels[-1] == "blank"
    assert len(labels) == len(symbols) + 1


@pytest.mark.parametrize(
    "labels",
    [
        [],
        [*DIGITS],
        [*DIGITS, "."],
        [*DIGITS[1:], "0", "blank"],
        [*DIGITS, "point", "blank"],
        [*DIGITS, ".", ".", "blank"],
        ["blank", *DIGITS],
    ],
)
def test_labels_of_no_field_model(labels: list[str]) -> None:
    with pytest.raises(
        CheckreaderError, match="a field model's are 0 to 9, marks of one character each, and blank"
    ):
        parse(labels)


def test_without_marks() -> None:
    alphabet = Alphabet(DIGITS + ".,/")
    rows = np.random.default_rng(0).dirichlet(np.ones(14), (2, 5)).astype(np.float32)
    before = rows.copy()
    merged = without_marks(rows, alphabet, kept=",")
    np.testing.assert_array_equal(rows, before)
    np.testing.assert_array_equal(merged[..., [*range(10), 11]], rows[..., [*range(10), 11]])
    assert not merged[..., [10, 12]].any()
    np.testing.assert_allclose(merged.sum(-1), 1, rtol=1e-6)
