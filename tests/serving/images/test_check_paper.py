"""The paper is found on any ground at any angle; what is no single, whole check is told in a sentence."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serving.images.check_paper import BLANK, CUT_OFF, TWO_CHECKS, find_paper
from serving.images.perspective import Perspective, picture_corners
from tests.support.check_scenes import lay, sheet, table, turned


def distance(corners: np.ndarray | None, truth: np.ndarray) -> float:
    """Returns how far the worst corner lies off, in widths of the check, whichever long side is the top."""
    assert corners is not None
    off = min(np.linalg.norm(np.roll(corners, turns, 0) - truth, axis=1).max() for turns in (0, 2))
    return float(off / np.linalg.norm(truth[1] - truth[0]))


@pytest.mark.parametrize("degrees", [0, 3, -12, 29, 44, 61, 90, 137, 180])
@pytest.mark.parametrize("level", [15, 110])
def test_a_check_on_a_table_at_any_angle(degrees: float, level: int) -> None:
    corners = turned(degrees, (600, 580))
    paper = find_paper(lay(table(1150, 1200, level), sheet(), corners))
    assert paper.problem is None
    assert distance(paper.corners, corners) < 0.01


def test_a_check_seen_from_a_slant() -> None:
    corners = np.array([(190.0, 120.0), (1010.0, 170.0), (1090.0, 560.0), (110.0, 520.0)])
    paper = find_paper(lay(table(700, 1200), sheet(), corners))
    assert paper.problem is None
    assert distance(paper.corners, corners) < 0.01


def test_a_check_on_a_light_table() -> None:
    corners = turned(7, (600, 350))
    paper = find_paper(lay(table(700, 1200, 250), sheet(paper=190), corners))
    assert distance(paper.corners, corners) < 0.01


def test_a_check_on_a_table_with_stripes() -> None:
    ground = table(700, 1200)
    ground[::40] += 60
    corners = turned(-6, (600, 350))
    assert distance(find_paper(lay(ground, sheet(), corners)).corners, corners) < 0.01


def test_a_scan_cut_to_the_check_is_the_picture() -> None:
    pixels = sheet()
    paper = find_paper(pixels)
    assert paper.problem is None
    assert paper.corners is not None
    np.testing.assert_array_equal(paper.corners, picture_corners(pixels.shape))
    assert Perspective.of(paper.corners).flatten(pixels) is pixels


@pytest.mark.parametrize("width", [901, 1397, 2003])
def test_corners_do_not_leave_a_picture_of_any_width(width: int) -> None:
    pixels = sheet(width, width * 4 // 9)
    paper = find_paper(pixels)
    np.testing.assert_array_equal(paper.corners, picture_corners(pixels.shape))


def test_a_quarter_turn_lies_landscape() -> None:
    pixels = np.ascontiguousarray(np.rot90(sheet()))
    paper = find_paper(pixels)
    assert paper.corners is not None
    perspective = Perspective.of(paper.corners)
    assert (perspective.width, perspective.height) == (900, 400)


def test_a_frame_within_the_paper_is_not_its_edge() -> None:
    paper = sheet()
    paper[20:24, 20:-20] = paper[-24:-20, 20:-20] = 80
    paper[20:-20, 20:24] = paper[20:-20, -24:-20] = 80
    corners = turned(4, (600, 350))
    assert distance(find_paper(lay(table(700, 1200), paper, corners)).corners, corners) < 0.01


def test_a_fold_is_not_an_edge() -> None:
    paper = sheet()
    paper[:, :400] -= 20
    corners = picture_corners(paper.shape)
    assert distance(find_paper(paper).corners, corners) < 0.01


def test_a_fold_along_a_check_does_not_cut_it_off() -> None:
    paper = sheet(paper=255)
    paper[260:] = np.maximum(paper[260:], 45) - 45
    plate = np.full((410, 920), 255, np.uint8)
    plate[:400, 10:910] = paper
    answer = find_paper(plate)
    assert answer.problem is None
    np.testing.assert_array_equal(answer.corners, picture_corners(plate.shape))


def test_dense_print_is_not_blank() -> None:
    paper = sheet().astype(float)
    y, x = np.mgrid[: paper.shape[0], : paper.shape[1]]
    paper -= 45 * (np.sin(y / 4 + x / 9) > 0)
    assert find_paper(np.clip(paper, 0, 255).astype(np.uint8)).problem is None


def test_a_white_plate_is_left_out_but_for_a_margin() -> None:
    plate = np.full((1200, 1500), 255, np.uint8)
    plate[300:700, 350:1250] = sheet(paper=255)
    paper = find_paper(plate)
    truth = np.array([(350, 300), (1250, 300), (1250, 700), (350, 700)])
    assert paper.problem is None
    assert distance(paper.corners, truth) < 0.08
    flat = Perspective.of(np.array(paper.corners)).flatten(plate)
    assert (255.0 - flat).sum() == pytest.approx((255.0 - plate).sum(), rel=0.02)  # no ink is cut off


@pytest.mark.parametrize("level", [60, 230])
def test_a_blank_page(level: int) -> None:
    page = np.full((400, 900), 225, np.uint8)
    paper = find_paper(lay(table(700, 1200, level), page, turned(3, (600, 350))))
    assert paper.problem == BLANK
    assert paper.corners is None


def test_an_empty_picture_is_blank() -> None:
    assert find_paper(np.full((600, 1200), 255, np.uint8)).problem == BLANK
    assert find_paper(table(600, 1200, 200)).problem == BLANK


@pytest.mark.parametrize("degrees", [0, 3])
def test_two_checks_on_a_table(degrees: float) -> None:
    ground = lay(table(1150, 1200), sheet(), turned(degrees, (600, 300)))
    assert find_paper(lay(ground, sheet(), turned(-degrees, (600, 820)))).problem == TWO_CHECKS


def test_two_checks_that_touch() -> None:
    assert find_paper(np.concatenate([sheet(), sheet()])).problem == TWO_CHECKS


def test_another_paper_on_the_table_is_no_check() -> None:
    note = sheet()
    note[330:] = 225  # no MICR line
    corners = turned(2, (600, 300))
    paper = find_paper(lay(lay(table(1150, 1200), note, turned(-3, (600, 820))), sheet(), corners))
    assert paper.problem is None


@pytest.mark.parametrize(
    "part",
    [np.s_[:, :500], np.s_[200:], np.s_[:210]],
    ids=["left half", "lower half", "upper half"],
)
def test_a_part_of_a_check_is_cut_off(part: tuple[slice, ...]) -> None:
    assert find_paper(np.ascontiguousarray(sheet()[part])).problem == CUT_OFF


def test_a_check_that_leaves_the_picture_is_cut_off() -> None:
    picture = lay(table(700, 1200), sheet(), turned(4, (1150, 350)))
    assert find_paper(picture).problem == CUT_OFF


def test_a_small_picture_is_refused() -> None:
    problem = find_paper(np.ascontiguousarray(sheet()[::4, ::4])).problem
    assert problem == "too small: the check is 225 pixels wide, at least 300 are needed"


def test_a_small_check_in_a_picture_is_refused() -> None:
    corners = turned(0, (300, 200), 240, 107)
    problem = find_paper(lay(table(400, 600), sheet(), corners)).problem
    assert problem is not None
    assert problem.startswith("too small: the check is 24")


def test_a_scan_of_100_megapixels_takes_no_memory() -> None:
    scan = np.kron(sheet(), np.ones((14, 14), np.uint8))
    tracemalloc.start()
    paper = find_paper(scan)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert scan.size > 60e6
    assert peak < scan.size / 4
    assert distance(paper.corners, picture_corners(scan.shape)) < 0.001


@settings(deadline=None, max_examples=25)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40))), st.sampled_from([1, 8, 30]))
def test_any_picture_has_an_answer(pixels: np.ndarray, scale: int) -> None:
    paper = find_paper(np.kron(pixels, np.ones((1, scale), np.uint8)))
    assert paper.corners is None or np.isfinite(paper.corners).all()
    assert paper.corners is not None or paper.problem is not None
