"""Writes a UNIPEN distribution of invented strokes."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.synthesis import stroke_styles
from pipeline.synthesis.stroke_language import Style, smooth_parts, spline

Strokes = Sequence[np.ndarray]  # [n, 2], x to the right and y downwards


def strokes(style: Style, rng: np.random.Generator | None = None) -> list[np.ndarray]:
    """Returns the points of a style, whole numbers, a body 400 high; `rng` bends and slants it."""
    curves = [np.vstack([spline(part) for part in smooth_parts(np.array(stroke))]) for stroke in style]
    if rng is not None:
        slant, width, tremor = rng.normal(0, 0.1), rng.uniform(0.8, 1.2), rng.normal(0, 0.01, 2)
        curves = [c * (width, 1) - np.outer(c[:, 1], (slant, 0)) + np.sin(7 * c) * tremor for c in curves]
    return [np.rint(curve * 400) for curve in curves]


def components(characters: Sequence[tuple[str, Strokes]]) -> str:
    """Writes trajectories one after the other, y upwards, with a .PEN_UP without points after each stroke."""
    return "".join(
        ".PEN_DOWN\n" + "".join(f"\t{x:g}\t{-y:g}\n" for x, y in stroke) + ".PEN_UP\n"
        for _, character in characters
        for stroke in character
    )


def segments(characters: Sequence[tuple[str, Strokes]]) -> str:
    """Writes the statements that label those trajectories."""
    lines, start = [], 0
    for label, character in characters:
        stop = start + len(character) - 1
        lines.append(f'.SEGMENT CHARACTER {start}{f"-{stop}" if stop > start else ""} OK "{label}"\n')
        start = stop + 1
    return "".join(lines)


def write_file(
    folder: Path, donor: str, name: str, characters: Sequence[tuple[str, Strokes]], category: str = "1a"
) -> Path:
    """Writes a file of segments, its trajectories and the donor's documentation; returns the first."""
    data, include = folder / "data" / category / donor / f"{name}.dat", folder / "include" / donor
    data.parent.mkdir(parents=True, exist_ok=True)
    (include / "data").mkdir(parents=True, exist_ok=True)
    (include / f"{donor}.doc").write_text(".COORD X Y\n.X_POINTS_PER_MM 50\n.Y_POINTS_PER_MM 50\n")
    trajectories = include / "data" / f"{category}-{name}.dat"
    trajectories.write_text(f".WRITER_ID {name}\n{components(characters)}")
    includes = f".INCLUDE {donor}/{donor}.doc\n.INCLUDE {donor}/data/{trajectories.name}\n"
    data.write_text(f".VERSION 1.0\n{includes}{segments(characters)}")
    return data


def write_digits(folder: Path, donors: Sequence[str], copies: int = 2, seed: int = 0) -> None:
    """Writes a distribution: each donor has one writer with `copies` of every digit, and a minus sign.

    Every donor writes each digit in the same style, bent differently.
    """
    rng = np.random.default_rng(seed)
    minus = stroke_styles.MARKS["-"][0]
    for donor in donors:
        digits = [
            (str(label), strokes(stroke_styles.DIGITS[label][0], rng))
            for label in range(10)
            for _ in range(copies)
        ]
        write_file(folder, donor, f"{donor}1", digits)
        write_file(folder, donor, f"{donor}1", [("-", strokes(minus, rng))] * 3, "1d")


def pack(folder: Path, archive: Path) -> Path:
    """Packs a distribution as it is published, below a folder; the kind of archive follows from its name."""
    mode = {".xz": "w:xz", ".gz": "w:gz"}.get(archive.suffix, "w")
    with tarfile.open(archive, mode) as file:  # type: ignore[call-overload]
        file.add(folder, "train_r01_v07")
    return archive
