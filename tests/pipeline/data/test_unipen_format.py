from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.unipen_format import Problem, Segment, read_segments
from tests.support import unipen_files

LINE = ".PEN_DOWN\n1 10\n2 20\n3 30\n"


def read(text: str, **included: str) -> tuple[list[Segment], list[Problem]]:
    """Reads a file with the others that it includes by the same name."""
    return read_segments("a.dat", {"a.dat": text, **included}.get)


def reason(text: str, **included: str) -> str:
    """Reads a file that has one problem and no segment; returns the problem."""
    segments, (problem,) = read(text, **included)
    assert not segments
    return str(problem)


coordinates = st.integers(-9999, 9999).map(float)
trajectories = st.lists(
    st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=4).map(np.array),
    min_size=1,
    max_size=3,
)


@given(st.lists(st.tuples(st.sampled_from("0123456789"), trajectories), min_size=1, max_size=4))
def test_what_was_written_is_read(characters: list[tuple[str, list[np.ndarray]]]) -> None:
    segments, problems = read(unipen_files.components(characters) + unipen_files.segments(characters))
    assert not problems
    assert [segment.label for segment in segments] == [label for label, _ in characters]
    for segment, (_, strokes) in zip(segments, characters, strict=True):
        for stroke, points in zip(segment.strokes, strokes, strict=True):
            assert stroke.dtype == np.float32
            np.testing.assert_array_equal(stroke, points)


@given(st.text(max_size=40), st.text(alphabet='.PEN_DOWSGMT 0123456789:-,"\\\n', max_size=60))
def test_any_text_is_read_or_named(anything: str, almost: str) -> None:
    """Of what is no UNIPEN at all a line says why, and nothing else is raised."""
    for text in (anything, almost, LINE + f".SEGMENT {almost}", LINE + f'.SEGMENT CHARACTER {almost} ? "1"'):
        segments, problems = read(text)
        assert all(len(points) for segment in segments for points in segment.components)
        assert all("\n" not in str(problem) for problem in problems)


@pytest.mark.parametrize(
    ("delineation", "xs"),
    [
        ("0", [[1, 2, 3]]),
        ("0-1", [[1, 2, 3], [4, 5]]),
        ("0:1-1:0", [[2, 3], [4]]),
        ("0:2-2", [[3], [4, 5], [6]]),
        ("0-1:0", [[1, 2, 3], [4]]),
        ("0:1-0:1", [[2]]),
        ("2:0", [[6]]),
        ("0,2", [[1, 2, 3], [6]]),
        ("0:0-0:1,1:1-2", [[1, 2], [5], [6]]),
    ],
)
def test_delineations(delineation: str, xs: list[list[int]]) -> None:
    text = f'.PEN_DOWN\n1 0 2 0 3 0\n.PEN_UP\n.PEN_UP\n4 0\n5 0\n.PEN_DOWN\n6 0\n.SEGMENT CHARACTER {delineation} ? "1"'
    (segment,), problems = read(text)
    assert not problems
    assert [points[:, 0].tolist() for points in segment.components] == xs
    assert len(segment.strokes) == len(segment.components) - segment.pen_down.count(False)


def test_statements_of_an_included_file_stand_in_its_place() -> None:
    """Components count on across files, a segment may stand before them, and nested includes are followed."""
    text = '.SEGMENT CHARACTER 1 OK "7"\n.INCLUDE b\n.INCLUDE d\n'
    (segment,), problems = read(text, b=".INCLUDE c\n", c=f".WRITER_ID Jo  Do\n{LINE}", d=".PEN_DOWN\n5 6\n")
    assert not problems
    assert segment.components[0].tolist() == [[5, -6]]
    assert (segment.writer, segment.line) == ("Jo  Do".replace("  ", " "), 1)


def test_coordinates_and_resolution() -> None:
    """A point's other numbers are left out, and y gets the resolution of x."""
    settings = ".COORD T Y X\n.X_POINTS_PER_INCH 254\n.Y_POINTS_PER_MM 20\n"
    (segment,), _ = read(settings + '.PEN_DOWN\n0 4 9\n1 8 7\n.SEGMENT CHARACTER 0 ? "1"')
    np.testing.assert_allclose(segment.components[0], [[9, -2], [7, -4]], rtol=1e-6)


def test_labels_and_levels() -> None:
    escaped = r'.SEGMENT CHARACTER 0 ? "\"\\\t"' + "\n"
    prose = '.COMMENT indented is no statement:\n .SEGMENT CHARACTER 0 ? "3"\n'
    segments, problems = read(LINE + escaped + '.SEGMENT WORD 0 ? "12"\n.SEGMENT TEXT 0\n.SEGMENT\n' + prose)
    assert [segment.label for segment in segments] == ['"\\\t']
    assert not problems


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('.SEGMENT CHARACTER 0 ? "1"', "a.dat: line 1: 0: the file has no trajectories"),
        (LINE + '.SEGMENT CHARACTER 1 ? "1"', "a.dat: line 5: 1: the file has components 0 to 0"),
        (LINE + '.SEGMENT CHARACTER 0:3 ? "1"', "a.dat: line 5: 0:3: component 0 has points 0 to 2"),
        (LINE + '.SEGMENT CHARACTER 0:2-0:1 ? "1"', "a.dat: line 5: 0:2-0:1: not a delineation"),
        (LINE + '.SEGMENT CHARACTER x ? "1"', "a.dat: line 5: x: not a delineation"),
        (LINE + f'.SEGMENT CHARACTER {"9" * 10} ? "1"', "a.dat: line 5: 9999999999: not a delineation"),
        (LINE + ".SEGMENT CHARACTER 0 ? 1", "a.dat: line 5: not a segment: 'CHARACTER 0 ? 1'"),
        ('.PEN_UP\n1 2\n.SEGMENT CHARACTER 0 ? "1"', "a.dat: line 3: 0: a trajectory without a point of ink"),
        (
            '.PEN_DOWN\n1 2 3\n.SEGMENT CHARACTER 0 ? "1"',
            "a.dat: line 3: 0: 3 numbers are not whole points of 2",
        ),
        ('.PEN_DOWN\n1 b\n.SEGMENT CHARACTER 0 ? "1"', "a.dat: line 3: 0: something other than numbers"),
        ('.PEN_DOWN\n1 inf\n.SEGMENT CHARACTER 0 ? "1"', "a.dat: line 3: 0: something other than numbers"),
        (".INCLUDE b.dat", "a.dat: include b.dat: no such file"),
        (".INCLUDE a.dat", "a.dat: include a.dat: includes itself"),
        (".COORD X T", "a.dat: .COORD X T: needs X and Y"),
        (".X_POINTS_PER_MM 0", "a.dat: .X_POINTS_PER_MM 0: not a positive number"),
        (".Y_POINTS_PER_INCH many", "a.dat: .Y_POINTS_PER_INCH many: not a positive number"),
    ],
)
def test_problems_name_file_line_and_reason(text: str, message: str) -> None:
    assert reason(text) == message


def test_includes_that_go_round_are_named() -> None:
    assert reason(".INCLUDE b", b=".INCLUDE c", c=".INCLUDE b") == "a.dat: include b: includes itself"


def test_a_missing_file_is_named() -> None:
    assert read_segments("a.dat", lambda _: None) == ([], [Problem("a.dat", None, "no such file")])
