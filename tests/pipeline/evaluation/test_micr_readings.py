"""Lines are read as the service reads them, and what it refuses is told from what could not be read."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation import micr_readings
from pipeline.evaluation.micr_readings import LineReading
from pipeline.networks.lenet5_micr import NETWORK
from serving.images.field import Field
from serving.images.micr_line import normalize_micr_line
from tests.support.micr_lines import TEXT, steps_of, strip

WRONG = TEXT.replace("A021000021A", "A021000022A")  # the check digit speaks against it
PART = TEXT[: TEXT.index(" 1234567")]


def read(text: str, rivals: dict[int, tuple[str, float]] | None = None) -> LineReading:
    line = normalize_micr_line(strip(text))

    def infer(image: np.ndarray) -> np.ndarray:
        steps = steps_of(line, text, rivals)
        padding = (image.shape[2] - NETWORK.sliding.receptive) // NETWORK.sliding.stride + 1 - len(steps)
        return np.concatenate([steps, np.full((padding, steps.shape[1]), 1 / steps.shape[1])])[None]

    (reading,) = micr_readings.read(infer, [strip(text)])
    return reading


def test_a_line_that_only_confidence_could_reject() -> None:
    reading = read(TEXT, {3: ("9", 0.2)})
    assert reading.text == TEXT.replace(" ", "")
    assert reading.probability == pytest.approx(0.8, abs=0.01)
    assert (reading.problem, reading.refusal, reading.unread) == (None, None, None)


@pytest.mark.parametrize(("text", "refusal"), [(WRONG, "check digit"), (PART, "fit no line of any country")])
def test_what_the_service_never_accepts_is_read_all_the_same(text: str, refusal: str) -> None:
    reading = read(text)
    assert reading.text == text.replace(" ", "")
    assert reading.problem is None
    assert refusal in reading.refusal


def test_the_reading_counts_and_not_what_a_check_digit_makes_of_it() -> None:
    place = WRONG.index("2A", 12)
    reading = read(WRONG, {place: ("1", 0.4)})
    assert reading.text == WRONG.replace(" ", "")
    assert reading.problem is None
    assert "a less likely reading that does is shown" in reading.refusal


def test_steps_of_padding_alone_are_not_read() -> None:
    """A network that sees a 7 in every second step: the line's own steps alone are counted."""
    sliding = NETWORK.sliding

    def infer(image: np.ndarray) -> np.ndarray:
        steps = (image.shape[2] - sliding.receptive) // sliding.stride + 1
        answer = np.full((len(image), steps, NETWORK.classes), 1e-6, np.float32)
        answer[:, ::2, 7] = answer[:, 1::2, -1] = 1
        return answer / answer.sum(2, keepdims=True)

    pixels = np.full((32, 21), 255, np.uint8)
    fields = [Field(pixels, np.eye(3)[:2], None), Field(pixels, np.eye(3)[:2], "blank: no ink found")]
    line, unread = micr_readings.recognize(infer, fields)
    assert line.text == "777"  # (20 + 21 + 20 − 40) // 4 + 1 = 6 steps
    assert (unread.text, unread.probability, unread.unread) == ("", 0.0, "blank")


def test_nothing_but_blanks() -> None:
    def infer(image: np.ndarray) -> np.ndarray:
        steps = (image.shape[2] - NETWORK.sliding.receptive) // NETWORK.sliding.stride + 1
        answer = np.full((len(image), steps, NETWORK.classes), 1e-9, np.float32)
        answer[..., -1] = 1
        return answer

    (reading,) = micr_readings.read(infer, [strip(TEXT)])
    assert (reading.text, reading.unread, reading.refusal) == ("", "no symbol read", "no symbol read")
