"""Makes the writers of synthetic handwriting: invented ones (strokes), UNIPEN's, MNIST's, and handwriting fonts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from pipeline.data import digits
from pipeline.data.unipen import Character
from pipeline.synthesis import stroke_styles
from pipeline.synthesis.glyph_bank import (
    BASE,
    COLUMNS,
    ROWS,
    UNIT,
    GlyphBank,
    GlyphSource,
    Maps,
    Writer,
    half_widths,
    join,
    levels,
    measure,
)
from pipeline.synthesis.pen_map import pen_map
from pipeline.synthesis.pen_paths import pen_paths
from pipeline.synthesis.stroke_language import Points
from pipeline.synthesis.stroke_shapes import bend, curves
from serving.errors import CheckreaderError

_MARKS: Final = {**stroke_styles.SEPARATORS, **stroke_styles.MARKS}
_FONT_CHARACTERS: Final = "0123456789.,'/-=x$*#"
# UNIPEN's marks: how far above the baseline the lowest point is, then the least and the largest width and height, all in
# shares of the height of the writer's digits. What has another size was written in another mood, or is mislabeled.
_PEN_MARKS: Final = {
    ".": (0.0, (0.0, 0.2), (0.0, 0.25)), ",": (-0.2, (0.0, 0.5), (0.05, 0.6)), "'": (0.75, (0.0, 0.4), (0.05, 0.5)),
    "-": (0.42, (0.15, 1.2), (0.0, 0.3)), "/": (-0.15, (0.0, 1.3), (0.6, 1.4)), "=": (0.35, (0.2, 1.2), (0.1, 0.8)),
    "$": (-0.1, (0.2, 1.2), (0.7, 1.4)), "*": (0.3, (0.1, 1.0), (0.1, 0.9)), "#": (0.05, (0.3, 1.2), (0.4, 1.3)),
    "~": (0.42, (0.2, 1.2), (0.05, 0.5)),
}  # fmt: skip
_STROKES: Final = {"$": 2, "=": 2, "*": 3}  # with fewer they may be a five, a dash, a cross
PEN_MARKS: Final = tuple(_PEN_MARKS)


def strokes(rng: np.random.Generator, count: int = 400, variants: int = 2) -> GlyphSource:
    """Invents writers.

    Args:
        rng: decides their styles, shapes and pens.
        count: number of writers.
        variants: glyphs of each digit, which differ slightly.
    """
    maps: list[Maps] = []
    pens: list[float] = []
    writers = []
    for _ in range(count):
        glyphs = {}
        aspect, tremor = rng.uniform(0.75, 1.25), rng.uniform(0.01, 0.045)
        pressure, pen = rng.uniform(0, 0.35), rng.uniform(1.0, 2.6)
        for char in [*"0123456789", *_MARKS]:
            styles = stroke_styles.DIGITS[int(char)] if char.isdigit() else _MARKS[char]
            # Now and then a writer has two styles for one digit.
            first, second = (styles[i] for i in rng.integers(len(styles), size=2))
            habit = bend(first, rng, 0.04, 0.05)
            other = bend(second, rng, 0.04, 0.05) if rng.random() < 0.2 else habit
            versions = variants if char.isdigit() else 1
            glyphs[char] = tuple(range(len(maps), len(maps) + versions))
            width = aspect * rng.uniform(0.82, 1.22)
            for variant in range(versions):
                style = bend(habit if variant % 2 == 0 else other, rng, tremor)
                maps.append(pen_map(curves(style, width), pen, pressure, rng))
                pens.append(pen)
        for zeros in (2, 3):
            glyphs["0" * zeros] = (len(maps),)
            radius = rng.uniform(0.2, 0.3)
            tied = stroke_styles.chain(
                zeros, radius, radius * rng.uniform(1.85, 2.4), rng.uniform(-0.06, 0.2), rng.random() < 0.3
            )
            extent = radius * 2 * zeros * aspect
            paths = curves(bend(tied, rng, tremor), aspect * min(1, 1.5 / extent))
            maps.append(pen_map(paths, pen, pressure, rng))
            pens.append(pen)
        writers.append(Writer("strokes", glyphs))
    return GlyphSource(measure(np.stack(maps), np.array(pens, np.float32), BASE), tuple(writers))


def unipen(
    characters: Sequence[Character],
    rng: np.random.Generator,
    variants: int = 1,
    marks: Sequence[Character] = (),
) -> GlyphSource:
    """Opens UNIPEN's digits: the strokes of its writers, drawn with invented pens.

    Args:
        characters: digits, as `pipeline.data.pen_digits` has them.
        rng: decides each writer's pens and pressures.
        variants: glyphs of each digit, with the pen pressed differently.
        marks: among `PEN_MARKS`; those of writers without digits are left out.
    """
    maps: list[Maps] = []
    pens: list[float] = []
    writers: dict[str, dict[str, tuple[int, ...]]] = {}
    hands: dict[str, tuple[float, float]] = {}
    for character in characters:
        if character.writer not in hands:
            hands[character.writer] = rng.uniform(0, 0.35), rng.uniform(1.0, 2.6)
        pressure, pen = hands[character.writer]
        glyphs = writers.setdefault(character.writer, {})
        glyphs[character.label] = (
            *glyphs.get(character.label, ()),
            *range(len(maps), len(maps) + variants),
        )
        paths = pen_paths(character.segment.strokes)
        maps += [pen_map(paths, pen, pressure, rng) for _ in range(variants)]
        pens += [pen] * variants
    digits = len(maps)
    heights: dict[str, list[float]] = {}
    for character in characters:
        heights.setdefault(character.writer, []).append(float(_extent(character)[1]))
    for mark in marks:
        if mark.writer in hands and (paths := _mark_paths(mark, float(np.median(heights[mark.writer])))):
            pressure, pen = hands[mark.writer]
            glyphs = writers[mark.writer]
            glyphs[mark.label] = (*glyphs.get(mark.label, ()), len(maps))
            maps.append(pen_map(paths, pen, pressure, rng))
            pens.append(pen)
    stacked = np.array(maps, np.uint8).reshape(-1, ROWS, COLUMNS)
    bank = measure(stacked, np.array(pens, np.float32), None)
    bank.bases[digits:] = BASE
    return GlyphSource(bank, tuple(Writer("unipen", glyphs) for glyphs in writers.values()))


def _extent(character: Character) -> npt.NDArray[np.float32]:
    return np.asarray(np.ptp(np.concatenate(character.segment.strokes), axis=0))


def _mark_paths(mark: Character, height: float) -> list[Points]:
    """Puts a mark on a map in proportion to its writer's digits, which are `height` high; empty = of no likely size."""
    lift, *ranges = _PEN_MARKS[mark.label]
    sizes = zip(_extent(mark) / max(height, 1e-9), ranges, strict=True)
    if not all(low <= size <= high for size, (low, high) in sizes):
        return []
    if len(mark.segment.strokes) < _STROKES.get(mark.label, 1):
        return []
    return [path - (0, lift * UNIT) for path in pen_paths(mark.segment.strokes, UNIT / height)]


def mnist(folder: Path | None, part: str = "train") -> GlyphSource:
    """Opens MNIST's digits: its writers with QMNIST's label file in its folder, else a single one for all.

    Args:
        folder: as for `pipeline.data.digits.load`.
        part: "train", "validation" or "test"; no writer is in two of them.
    """
    dataset = digits.load("mnist", folder)
    split = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}[part]
    writer_of = (
        digits.mnist_writers(folder, part)
        if dataset.validation_by == "writer"
        else np.zeros(len(split.labels), int)
    )
    parts = [_enlarge(split.images[i : i + 2000]) for i in range(0, len(writer_of), 2000)]
    banks = [measure(maps, half_widths(maps), None) for maps in parts]
    order = np.lexsort((split.labels, writer_of))
    writers = []
    for index in np.split(order, np.flatnonzero(np.diff(writer_of[order])) + 1):
        labels = split.labels[index]
        glyphs = {str(d): tuple(index[labels == d].tolist()) for d in range(10) if (labels == d).any()}
        writers.append(Writer("mnist", glyphs))
    return _add_barred_sevens(join([GlyphSource(part, ()) for part in banks])[0], tuple(writers))


def _add_barred_sevens(bank: GlyphBank, writers: tuple[Writer, ...]) -> GlyphSource:
    """Adds each seven once more with a bar, as "7-", which neither MNIST nor most fonts have."""
    rng = np.random.default_rng(0)
    sevens = np.array([i for writer in writers for i in writer.glyphs.get("7", ())], int)
    place = {seven: len(bank.maps) + k for k, seven in enumerate(sevens.tolist())}
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32)
    added = np.empty((len(sevens), ROWS, COLUMNS), np.uint8)
    for k, seven in enumerate(sevens):
        _, top, _, bottom = bank.boxes[seven]
        row = top + (bottom - top) * rng.uniform(0.4, 0.62)
        stem = np.flatnonzero(bank.maps[seven, int(row)] > 128)
        column = stem.mean() if len(stem) else COLUMNS / 2
        before, after = UNIT * rng.uniform(0.1, 0.35, 2)
        along = np.clip(x - column, -before, after)
        tilt = rng.normal(-0.08, 0.08)
        bar = bank.pens[seven] - np.hypot(x - column - along, y - row - tilt * along)
        added[k] = np.maximum(bank.maps[seven], levels(bar))
    extra = measure(added, bank.pens[sevens], None)
    extra = GlyphBank(added, extra.boxes, bank.bases[sevens], extra.pens)
    writers = tuple(
        Writer(writer.source, {**writer.glyphs, "7-": tuple(place[i] for i in writer.glyphs["7"])})
        if "7" in writer.glyphs
        else writer
        for writer in writers
    )
    return GlyphSource(join([GlyphSource(bank, ()), GlyphSource(extra, ())])[0], writers)


def _enlarge(images: npt.NDArray[np.uint8]) -> Maps:
    """Enlarges MNIST's 28×28 twofold; blurred gray levels, steep at the edge, stand in for distances."""
    at = (np.arange(56) + 0.5) / 2 - 0.5
    kernel = np.exp(-0.5 * ((at[:, None] - np.arange(28)) / 0.75) ** 2)
    kernel = (kernel / kernel.sum(1, keepdims=True)).astype(np.float32)
    level = np.einsum("ij,njk,lk->nil", kernel, images.astype(np.float32) / 255, kernel, optimize=True)
    maps = np.zeros((len(images), ROWS, COLUMNS), np.uint8)
    maps[:, 8:64, 8:64] = levels((level - 0.42) * 4.0 - 40 * np.maximum(0.15 - level, 0))
    return maps


def fonts(folder: Path) -> GlyphSource:
    """Opens handwriting fonts (`pipeline.synthesis.fonts`); every font file in the folder is a writer.

    Raises:
        CheckreaderError: no font in the folder, or one that cannot be read.
    """
    files = sorted(path for path in folder.glob("**/*") if path.suffix in (".woff2", ".woff", ".ttf", ".otf"))
    if not files:
        raise CheckreaderError(
            f"{folder}: no fonts there: `python -m pipeline.synthesis.fonts {folder}` fetches them"
        )
    maps: list[Maps] = []
    writers = []
    for file in files:
        try:
            glyphs = _font_glyphs(file)
        except OSError as error:
            raise CheckreaderError(f"{file}: not a readable font ({error})") from None
        first = len(maps)
        maps += glyphs.values()
        writers.append(Writer("fonts", {char: (first + i,) for i, char in enumerate(glyphs)}))
    stacked = np.stack(maps)
    return _add_barred_sevens(measure(stacked, half_widths(stacked), BASE), tuple(writers))


def _font_glyphs(file: Path) -> dict[str, Maps]:
    scale = 3
    top, bottom = ImageFont.truetype(file, 200).getbbox("0", anchor="ls")[1::2]
    font = ImageFont.truetype(file, 200 * UNIT * scale / (bottom - top))
    glyphs = {}
    for char in _FONT_CHARACTERS:
        picture = Image.new("L", (COLUMNS * scale, ROWS * scale), 0)
        left, _, right, _ = font.getbbox(char, anchor="ls")
        place = (COLUMNS * scale / 2 - (left + right) / 2, BASE * scale)
        ImageDraw.Draw(picture).text(place, char, font=font, fill=255, anchor="ls")
        ink = np.asarray(picture) > 127
        signed = ndimage.distance_transform_edt(ink) - ndimage.distance_transform_edt(~ink)
        glyphs[char] = levels(signed.reshape(ROWS, scale, COLUMNS, scale).mean((1, 3)) / scale)
    return glyphs
