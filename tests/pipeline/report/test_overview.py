"""The head of the report."""

from __future__ import annotations

import dataclasses

import msgspec

from pipeline.records import Point
from pipeline.report import overview
from pipeline.report.run_data import RunData

NUMBERS = {
    "failures": {"corruptions": {"mean": {"raw": 0.71, "normalized": 0.84}}},
    "learned": {"silent_units": {"c1": (0, 6), "c3": (1, 16), "s4": (1, 16), "c5": (48, 120)}},
}


def with_thresholds(run_data: RunData, thresholds: list[Point]) -> RunData:
    records = run_data.records
    network = msgspec.structs.replace(records.evaluate.families["lenet5"], thresholds=thresholds)
    families = records.evaluate.families | {"lenet5": network}
    evaluated = msgspec.structs.replace(records.evaluate, families=families)
    return dataclasses.replace(run_data, records=dataclasses.replace(records, evaluate=evaluated))


def test_the_sentences_are_the_numbers(run_data: RunData) -> None:
    points = [
        Point(max_error=bound, threshold=0.9, accepted=0.91, error=0.004, low=0.0, high=0.01)
        for bound in (0.002, 0.02)
    ]
    text = " ".join(overview.sentences(with_thresholds(run_data, points), NUMBERS))
    accuracy = run_data.records.evaluate.families["lenet5"].accuracy
    assert f"It reads {accuracy.value:.2%} of {accuracy.n:,} test digits right" in text
    assert "Where at most 0.2%" in text
    assert "71.0% of the pixels as they are, and 84.0% after normalization" in text
    assert text.endswith("Units that never answer: 1 of 16 in C3, 48 of 120 in C5.")


def test_a_silent_map_is_named_once(run_data: RunData) -> None:
    """After subsampling, where the activation stands there."""
    for silent, named in (({"c1": (1, 6), "s2": (1, 6)}, "C1"), ({"c1": (0, 6), "s2": (1, 6)}, "S2")):
        text = " ".join(overview.sentences(run_data, NUMBERS | {"learned": {"silent_units": silent}}))
        assert text.endswith(f"Units that never answer: 1 of 6 in {named}.")


def test_where_nothing_is_certified(run_data: RunData) -> None:
    answering = NUMBERS | {"learned": {"silent_units": {"c5": (0, 120)}}}
    text = " ".join(overview.sentences(with_thresholds(run_data, []), answering))
    assert "nothing is accepted without a human" in text
    assert "never" not in text


def test_the_head_of_the_page(reported: dict, html: str) -> None:
    head = html[html.index("<header>") : html.index("</header>")]
    assert f"{reported['failures']['corruptions']['mean']['raw']:.1%}" in head
    for word, _ in overview.WORDS:
        assert f"<dt>{word}</dt>" in head
