"""Counts of a bulk job."""

from __future__ import annotations

from serving.bulk.lines import Row
from serving.bulk.summary import JobSummary


def test_errors_and_clutter_are_named_up_to_a_limit() -> None:
    summary = JobSummary()
    for number in range(12):
        summary.count(Row(f"{number}.png", None, None, {}, False, None, "broken"))
        summary.pass_over(f"{number}\n.txt")
    assert (summary.unreadable, summary.read, len(summary.errors)) == (12, 0, 10)
    assert (summary.passed_over, summary.no_pictures[0], len(summary.no_pictures)) == (12, "0\\n.txt", 5)


def test_why_nothing_was_accepted() -> None:
    def reason(*reasons: str | None) -> str | None:
        summary = JobSummary()
        for text in reasons:
            summary.count(Row("a.png", 1, 1, {}, text is None, text, None))
        return summary.reason

    assert reason() is None
    assert reason("blank: no ink found", None) is None
    assert reason("no bound", "no bound") == "no bound"
    assert reason("unsure: 0.9 is below 0.99", "unsure: 0.8 is below 0.99") == "unsure"
    assert reason("unsure: 0.9 is", "blank: no ink found", "unsure: 0.8 is") == "unsure (2 of 3)"
    many = [f"{number}" for number in range(200)]
    assert reason(*many, "0", "0") == "0 (3 of 202)"
