import numpy as np
import pytest

from serving.images.comb_removal import comb_pixels, rests
from serving.images.combs import find_comb
from serving.images.connected_components import Components
from serving.images.slope_slant import BoundingBoxes
from tests.support.comb_pictures import CELL, LEFT, THICK, TOP, boxes, in_cells, rings, strip


def removed(print_: np.ndarray, ink: np.ndarray, print_level: int = 120) -> np.ndarray:
    """Returns the pixels that are taken out, where ink is darker than print."""
    levels = np.where(ink, 200, np.where(print_, print_level, 0)).astype(np.uint8)
    comb = find_comb(print_ | ink)
    assert comb is not None
    return comb_pixels(levels, print_ | ink, comb)


@pytest.mark.parametrize("slope", [0.0, 0.03])
def test_the_print_goes_and_the_writing_stays(slope: float) -> None:
    print_ = strip(8, slope, 80)
    ink = np.zeros_like(print_)
    ink[:60] = rings(in_cells(8), print_.shape[1], 8)
    pixels = removed(print_, ink)
    assert not (pixels & ink).any()
    assert (pixels & print_).sum() > 0.97 * print_.sum()


def test_boxes_go_with_their_borders() -> None:
    print_ = boxes(6)
    middles = [LEFT + (CELL + THICK) / 2 + (CELL + THICK + 8) * number for number in range(6)]
    ink = rings(middles, print_.shape[1])
    pixels = removed(print_, ink)
    assert not (pixels & ink).any()
    assert (pixels & print_).sum() > 0.97 * print_.sum()


def test_a_stroke_that_crosses_a_rule_stays() -> None:
    print_ = strip(8)
    ink = rings(in_cells(8), print_.shape[1])
    rule = LEFT + 3 * CELL
    ink[TOP + 20 : TOP + 23, rule - 14 : rule + 12] = True
    pixels = removed(print_, ink)
    assert not (pixels & ink).any()
    assert pixels[TOP + 4 : TOP + 18, rule : rule + THICK].all()


def test_a_stroke_upon_a_rule_stays() -> None:
    print_ = strip(8)
    ink = rings(in_cells(8), print_.shape[1])
    rule = LEFT + 3 * CELL
    ink[TOP + 8 : TOP + 20, rule : rule + THICK] = True
    assert not (removed(print_, ink) & ink).any()


def test_a_steep_stroke_through_a_rule_stays_whole() -> None:
    print_ = strip(8)
    ink = rings(in_cells(8), print_.shape[1])
    rule = LEFT + 3 * CELL
    for step in range(14):
        start = rule - 6 + step
        ink[TOP + 8 + step, start : start + 3] = True
    assert (removed(print_, ink, 190) & ink).sum() <= 6


def test_rests() -> None:
    print_ = strip(8)
    ink = rings(in_cells(8), print_.shape[1])
    comb = find_comb(print_ | ink)
    assert comb is not None
    mask = np.zeros_like(print_)
    mask[TOP + 3 : TOP + 6, LEFT + CELL : LEFT + CELL + 2] = True  # a stub of a rule
    mask[TOP + 8 : TOP + 28, LEFT + 2 * CELL + 14 : LEFT + 2 * CELL + 17] = True  # a one
    mask[20:40, 0:4] = True  # print beside the comb
    components = Components.of(mask)
    assert rests(BoundingBoxes.of(components, 0.0, 0.0), comb, mask.shape).sum() == 2
    kept = components.select(~rests(BoundingBoxes.of(components, 0.0, 0.0), comb, mask.shape)).mask()
    assert np.flatnonzero(kept.any(0)).tolist() == [LEFT + 2 * CELL + 14 + step for step in range(3)]
