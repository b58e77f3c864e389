"""Normalizes a MICR line: finds the row of E-13B symbols in a picture and scales it to the network's input.

>>> from serving.images.codec import decode
>>> from serving.images.micr_line import normalize_micr_line
>>> line = normalize_micr_line(decode(open("line.png", "rb").read()))
>>> line.pixels.shape[0], line.problem
(32, None)
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from serving.images import e13b, micr_leveling
from serving.images.cmc7 import is_cmc7
from serving.images.codec import Gray
from serving.images.connected_components import Components
from serving.images.field import Field
from serving.images.micr_leveling import REACH
from serving.images.micr_rows import Row, find_rows
from serving.images.uneven_light import dark_ink

HEIGHT: Final = 32
DIGIT: Final = 20  # rows of a digit
PITCH: Final = 18  # columns from symbol to symbol
MAX_WIDTH: Final = 72 * PITCH  # a check's line has room for 65 symbols
_WORK_WIDTH: Final = 2_000  # columns that the line is searched in
_RIVAL: Final = 0.4  # of the largest row's symbols, in one that may be the line
_LEAST_CONTRAST: Final = 12
_SAMPLES: Final = 24  # rows and columns of a tile that are looked at
_INK: Final = 0.45  # of the darkness between paper and ink, in a symbol's pixels
_SOFT: Final = 0.2, 0.8  # 0 and 255 of the result
_LEAST_AREA: Final = 3
_PITCHES: Final = 0.80, 1.30  # least and most, by a digit's height; 1.07 is nominal
_SEEN: Final = 100  # level of ink that counts
_FINENESS: Final = 8  # of the frequencies that are tried
_LIKELIER: Final = 1.05  # times the evidence for upright, for a line to be taken for one that is upside down
_CLEAR: Final = 1.15  # times the evidence for the other way round
_SHIFTED: Final = 3  # columns that a symbol is moved to resemble another
_UNLIKE: Final = 0.39  # likeness of rows that are hardly E-13B; 199 of 200 real lines have more
_ALIKE: Final = 0.5  # and of two that both are
_SECOND: Final = 0.5  # of the line's symbols, in another line
_ENDS: Final = PITCH + 4  # columns at the row's ends, where a stroke may cross a symbol
_DARK_PIXELS: Final = 2.0  # times the picture's rows: as many as belong to the ink at least

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Work:
    """A picture to search.

    Attributes:
        ink: uint8 [H, W], soft, 255 = ink.
        components: of the ink.
        block: pixels of the picture that one of its pixels stands for, down and across.
    """

    ink: Gray
    components: Components
    block: int


def normalize_micr_line(gray: Gray) -> Field:
    """Turns a picture of a MICR line, a strip or a check's lower part, into the network's input.

    The row with the most symbols of one height and an even pitch is laid level, set upright if it is upside down, and
    scaled so that digits are 20 rows high and their right edges 18 columns apart.

    Args:
        gray: uint8 [height, width], any size from 1×1, either polarity.

    Returns:
        The line; its problem is "blank: …" where no ink was found, "no MICR line found: …", "too long: …", or
        "this is a CMC-7 line: …". Its doubt is "two lines: …", "unclear which way up it is: …", or "no E-13B line: …" where it looks like another font's.
    """
    block = max(1, round(gray.shape[1] / _WORK_WIDTH))
    work = _work(gray, block)
    if work is None:
        return _unreadable("blank: no ink found")
    rows = find_rows(work.components)
    rivals = [row for row in rows if row.count >= _RIVAL * rows[0].count]
    candidates = [_candidate(work.ink, row) for row in rivals]
    candidates.sort(key=lambda candidate: -candidate.row.count * candidate.likeness)
    if (not candidates or candidates[0].likeness < _ALIKE) and is_cmc7(work.components):
        return _unreadable("this is a CMC-7 line: E-13B alone is read")
    if not candidates:
        return _unreadable("no MICR line found: no row of symbols of one height")
    return replace(_scaled(work, candidates[0]), doubt=_doubt(*candidates))


def _work(gray: Gray, block: int) -> _Work | None:
    """Finds the ink in a picture, of which block×block pixels become one; None where there is none."""
    merged = gray if block == 1 else np.asarray(Image.fromarray(gray).reduce(block))
    darkness = _darkness(dark_ink(merged))
    levels = np.sort(darkness, axis=None, kind="stable")
    base = float(levels[len(levels) // 2 - (len(levels) > 1)])
    strong = float(levels[max(0, len(levels) - round(_DARK_PIXELS * len(darkness)) - 1)])
    span = strong - base
    if span < _LEAST_CONTRAST:
        return None
    components = Components.of(darkness >= base + _INK * span)
    components = components.select(components.area() >= _LEAST_AREA)
    if not len(components):
        return None
    low, high = (base + share * span for share in _SOFT)
    ramp = np.clip((np.arange(256) - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    return _Work(ramp.take(darkness), components, block)


def _darkness(gray: Gray) -> Gray:
    """Measures how much darker than its paper each pixel is, 0–255 of the paper's level.

    The paper's level is a high percentile of tiles that are wider than a symbol, interpolated between them.
    """
    height, width = gray.shape
    tile = min(height, max(48, height // 4))
    rows, columns = max(1, round(height / tile)), max(1, round(width / (2 * tile)))
    y, x = (
        np.arange(count * _SAMPLES) * length // (count * _SAMPLES)
        for count, length in ((rows, height), (columns, width))
    )
    samples = gray.take(y, 0).take(x, 1).reshape(rows, _SAMPLES, columns, _SAMPLES).transpose(0, 2, 1, 3)
    ranked = np.sort(samples.reshape(rows, columns, -1).astype(np.float32), axis=2)
    levels = np.ascontiguousarray(ranked[:, :, _SAMPLES * _SAMPLES * 4 // 5])
    paper = np.asarray(
        Image.fromarray(levels).resize((width, height), Image.Resampling.BILINEAR)
        if levels.size > 1
        else levels
    )
    darker = (paper - gray) * np.float32(255) / np.maximum(paper, np.float32(1))
    return np.asarray(np.maximum(darker, np.float32(0)), np.uint8)


@dataclass(frozen=True)
class _Candidate:
    """A row that may be the line.

    Attributes:
        row: its place.
        pitch: from symbol to symbol, in digits' heights.
        is_turned: whether it is upside down.
        is_clear: whether that is to be seen.
        likeness: mean correlation of its symbols with the most similar ones of E-13B.
    """

    row: Row
    pitch: float
    is_turned: bool
    is_clear: bool
    likeness: float


def _candidate(ink: Gray, row: Row) -> _Candidate:
    """Measures a row's pitch, and whether it is upside down."""
    band = _band(ink, row, 1.0)
    pitch = max((_peak(edges) for edges in _edges(band)), key=lambda peak: peak[1])[0] / DIGIT
    band = _band(ink, row, pitch * DIGIT / PITCH)
    upright, turned = _matches(band), _matches(band[::-1, ::-1])
    evidence = _evidence(upright), _evidence(turned)
    is_turned = evidence[1] > _LIKELIER * evidence[0]
    is_clear = max(evidence) > _CLEAR * min(evidence)
    return _Candidate(row, pitch, is_turned, is_clear, _likeness(turned if is_turned else upright))


def _doubt(line: _Candidate, *others: _Candidate) -> str | None:
    """Returns why a line must not be accepted, whatever is read of it; None: nothing speaks against it."""
    if line.likeness < _UNLIKE:
        return f"no E-13B line: its symbols resemble that font's by {line.likeness:.2f}, at least {_UNLIKE} is expected"
    if not line.is_clear:
        return "unclear which way up it is: most of its symbols look alike upside down"
    for other in others:
        if min(line.likeness, other.likeness) >= _ALIKE and other.row.count >= _SECOND * line.row.count:
            return "two lines: pass crop=x,y,width,height, so that one is seen"
    return None


def _matches(band: Gray) -> npt.NDArray[np.float32]:
    """Correlates what ends in a level band with each of E-13B's symbols, float32 [ends, 14]."""
    templates = _templates()
    width = templates.shape[1] // DIGIT
    padded = np.pad(band.astype(np.float32), ((0, 0), (width, 1)))
    ends = ((padded[:, :-1].max(0) > _SEEN) & (padded[:, 1:].max(0) <= _SEEN)).nonzero()[0] + 1
    if not len(ends):
        return np.zeros((0, len(templates)), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(padded, width, 1)[:, ends - width]
    flat = windows.transpose(1, 0, 2).reshape(len(ends), -1)
    flat = flat - flat.mean(1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True) + np.float32(1e-6)
    return np.asarray(flat @ templates.T)


def _likeness(matches: npt.NDArray[np.float32]) -> float:
    """Returns how much symbols resemble E-13B's: the mean of each one's best correlation."""
    return float(matches.max(1).mean()) if len(matches) else 0.0


def _evidence(matches: npt.NDArray[np.float32]) -> float:
    """Returns how much speaks for symbols to stand upright; those that look alike upside down, such as 0, say nothing."""
    best = matches.argmax(1)
    return float((_one_way()[best] * np.maximum(matches.max(1), 0) ** 4).sum()) if len(matches) else 0.0


@functools.cache
def _one_way() -> npt.NDArray[np.float32]:
    """Returns how little each of E-13B's symbols resembles any of them upside down, float32 [14]."""
    shapes = _templates().reshape(len(e13b.GLYPHS), DIGIT, -1)
    turned = shapes[:, ::-1, ::-1]
    shifts = range(-_SHIFTED, _SHIFTED + 1)
    alike = [np.einsum("ayx,byx->ab", shapes, np.roll(turned, shift, 2)).max(1) for shift in shifts]
    return np.asarray(1 - np.max(alike, 0), np.float32)


@functools.cache
def _templates() -> npt.NDArray[np.float32]:
    """Returns E-13B's symbols as they are in a band, float32 [14, DIGIT · columns], each of mean 0 and length 1."""
    across, down = PITCH / e13b.PITCH, DIGIT / e13b.HEIGHT
    size = round(7 * across) + 1, DIGIT
    rasters = [e13b.raster(glyph, (across, down), size) for glyph in e13b.GLYPHS.values()]
    flat = np.array(rasters, np.float32).reshape(len(rasters), -1)
    flat -= flat.mean(1, keepdims=True)
    return np.asarray(flat / np.linalg.norm(flat, axis=1, keepdims=True), np.float32)


def _band(ink: Gray, row: Row, stretch: float) -> Gray:
    """Returns the row's ink alone, laid level, a digit's height `DIGIT` rows; uint8 [DIGIT, w].

    Its columns stand for `stretch` times as many of the ink's as its rows.
    """
    down = row.height / DIGIT
    across = down * stretch
    width = max(8, int((row.right - row.left) / across) + 3)
    return _sample(ink, row.matrix(row.left - across, row.top, across, down), width, DIGIT)


def _edges(band: Gray) -> tuple[_Floats, _Floats]:
    """Returns for each column whether symbols end left of it, and whether they begin there."""
    inked = np.pad(band.max(0) > _SEEN, 1).astype(np.float64)
    change = np.diff(inked)
    return np.maximum(-change, 0), np.maximum(change, 0)


def _peak(edges: _Floats) -> tuple[float, float]:
    """Returns the pitch, in columns, at which edges are most regular, and how much so: 0 to 1."""
    size = _FINENESS * 2 ** int(np.ceil(np.log2(len(edges))))
    first, last = (int(size / (share * DIGIT)) for share in (_PITCHES[1], _PITCHES[0]))
    strengths = np.abs(np.fft.rfft(edges, size)[first : last + 1])
    best = int(strengths.argmax())
    return size / (first + best), float(strengths[best] / max(edges.sum(), 1.0))


def _scaled(work: _Work, line: _Candidate) -> Field:
    """Cuts the line out, upright, its pitch and its height as the network has them."""
    row, down = line.row, line.row.height / DIGIT
    across = line.pitch * row.height / PITCH
    width = int(np.ceil((row.right - row.left) / across)) + 2 * _ENDS
    if width > MAX_WIDTH:
        return _unreadable(f"too long: {width // PITCH} symbols' room, at most {MAX_WIDTH // PITCH} are read")
    matrix = row.matrix(row.left - _ENDS * across, row.top - (HEIGHT - DIGIT) / 2 * down, across, down)
    above = matrix - REACH * matrix[:, 1:2] * [[0.0, 0.0, 1.0]]
    band = _sample(work.ink, above, width, HEIGHT + 2 * REACH)
    drops = micr_leveling.drops(band, DIGIT)
    pixels = micr_leveling.leveled(band, drops, HEIGHT)
    if line.is_turned:
        pixels, drops = pixels[::-1, ::-1], -drops[::-1]
        matrix = matrix @ np.array([[-1.0, 0, width], [0, -1, HEIGHT], [0, 0, 1]])
    inked = (pixels[(HEIGHT - DIGIT) // 2 : (HEIGHT + DIGIT) // 2].max(0) > _SEEN).nonzero()[0]
    if not len(inked):
        return _unreadable("blank: no ink found")
    first, last = int(inked[0]), int(inked[-1]) + 1
    matrix[:, 2] += first * matrix[:, 0]
    return Field(
        np.ascontiguousarray(pixels[:, first:last]), matrix * work.block, None, drops=drops[first:last]
    )


def _sample(ink: Gray, matrix: _Floats, width: int, height: int) -> Gray:
    """Samples the ink at twice the resolution and averages; `matrix` maps the result's x, y, 1 to the ink's x, y."""
    finer = matrix * [[0.5, 0.5, 1.0]]
    twice = Image.fromarray(ink).transform(
        (2 * width, 2 * height), Image.Transform.AFFINE, finer.ravel().tolist(), Image.Resampling.BILINEAR
    )
    return np.asarray(twice.reduce(2))


def _unreadable(problem: str) -> Field:
    return Field(np.zeros((HEIGHT, 1), np.uint8), np.array([[1.0, 0, 0], [0, 1, 0]]), problem)
