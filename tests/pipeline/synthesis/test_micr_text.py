"""Invented lines are those that the parser knows, and their routing numbers satisfy the check digit."""

from __future__ import annotations

import numpy as np

from pipeline.synthesis.micr_text import micr_text, routing_number
from serving.decoding import check_digits, micr


def test_routing_numbers_are_valid() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        assert check_digits.satisfies(routing_number(rng), check_digits.aba())


def test_lines_hold_symbols_of_every_layout() -> None:
    rng = np.random.default_rng(0)
    texts = [micr_text(rng) for _ in range(800)]
    assert {country for text in texts if (country := micr.parse(text).country)} == {
        "us",
        "ca",
        "in",
        "gb",
        "other",
    }
    for text in texts:
        assert text == text.strip()
        assert set(text) <= set("0123456789ABCD ")
        assert 1 <= len(text) <= 75


def test_no_part_is_blank() -> None:
    """A crop may lie in the blank in front of an amount."""
    texts = [micr_text(np.random.default_rng([7, seed])) for seed in range(20_000)]
    assert all(texts)
