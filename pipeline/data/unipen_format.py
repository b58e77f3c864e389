"""Reads pen trajectories in the UNIPEN 1.0 format.

A file is a series of statements: a keyword that begins with a dot in the first column, and its arguments up to the
next. These matter here; all others, such as .COMMENT, .DT or .START_BOX, are passed over:

    .INCLUDE FILE                     the statements of another file, in its place
    .COORD X Y T                      what the numbers of a point are
    .X_POINTS_PER_MM N (or _INCH)     resolution; likewise Y
    .WRITER_ID NAME
    .PEN_DOWN, .PEN_UP                a component: its points, any number per line; y runs upwards
    .SEGMENT CHARACTER 3-4 OK "5"     level, delineation, quality, label

Components that have a point are counted from 0, whether the pen is down or up, and points within a component
likewise. A delineation lists ranges, each of them inclusive: `3`, `3-4`, `0:3-1:20` (from the fourth point of
component 0 to point 20 of component 1), `468,471`.

Source: Guyon, Schomaker, Plamondon, Liberman and Janet, "UNIPEN project of on-line data exchange and recognizer
benchmarks" (ICPR 1994), with its format definition 1.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float32]  # [n, 2], x to the right and y downwards

_STATEMENT: Final = re.compile(r"^\.([A-Z][A-Z0-9_]*)(?![^\s])", re.MULTILINE)
_SEGMENT: Final = re.compile(r'\S+\s+(\S+)\s+\S+\s+"((?:[^"\\]|\\.)*)"\s*\Z', re.DOTALL)
_RANGE: Final = re.compile(r"(\d{1,9})(?::(\d{1,9}))?(?:-(\d{1,9})(?::(\d{1,9}))?)?\Z")
_ESCAPES: Final = {"t": "\t", "n": "\n"}
_LEVEL: Final = "CHARACTER"  # the level of the hierarchy whose segments are read
_MM_PER_INCH: Final = 25.4


class FormatError(ValueError):
    """What cannot be read, as a phrase that follows the file's name."""


@dataclass(frozen=True)
class Problem:
    """What was passed over: the file, its line (None = all of it) and the reason."""

    file: str
    line: int | None
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {'' if self.line is None else f'line {self.line}: '}{self.reason}"


@dataclass(frozen=True)
class Segment:
    """A character and its trajectory.

    Attributes:
        label: what was written.
        writer: the writer's name, "" if the file gives none.
        line: where its file says so, None if an included file does.
        components: in the order of writing, each [n, 2] with n ≥ 1, in points of the tablet's horizontal resolution.
        pen_down: of each component, whether the pen wrote.
    """

    label: str
    writer: str
    line: int | None
    components: tuple[Points, ...]
    pen_down: tuple[bool, ...]

    @property
    def strokes(self) -> tuple[Points, ...]:
        """The components that the pen wrote."""
        return tuple(part for part, down in zip(self.components, self.pen_down, strict=True) if down)


@dataclass(frozen=True)
class _Statement:
    keyword: str
    arguments: str
    line: int | None  # in the file that was opened, None in one that it includes


@dataclass(frozen=True)
class _Component:
    numbers: str
    pen_down: bool
    columns: tuple[int, int, int]  # how many numbers a point has, and which are x and y


def read_segments(file: str, read: Callable[[str], str | None]) -> tuple[list[Segment], list[Problem]]:
    """Reads the characters of one file.

    Args:
        file: its name.
        read: returns the text of a file by its name, that of an included one by the name in the statement; None if
            there is none.

    Returns:
        The segments, and what was passed over: single segments, or all of the file where an include is missing,
        includes itself, or says what no file may say.
    """
    segments: list[Segment] = []
    problems: list[Problem] = []
    try:
        statements = list(_statements(file, read, ()))
        components, scale, writer = _settings(statements)
    except FormatError as error:
        return [], [Problem(file, None, str(error))]
    for statement in statements:
        if statement.keyword != "SEGMENT" or statement.arguments.split()[:1] != [_LEVEL]:
            continue
        try:
            parts = _SEGMENT.match(statement.arguments.strip())
            if parts is None:
                raise FormatError(f"not a segment: {' '.join(statement.arguments.split())[:60]!r}")
            delineation, label = parts.groups()
            trajectory = _trajectory(delineation, components)
            if not any(down for _, down in trajectory):
                raise FormatError(f"{delineation}: a trajectory without a point of ink")
            segments.append(
                Segment(
                    re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), label),
                    writer,
                    statement.line,
                    tuple(points * scale for points, _ in trajectory),
                    tuple(down for _, down in trajectory),
                )
            )
        except FormatError as error:
            problems.append(Problem(file, statement.line, str(error)))
    return segments, problems


def _statements(
    file: str, read: Callable[[str], str | None], opened: tuple[str, ...]
) -> Iterator[_Statement]:
    """Yields a file's statements with those of the included files in their place."""
    text = read(file)
    if text is None:
        raise FormatError(f"include {file}: no such file" if opened else "no such file")
    keywords = list(_STATEMENT.finditer(text))
    line, place = 1, 0
    for index, match in enumerate(keywords):
        line += text.count("\n", place, match.start())
        place = match.start()
        end = keywords[index + 1].start() if index + 1 < len(keywords) else len(text)
        arguments = text[match.end() : end]
        if match[1] == "INCLUDE":
            name = " ".join(arguments.split())
            if name in opened or name == file:
                raise FormatError(f"include {name}: includes itself")
            yield from _statements(name, read, (*opened, file))
        else:
            yield _Statement(match[1], arguments, None if opened else line)


def _settings(statements: list[_Statement]) -> tuple[list[_Component], Points, str]:
    """Returns the components that have a point, the factors of x and y, and the writer's name."""
    components = []
    columns = (2, 0, 1)
    resolution = {"X": 1.0, "Y": 1.0}
    writer = ""
    for statement in statements:
        keyword, arguments = statement.keyword, statement.arguments
        if keyword in ("PEN_DOWN", "PEN_UP"):
            if arguments.strip():
                components.append(_Component(arguments, keyword == "PEN_DOWN", columns))
        elif keyword == "COORD":
            names = arguments.split()
            if "X" not in names or "Y" not in names:
                raise FormatError(f".COORD {' '.join(names)}: needs X and Y")
            columns = (len(names), names.index("X"), names.index("Y"))
        elif keyword[1:] in ("_POINTS_PER_MM", "_POINTS_PER_INCH") and keyword[0] in resolution:
            unit = _MM_PER_INCH if keyword.endswith("INCH") else 1.0
            resolution[keyword[0]] = _positive(keyword, arguments) / unit
        elif keyword == "WRITER_ID":
            writer = " ".join(arguments.split())
    # Points of the horizontal resolution both ways; on paper y runs upwards, in a picture downwards.
    return components, np.array([1.0, -resolution["X"] / resolution["Y"]], np.float32), writer


def _positive(keyword: str, arguments: str) -> float:
    try:
        number = float(arguments)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise FormatError(f".{keyword} {' '.join(arguments.split())[:40]}: not a positive number")
    return number


def _trajectory(delineation: str, components: list[_Component]) -> list[tuple[Points, bool]]:
    """Returns the points of each component of a delineation, y upwards as in the file, and whether the pen is down."""
    if not components:
        raise FormatError(f"{delineation}: the file has no trajectories")
    trajectory = []
    for index, first, last in _pieces(delineation, len(components)):
        component = components[index]
        points = _points(component, delineation)
        stop = len(points) if last is None else last + 1
        if first >= len(points) or stop > len(points):
            raise FormatError(f"{delineation}: component {index} has points 0 to {len(points) - 1}")
        if first >= stop:
            raise FormatError(f"{delineation}: not a delineation")
        trajectory.append((points[first:stop], component.pen_down))
    return trajectory


def _pieces(delineation: str, count: int) -> Iterator[tuple[int, int, int | None]]:
    """Yields the components of a delineation: index, first point, and last point (None = the component's last)."""
    for part in delineation.split(","):
        match = _RANGE.match(part)
        if match is None:
            raise FormatError(f"{delineation}: not a delineation")
        start, first, stop, last = (None if number is None else int(number) for number in match.groups())
        assert start is not None
        if stop is None:
            stop, last = start, first
        if stop < start:
            raise FormatError(f"{delineation}: not a delineation")
        if stop >= count:
            raise FormatError(f"{delineation}: the file has components 0 to {count - 1}")
        for index in range(start, stop + 1):
            yield index, (first or 0) if index == start else 0, last if index == stop else None


def _points(component: _Component, delineation: str) -> Points:
    """Returns all points of a component, y upwards as in the file."""
    size, x, y = component.columns
    try:
        numbers = np.array(component.numbers.split(), np.float32)
    except ValueError:
        raise FormatError(f"{delineation}: something other than numbers") from None
    if not np.isfinite(numbers).all():
        raise FormatError(f"{delineation}: something other than numbers")
    if len(numbers) % size:
        raise FormatError(f"{delineation}: {len(numbers)} numbers are not whole points of {size}")
    return numbers.reshape(-1, size)[:, [x, y]]
