from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks import lights
from pipeline.evaluation.lights import KINDS
from pipeline.synthesis import digit_drawing

# A written dollar sign is read as a 5 where dark corners, taken for ink, leave the digits small.
KNOWN = {"corners at 0.7": 1}


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    return lights.measure()


@pytest.mark.parametrize(
    ("task", "model", "pictures"),
    [*(("digits", name, 20) for name in lights.DIGITS), *(("fields", name, 8) for name in lights.FIELDS)],
)
def test_golden_pictures_are_read_under_every_light(
    measured: dict[str, Any], task: str, model: str, pictures: int
) -> None:
    counts = measured[task][model]
    assert counts["pictures"] == pictures * len(KINDS)
    assert counts["right"] >= {"digits": 0.97, "fields": 0.9}[task] * counts["pictures"]
    wrong = {kind: lit["accepted_wrong"] for kind, lit in counts["lights"].items() if lit["accepted_wrong"]}
    assert wrong == {"digits": {}, "fields": KNOWN}[task]


def test_counts() -> None:
    """A reader that reads a 4 in everything and is sure of it."""
    drawn = [(str(label), digit_drawing.digit(label, np.random.default_rng(0))) for label in (4, 7)]
    counts = lights.count(lambda pictures: [("4", True)] * len(pictures), drawn, ["noise"])
    assert counts["lights"]["noise"] == {"pictures": 2, "right": 1, "accepted_wrong": 1}
    assert (counts["pictures"], counts["right"], counts["accepted_wrong"]) == (2, 1, 1)
