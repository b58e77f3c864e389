"""`normalize` against a second, slow implementation written from its specification alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from pipeline.evaluation import lights
from serving.images.codec import decode
from serving.images.digit import normalize, tensor
from tests.support.tiny import png, seven

Rows = list[list[int]]

MIN_CONTRAST = 32


# --- The specification, step by step, in plain Python ---


def rounded(a: int, b: int) -> int:
    return (a + b // 2) // b


def ceiling(a: int, b: int) -> int:
    return -(-a // b)


def window(work: Rows, y: int, x: int, r: int) -> list[int]:
    rows = work[max(0, y - r) : y + r + 1]
    return [value for row in rows for value in row[max(0, x - r) : x + r + 1]]


def over_windows(work: Rows, r: int, pick) -> Rows:
    return [[pick(window(work, y, x, r)) for x in range(len(work[0]))] for y in range(len(work))]


def shrink(gray: Rows, k: int) -> Rows:
    out = []
    for y in range(0, len(gray), k):
        out.append([])
        for x in range(0, len(gray[0]), k):
            block = [value for row in gray[y : y + k] for value in row[x : x + k]]
            out[-1].append(rounded(sum(block), len(block)))
    return out


def skewness(deviations: list[int]) -> int:
    cubes, sizes = sum(d**3 for d in deviations), sum(abs(d) ** 3 for d in deviations)
    if not sizes:
        return 0
    share = 1024 * abs(cubes) // sizes
    return share if cubes > 0 else -share


def dark_on_light(work: Rows) -> Rows:
    longer = max(len(work), len(work[0]))
    r, every, total = ceiling(longer, 4), ceiling(longer, 64), 0
    for lines in (work, transposed(work)):
        means, ends = [], []
        for line in lines[::every]:
            n = len(line)
            for i, value in enumerate(line):
                side = min(r, i, n - 1 - i)
                near = line[i - side : i + side + 1]
                means.append(value - sum(near) // len(near))
                ends.append(value - (line[0] + line[-1]) // 2)
        total += 4 * skewness(means) + skewness(ends)
    return [[255 - value for value in row] for row in work] if total > 0 else work


def closed(line: list[int], r: int) -> list[int]:
    """Closes a line that has black beyond its ends."""
    windows = [range(start, start + 2 * r + 1) for start in range(-2 * r, len(line))]
    largest = [max(line[i] for i in window if 0 <= i < len(line)) for window in windows]
    return [
        min(level for level, window in zip(largest, windows, strict=True) if i in window)
        for i in range(len(line))
    ]


def darker(work: Rows, paper: Rows) -> Rows:
    return [
        [rounded(255 * (p - v), p) if v < p else 0 for v, p in zip(row, papers, strict=True)]
        for row, papers in zip(work, paper, strict=True)
    ]


def inked(work: Rows) -> tuple[Rows, Rows]:
    """Ink and inner ink."""
    r = ceiling(max(len(work), len(work[0])), 6)
    paper = over_windows(over_windows(work, r, max), r, min)
    rows = [closed(row, r) for row in work]
    columns = transposed([closed(column, r) for column in transposed(work)])
    inner = [
        [max(pair) for pair in zip(row, column, strict=True)]
        for row, column in zip(rows, columns, strict=True)
    ]
    return darker(work, paper), darker(work, inner)


def contrasted(ink: Rows, least: int) -> tuple[Rows, int] | None:
    """The ink with its levels stretched, and its contrast."""
    values = sorted(value for row in ink for value in row)
    n, s = len(values), sum(values)
    best = None
    for t in range(256):
        n0 = sum(value <= t for value in values)
        s0 = sum(values[:n0])
        if 0 < n0 < n:
            spread = abs(n * s0 - n0 * s)
            variance = (spread // n0) * (spread // (n - n0))
            if best is None or variance > best[0]:
                best = variance, n0, s0
    if best is None:
        return None
    _, n0, s0 = best
    contrast = (s - s0) // (n - n0) - s0 // n0
    if contrast < least:
        return None
    lo = values[ceiling(9 * n0, 10) - 1]
    hi = values[n0 + ceiling(3 * (n - n0), 4) - 1]
    stretched = [[min(255, max(0, rounded(255 * (value - lo), hi - lo))) for value in row] for row in ink]
    return stretched, contrast


def blobs(ink: Rows) -> list[set[tuple[int, int]]]:
    """8-connected components of ink ≥ 64, in reading order."""
    left = {(y, x) for y, row in enumerate(ink) for x, value in enumerate(row) if value >= 64}
    components = []
    for start in sorted(left):
        if start not in left:
            continue
        left.discard(start)
        blob, queue = {start}, [start]
        while queue:
            y, x = queue.pop()
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            blob |= near
            queue += near
        components.append(blob)
    return components


def body(ink: Rows, inner: Rows) -> tuple[Rows, int, int]:
    """The digit, its first row and its first column."""
    height, width = len(ink), len(ink[0])
    components = blobs(ink)
    mass = [sum(inner[y][x] for y, x in blob) for blob in components]
    edge = [any(y in (0, height - 1) or x in (0, width - 1) for y, x in blob) for blob in components]
    heaviest = mass.index(max(mass))
    keep = [m * 16 >= mass[heaviest] and (edge[heaviest] or not e) for m, e in zip(mass, edge, strict=True)]
    erased = {place for blob, kept in zip(components, keep, strict=True) if not kept for place in blob}
    ys, xs = zip(
        *(place for blob, kept in zip(components, keep, strict=True) if kept for place in blob), strict=True
    )
    digit = [
        [0 if (y, x) in erased else ink[y][x] for x in range(min(xs), max(xs) + 1)]
        for y in range(min(ys), max(ys) + 1)
    ]
    return digit, min(ys), min(xs)


def resampled(row: list[int], m: int) -> list[int]:
    n = len(row)
    out = []
    for i in range(m):
        weights = [max(0, 2 * max(n, m) - abs((2 * i + 1) * n - (2 * j + 1) * m)) for j in range(n)]
        out.append(rounded(sum(w * p for w, p in zip(weights, row, strict=True)), sum(weights)))
    return out


def transposed(rows: Rows) -> Rows:
    return [list(column) for column in zip(*rows, strict=True)]


def fitted(part: Rows) -> Rows:
    height, width = len(part), len(part[0])
    longer = max(height, width)
    new_height, new_width = (max(1, rounded(20 * side, longer)) for side in (height, width))
    across = [resampled(row, new_width) for row in part]
    scaled = transposed([resampled(column, new_height) for column in transposed(across)])
    largest = max(max(row) for row in scaled)
    return [[rounded(255 * value, largest) for value in row] for row in scaled]


def centered(part: Rows) -> Rows:
    def offset(profile: list[int]) -> int:
        mass, moment = sum(profile), sum(v * (2 * x + 1) for x, v in enumerate(profile))
        return min(max(ceiling(28 * mass - moment, 2 * mass), 0), 28 - len(profile))

    top, left = offset([sum(row) for row in part]), offset([sum(column) for column in transposed(part)])
    out = [[0] * 28 for _ in range(28)]
    for y, row in enumerate(part):
        out[top + y][left : left + len(row)] = row
    return out


def specified(gray: Rows) -> Rows:
    blank = [[0] * 28] * 28
    k = ceiling(max(len(gray), len(gray[0])), 128)
    ink, inner = inked(dark_on_light(shrink(gray, k)))
    stretched = contrasted(ink, MIN_CONTRAST if k == 1 else 4)
    if stretched is None:
        return blank
    digit, top, left = body(stretched[0], inner)
    side = max(len(digit), len(digit[0]))
    if k == 1 or side >= 24:
        return blank if stretched[1] < MIN_CONTRAST else centered(fitted(digit))
    if side < 2:
        return blank
    margin = side // 2 + 1
    rows = gray[max(0, top - margin) * k : (top + len(digit) + margin) * k]
    return specified([row[max(0, left - margin) * k : (left + len(digit[0]) + margin) * k] for row in rows])


# --- Against it ---


@st.composite
def scribbles(draw: st.DrawFn) -> np.ndarray:
    """Paper with some shade and a few strokes: more like a digit than noise is."""
    height, width = draw(st.integers(6, 24)), draw(st.integers(6, 24))
    paper, shade = draw(st.integers(0, 255)), draw(st.integers(-4, 4))
    picture = paper + shade * np.arange(width)[None, :] + np.zeros((height, 1), int)
    for _ in range(draw(st.integers(1, 4))):
        y, x = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        long, level = draw(st.integers(1, 12)), draw(st.integers(0, 255))
        if draw(st.booleans()):
            picture[y : y + long, x : x + 2] = level
        else:
            picture[y : y + 2, x : x + long] = level
    return np.clip(picture, 0, 255).astype(np.uint8)


NOISE = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=16))


@settings(max_examples=60, deadline=None)
@given(st.one_of(NOISE, scribbles()))
@example(np.array([[170], [48], [4], [180], [237]], np.uint8))  # every pixel is at the edge, once
def test_specification(gray: np.ndarray) -> None:
    assert normalize(gray).tolist() == specified(gray.tolist())


@pytest.mark.parametrize("shape", [(130, 6), (5, 261), (129, 40), (270, 150)])
def test_specification_of_shrinking(shape: tuple[int, int]) -> None:
    gray = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    gray[shape[0] // 3 : shape[0] // 2, shape[1] // 3 : shape[1] // 2 + 1] = 0
    assert normalize(gray).tolist() == specified(gray.tolist())


@settings(max_examples=6, deadline=None)
@given(scribbles(), st.integers(0, 150), st.integers(0, 100))
def test_specification_of_zooming(drawing: np.ndarray, top: int, left: int) -> None:
    gray = np.full((180, 140), int(np.median(drawing)), np.uint8)
    gray[top : top + drawing.shape[0], left : left + drawing.shape[1]] = drawing
    assert normalize(gray).tolist() == specified(gray.tolist())


# --- What a person expects of it ---

EXPECTED = normalize(np.asarray(seven(100)))


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference in levels over the pixels that hold ink in either."""
    ink = (one > 0) | (other > 0)
    return float(np.abs(one.astype(int) - other)[ink].mean())


def shape_distance(one: np.ndarray, other: np.ndarray) -> float:
    """The least distance after shifts by up to a pixel: the center of mass may round to the next one."""
    return min(distance(one, np.roll(other, (y, x), (0, 1))) for y in (-1, 0, 1) for x in (-1, 0, 1))


def test_form() -> None:
    assert EXPECTED.shape == (28, 28)
    assert EXPECTED.dtype == np.uint8
    assert EXPECTED.max() == 255
    rows, columns = EXPECTED.any(1).sum(), EXPECTED.any(0).sum()
    assert max(rows, columns) == 20


def test_polarity_does_not_matter() -> None:
    gray = np.asarray(seven(100))
    assert (normalize(255 - gray) == EXPECTED).all()


@pytest.mark.parametrize("paper", [255, 200, 120])
def test_contrast_does_not_matter(paper: int) -> None:
    assert distance(normalize(np.asarray(seven(100, ink=paper // 4, paper=paper))), EXPECTED) < 3


def test_place_does_not_matter() -> None:
    wide = Image.new("L", (128, 110), 240)
    wide.paste(seven(100), (20, 4))
    assert distance(normalize(np.asarray(wide)), EXPECTED) < 12


def test_shadow_does_not_matter() -> None:
    light = np.linspace(1.0, 0.45, 100)[None, :]
    assert distance(normalize((np.asarray(seven(100)) * light).astype(np.uint8)), EXPECTED) < 12


@pytest.mark.parametrize("ink_is_light", [False, True])
@pytest.mark.parametrize("kind", list(lights.KINDS))
def test_light_does_not_matter(kind: str, ink_is_light: bool) -> None:
    lit = lights.relight(np.asarray(seven(100)), kind)
    assert shape_distance(normalize(255 - lit if ink_is_light else lit), EXPECTED) < 30


def test_a_shadows_end_is_no_stroke() -> None:
    gray = np.asarray(seven(100)).astype(int)
    gray[:, 93:] = gray[:, 93:] * 2 // 5
    assert distance(normalize(gray.astype(np.uint8)), EXPECTED) < 12


def test_inverted_sides_do_not_turn_the_polarity() -> None:
    """The `stripe` of MNIST-C: the left and the right quarter are inverted."""
    light = 255 - np.asarray(seven(100))
    light[:, :18] = 255 - light[:, :18]
    light[:, 82:] = 255 - light[:, 82:]
    assert distance(normalize(light), EXPECTED) < 12


@pytest.mark.parametrize("side", [60, 100, 200])
@pytest.mark.parametrize("corner", [(0, 0), (700, 1380), (1500 - 200, 2000 - 200)])
def test_a_small_digit_in_a_large_picture(side: int, corner: tuple[int, int]) -> None:
    page = np.full((1500, 2000), 240, np.uint8)
    page[corner[0] : corner[0] + side, corner[1] : corner[1] + side] = np.asarray(seven(side))
    assert shape_distance(normalize(page), normalize(np.asarray(seven(side)))) < 35


@pytest.mark.parametrize("side", [1, 8])
def test_dust_on_a_large_picture_is_no_digit(side: int) -> None:
    page = np.full((3000, 4000), 240, np.uint8)
    page[1200 : 1200 + side, 900 : 900 + side] = 30
    assert not normalize(page).any()


def test_specks_and_frame_do_not_matter() -> None:
    gray = np.asarray(seven(100)).copy()
    gray[90:92, 60:62] = 0
    gray[:, :2] = 0
    assert distance(normalize(gray), EXPECTED) < 12


def test_gray_levels_do_not_matter() -> None:
    gray = np.asarray(seven(100))
    assert distance(normalize(np.where(gray > 128, 255, 0).astype(np.uint8)), EXPECTED) < 12


def test_color_does_not_matter() -> None:
    blue, cream = (30, 40, 140), (250, 240, 215)
    color = Image.composite(
        Image.new("RGB", (100, 100), cream), Image.new("RGB", (100, 100), blue), seven(100)
    )
    assert distance(normalize(decode(png(color))), EXPECTED) < 12


@pytest.mark.parametrize("level", [0, 127, 255])
@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (3, 200)])
def test_blank(level: int, shape: tuple[int, int]) -> None:
    assert not normalize(np.full(shape, level, np.uint8)).any()


def test_tensor_keeps_pixels() -> None:
    pixels = np.arange(784, dtype=np.uint16).astype(np.uint8).reshape(1, 28, 28)
    image = tensor(pixels)
    assert image.shape == (1, 28, 28, 1)
    assert image.dtype == np.float32
    assert (np.rint(image * np.float32(255)).astype(np.uint8)[..., 0] == pixels).all()
    assert (image.min(), image.max()) == (0, 1)
