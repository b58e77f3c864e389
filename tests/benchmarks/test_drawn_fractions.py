from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from benchmarks import drawn_fractions
from benchmarks.drawn_fractions import FORMS, NUMERATORS
from pipeline.synthesis.generator import Generator
from pipeline.synthesis.writers import strokes


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("numerator", NUMERATORS)
def test_an_amount_is_what_its_text_says(form: str, numerator: str) -> None:
    for seed in range(20):
        text, amount = drawn_fractions.written(form, numerator, np.random.default_rng(seed))
        dollars, cents = divmod(int(amount * 100), 100)
        fraction = "xx" if numerator == "crosses" else f"{cents:02}"
        assert text.text().replace(",", "") == f"{dollars}{fraction}/100"
        assert numerator == "digits" or amount == dollars


def test_measure() -> None:
    """The parts add up to all, and an amount counts as right by its value."""
    fields = list(drawn_fractions.draw(Generator([strokes(np.random.default_rng(0), 2)]), 12))
    assert {field.form for field in fields} == set(FORMS)
    record = drawn_fractions.measure(fields)
    assert record["fields"] == 12
    for kinds in ("forms", "numerators"):
        for count in ("fields", "right", "accepted", "accepted_wrong"):
            assert sum(part[count] for part in record[kinds].values()) == record[count]


def test_an_amount_is_right_by_its_value() -> None:
    class Prediction:
        def __init__(self, amount: str | None) -> None:
            self.amount, self.accepted = amount, True

    field = drawn_fractions.FractionField(None, Decimal("125.50"), FORMS[0], NUMERATORS[0])
    pairs = [(field, Prediction(amount)) for amount in ("125.50", "125.5", "12550", None)]
    record = drawn_fractions.counts(pairs)
    assert (record["right"], record["accepted"], record["accepted_wrong"]) == (2, 4, 2)
