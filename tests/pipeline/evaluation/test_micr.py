"""Readings of lines are compared by line, symbol and group, and a symbol that the crop cuts is forgiven."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.labeled_lines import LabeledLines
from pipeline.evaluation import micr
from pipeline.networks.lenet5_micr import NETWORK
from serving.images.field import Field

WHOLE = np.full((40, 200), 255, np.uint8)
CUT = WHOLE.copy()
CUT[10:30, :3] = 0


def measured(
    texts: list[str], readings: list[str], pictures: list[np.ndarray], groups: str
) -> dict[str, float]:
    labeled = LabeledLines("lines", (), tuple(texts), tuple(groups), "")
    return micr.measure(labeled, pictures, [micr.LineReading(text, 1.0) for text in readings])


def test_lines_symbols_and_groups() -> None:
    answer = measured(["A12A", "A12A", "C3C", "0"], ["A12A", "A13A", "C3", "0"], [WHOLE] * 4, "aabb")
    assert answer["exact"] == 0.5
    assert answer["symbol_errors"] == pytest.approx(2 / 12)
    assert answer["exact_by_group"] == 0.5
    assert answer["groups"] == 2


@pytest.mark.parametrize(
    ("picture", "text", "read", "exact"),
    [
        (CUT, "C12", "12", 1.0),  # a symbol at a cut edge: in the label, or in the reading alone, or another
        (CUT, "12", "C12", 1.0),
        (CUT, "C12", "B12", 1.0),
        (CUT, "12C", "12", 0.0),  # the other edge cuts nothing
        (WHOLE, "C12", "12", 0.0),
        (CUT, "C12", "2", 0.0),
    ],
)
def test_a_symbol_that_the_edge_cuts_is_forgiven(
    picture: np.ndarray, text: str, read: str, exact: float
) -> None:
    answer = measured([text], [read], [picture], "a")
    assert answer["exact"] == exact
    assert answer["strictly_exact"] == 0
    assert answer["forgiven"] == exact


def test_steps_of_a_line_are_read_and_padding_is_not() -> None:
    """A network that sees a 7 in every second step: the line's own steps alone are counted."""
    sliding = NETWORK.sliding

    def infer(image: np.ndarray) -> np.ndarray:
        steps = (image.shape[2] - sliding.receptive) // sliding.stride + 1
        answer = np.full((len(image), steps, NETWORK.classes), 1e-6, np.float32)
        answer[:, ::2, 7] = answer[:, 1::2, -1] = 1
        return answer

    pixels = np.full((32, 21), 255, np.uint8)
    fields = [Field(pixels, np.eye(3)[:2], None), Field(pixels, np.eye(3)[:2], "blank")]
    read, unread = micr.recognize(infer, fields)
    assert read.text == "777"  # (20 + 21 + 20 − 40) // 4 + 1 = 6 steps
    assert unread == micr.LineReading("", 0.0)


def test_a_summary_names_each_model() -> None:
    family = measured(["12"], ["12"], [WHOLE], "a")
    text = micr.summary({"families": {"lenet5-micr": family}})
    assert text.startswith("lenet5-micr: 100.00% of 1 lines exact (0 with a cut symbol forgiven)")
