"""Schemes against python-stdnum, which knows them from their standards."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.iso7064 import mod_97_10
from stdnum.us import rtn

from serving.decoding import check_digits, ctc
from serving.decoding.alphabet import DIGITS, EITHER, Alphabet, without_marks
from serving.decoding.check_digits import satisfies


def digits(least: int, most: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=least, max_size=most)


@settings(deadline=None)
@given(digits(0, 11))
def test_any_text(text: str) -> None:
    """Where stdnum is laxer than the scheme (nine zeros, numbers that are check digits only), we say no."""
    assert satisfies(text, check_digits.aba()) is (rtn.is_valid(text) and text != "0" * 9)
    assert satisfies(text, check_digits.luhn()) is (luhn.is_valid(text) and len(text) >= 2)
    assert satisfies(text, check_digits.mod97()) is (mod_97_10.is_valid(text) and len(text) >= 3)


@settings(deadline=None)
@given(digits(8, 8), st.integers(1, 9))
def test_aba(head: str, error: int) -> None:
    text = head + rtn.calc_check_digit(head)
    assert satisfies(text, check_digits.aba()) is (head != "0" * 8)
    assert not satisfies(head + str((int(text[-1]) + error) % 10), check_digits.aba())


@settings(deadline=None)
@given(digits(1, 29), st.integers(1, 9))
def test_luhn(head: str, error: int) -> None:
    text = head + luhn.calc_check_digit(head)
    for automaton in (check_digits.luhn(), check_digits.parse("luhn", len(text))):
        assert satisfies(text, automaton)
        assert not satisfies(head + str((int(text[-1]) + error) % 10), automaton)


@settings(deadline=None)
@given(digits(1, 28), st.integers(1, 96))
def test_mod97(head: str, error: int) -> None:
    check = mod_97_10.calc_check_digits(head)
    wrong = f"{(int(check) + error) % 97:02d}"
    assert satisfies(head + check, check_digits.mod97())
    assert not satisfies(head + wrong, check_digits.mod97())


@pytest.mark.parametrize("name", ["aba", "luhn", "mod97"])
def test_restricted_search_finds_the_valid_number(name: str) -> None:
    """From noisy steps: what the search returns is valid by stdnum, and usually what was written."""
    validators = {"aba": rtn.is_valid, "luhn": luhn.is_valid, "mod97": mod_97_10.is_valid}
    random = np.random.default_rng(0)
    right = {"free": 0, "restricted": 0}
    for _ in range(20):
        head = "".join(map(str, random.integers(0, 10, 7 if name == "mod97" else 8)))
        tails = {
            "aba": rtn.calc_check_digit,
            "luhn": luhn.calc_check_digit,
            "mod97": mod_97_10.calc_check_digits,
        }
        text = head + tails[name](head)
        labels = tuple(map(int, text))
        steps = without_marks(noisy(labels, random), Alphabet(DIGITS + EITHER))
        automaton = check_digits.parse(name, 9)
        outcome = ctc.search(steps, automaton)
        assert outcome.exact
        for hypothesis in outcome.best:
            assert validators[name]("".join(map(str, hypothesis.labels)))
        right["restricted"] += outcome.best[0].labels == labels
        right["free"] += ctc.search(steps, count=1).best[0].labels == labels
    assert right["restricted"] >= 17
    assert right["free"] <= 10


def noisy(labels: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """[T, 12]: a step of blank around each digit; one digit in the middle nearly loses to another."""
    steps = np.full((2 * len(labels) + 1, 12), 1e-4)
    steps[::2, 11] = 1
    for index, label in enumerate(labels):
        steps[2 * index + 1, label] = 0.9
        steps[2 * index + 1, random.integers(10)] += 0.05
    index = int(random.integers(len(labels)))
    other = (labels[index] + int(random.integers(1, 10))) % 10
    steps[2 * index + 1, labels[index]] = 0.4
    steps[2 * index + 1, other] = 0.55
    return (steps / steps.sum(1, keepdims=True)).astype(np.float32)
