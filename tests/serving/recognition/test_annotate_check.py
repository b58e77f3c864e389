from __future__ import annotations

import msgspec
import numpy as np
import pytest

from serving.recognition.annotate_check import draw_check
from serving.recognition.check import CheckFields, CheckNumber, CheckPrediction, Place

GOOD, BAD, NEUTRAL = (18, 120, 60), (190, 40, 40), (40, 80, 170)
NUMBER = CheckNumber((500, 30, 60, 20), 0.9, "1234", "1234", 0.995, True, None, 0.01, 0.01, [], [])
PREDICTION = CheckPrediction(
    1,
    [(10.0, 10.0), (590.0, 10.0), (590.0, 240.0), (10.0, 240.0)],
    None,
    CheckFields(check_number=NUMBER, words=Place((40, 100, 200, 30), 0.8)),
    0.02,
    0.02,
    False,
    ["amount: not found"],
)


def colors(picture: np.ndarray) -> set[tuple[int, ...]]:
    return {tuple(color) for color in np.unique(picture.reshape(-1, 3), axis=0).tolist()}


@pytest.mark.parametrize("accepted", [True, False])
def test_outlines_and_lines(accepted: bool) -> None:
    """Accepted and other readings differ in color and word; what is not read is outlined in a third one."""
    number = msgspec.structs.replace(NUMBER, accepted=accepted)
    fields = msgspec.structs.replace(PREDICTION.fields, check_number=number)
    drawn = draw_check(np.full((250, 600), 255, np.uint8), msgspec.structs.replace(PREDICTION, fields=fields))
    pixels = np.asarray(drawn)
    assert drawn.mode == "RGB"
    assert pixels.shape[1] == 1_200
    assert pixels.shape[0] > 500  # twice the picture, and lines below
    picture = pixels[:500]
    assert {GOOD if accepted else BAD, NEUTRAL} <= colors(picture)
    assert (BAD if accepted else GOOD) not in colors(picture)
    assert tuple(picture[60, 1_060]) == (GOOD if accepted else BAD)  # the box's upper edge
    assert BAD in colors(pixels[500:])  # the verdict


def test_a_page_without_a_check() -> None:
    nothing = CheckPrediction(1, None, None, CheckFields(), 0.02, 0.02, False, ["no check found"])
    pixels = np.asarray(draw_check(np.full((40, 30), 200, np.uint8), nothing))
    assert NEUTRAL not in colors(pixels)


def test_a_strip_is_not_enlarged_without_end() -> None:
    nothing = CheckPrediction(1, None, None, CheckFields(), 0.02, 0.02, False, ["too small"])
    assert draw_check(np.full((3_000, 1), 200, np.uint8), nothing).height < 3_000
