import numpy as np
import pytest

from serving.manifest import Sliding
from serving.recognition.uncovered_ink import tall_ink, uncovered_ink

SLIDES = Sliding(32, receptive=40, stride=2, left=20, right=20, bucket=16)
# A step's middle is the column twice its number.


def field(*strokes: tuple[int, int, int, int]) -> np.ndarray:
    """Ink in rows from top to bottom and columns from left to right."""
    pixels = np.zeros((32, 120), np.uint8)
    for top, bottom, left, right in strokes:
        pixels[top:bottom, left:right] = 200
    return pixels


DIGITS = ((6, 26, 2, 12), (6, 26, 20, 32), (6, 26, 40, 50))


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(3, 4), (12, 14), (22, 23)], False),
        ([(3, 4), (22, 23)], True),  # the one between
        ([(12, 14), (22, 23)], True),  # the first
        ([(3, 4), (12, 14)], True),  # the last
        ([], True),
    ],
)
def test_a_digit_that_was_passed_over(spans: list[tuple[int, int]], expected: bool) -> None:
    assert uncovered_ink(field(*DIGITS), spans, SLIDES) == expected


@pytest.mark.parametrize(
    "mark",
    [
        (15, 17, 70, 90),  # a dash
        (12, 22, 70, 90),  # =
        (4, 28, 70, 72),  # the side of a box
    ],
)
def test_a_mark_is_no_digit(mark: tuple[int, int, int, int]) -> None:
    spans = [(3, 4), (12, 14), (22, 23)]
    assert not uncovered_ink(field(*DIGITS, mark), spans, SLIDES)
    assert uncovered_ink(field(*DIGITS, (6, 26, 70, 90)), spans, SLIDES)


def test_faint_dirt_is_no_ink() -> None:
    assert not uncovered_ink(np.full((32, 120), 40, np.uint8), [], SLIDES)


def test_where_ink_is_tall_enough_for_a_stroke() -> None:
    steps = tall_ink(field((6, 26, 20, 24), (18, 22, 40, 44), (8, 15, 60, 64)), 40, SLIDES)
    assert steps.shape == (40,)
    assert steps[[10, 12, 30, 32]].all()  # a slash, a cross that is raised
    assert not steps[[8, 14, 21, 28, 39]].any()  # paper, a point
