"""Fields drawn with a font, on everything that paper does to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw, ImageFont

from serving.images.field import MAX_WIDTH, normalize_field
from tests.support.comb_pictures import in_cells, rings, strip

PAPER, INK = 235, 30
TEXT = "12507-"


def written(
    text: str = TEXT, size: int = 40, shape: tuple[int, int] = (90, 300), left: int = 40, ink: int = INK
) -> Image.Image:
    height, width = shape
    picture = Image.new("L", (width, height), PAPER)
    font = ImageFont.load_default(size)
    ImageDraw.Draw(picture).text((left, height / 2), text, ink, font=font, anchor="lm")
    return picture


def ruled() -> Image.Image:
    picture = written()
    ImageDraw.Draw(picture).line((0, 72, 300, 68), 60, 2)
    return picture


def underlined_through() -> Image.Image:
    picture = written()
    ImageDraw.Draw(picture).line((0, 57, 300, 57), 60, 2)
    return picture


def boxed() -> Image.Image:
    picture = written()
    ImageDraw.Draw(picture).rectangle((6, 5, 293, 84), outline=40, width=3)
    return picture


def patterned() -> Image.Image:
    paper = Image.new("L", (300, 90), PAPER)
    draw = ImageDraw.Draw(paper)
    for x in range(-90, 300, 7):
        draw.line((x, 0, x + 90, 90), 165, 1)
        draw.line((x + 90, 0, x, 90), 175, 1)
    return Image.fromarray(np.minimum(np.asarray(paper), np.asarray(written())))


def shaded() -> Image.Image:
    light = np.linspace(1, 0.4, 300)[None, :] * np.linspace(1, 0.7, 90)[:, None]
    return Image.fromarray((np.asarray(written()) * light).astype(np.uint8))


def sheared(slant: float) -> Image.Image:
    return written().transform(
        (300, 90), Image.Transform.AFFINE, (1, slant, -45 * slant, 0, 1, 0), fillcolor=PAPER
    )


def turned(degrees: float) -> Image.Image:
    return written().rotate(degrees, Image.Resampling.BICUBIC, fillcolor=PAPER)


PICTURES = {
    "plain": written(),
    "ruled": ruled(),
    "a rule through the digits": underlined_through(),
    "boxed": boxed(),
    "patterned": patterned(),
    "shaded": shaded(),
    "inverted": Image.fromarray(255 - np.asarray(written())),
    "faint": written(ink=205),
    "fax": written().point(lambda level: 255 * (level > 128)),
    "scan": written(size=320, shape=(700, 2000), left=150),
    "scan of little writing": written(size=100, shape=(700, 2000), left=700),
    "slanted": sheared(0.5),
    "turned left": turned(5),
    "turned right": turned(-7),
}
EXPECTED = normalize_field(np.asarray(written())).pixels


def rows(pixels: np.ndarray) -> tuple[int, int]:
    inked = np.flatnonzero((pixels > 128).any(1))
    return int(inked[0]), int(inked[-1]) + 1


def strokes(pixels: np.ndarray) -> list[tuple[int, int]]:
    """The columns of each piece that paper separates."""
    on = np.concatenate([[False], (pixels > 96).any(0), [False]])
    steps = np.flatnonzero(np.diff(on))
    return [(int(a), int(b)) for a, b in zip(steps[::2], steps[1::2], strict=True)]


@pytest.mark.parametrize("name", PICTURES)
def test_digits_are_twenty_rows_high(name: str) -> None:
    field = normalize_field(np.asarray(PICTURES[name]))
    assert field.problem is None
    assert field.pixels.shape[0] == 32
    assert field.pixels.dtype == np.uint8
    top, bottom = rows(field.pixels)
    assert 18 <= bottom - top <= 23
    assert abs((top + bottom) / 2 - 16) <= 1.5


@pytest.mark.parametrize("name", PICTURES)
def test_nothing_but_the_digits_and_the_dash(name: str) -> None:
    pixels = normalize_field(np.asarray(PICTURES[name])).pixels
    assert abs(pixels.shape[1] - EXPECTED.shape[1]) <= 6
    assert len(strokes(pixels)) == len(TEXT)
    first, last = strokes(pixels)[-1]
    top, bottom = rows(pixels[:, first:last])
    assert bottom - top <= 5
    assert 4 <= last - first <= 12


@pytest.mark.parametrize("name", PICTURES)
def test_ink_is_ink_and_paper_is_paper(name: str) -> None:
    pixels = normalize_field(np.asarray(PICTURES[name])).pixels
    assert (pixels > 200).mean() > 0.6 * (EXPECTED > 200).mean()
    assert (pixels < 16).mean() > 0.55
    assert (pixels[:, 0] > 64).any()
    assert (pixels[:, -1] > 64).any()


@pytest.mark.parametrize("name", sorted(PICTURES.keys() - {"shaded", "patterned"}))
def test_map_back_to_the_picture(name: str) -> None:
    gray = np.asarray(PICTURES[name])
    field = normalize_field(gray)
    y, x = np.nonzero(field.pixels > 200)
    places = field.to_picture @ np.stack([x + 0.5, y + 0.5, np.ones(len(x))])
    column, row = np.floor(places).astype(int)
    darkness = np.abs(gray.astype(int) - int(gray[gray.shape[0] // 2, 12]))
    assert (darkness[row, column] > 0.5 * darkness.max()).mean() > 0.9


def test_boxes_of_digits_map_back() -> None:
    font = ImageFont.load_default(40)
    field = normalize_field(np.asarray(written()))
    for index, (left, right) in enumerate(strokes(field.pixels)[:5]):
        alone = Image.new("L", (300, 90))
        start = 40 + font.getlength(TEXT[:index])
        ImageDraw.Draw(alone).text((start, 45), TEXT[index], 255, font=font, anchor="lm")
        top, bottom = rows(field.pixels[:, left:right])
        corners = field.to_picture @ np.array([[left, right], [top, bottom], [1, 1]])
        assert corners.T.ravel() == pytest.approx(alone.getbbox(), abs=2)


def test_points_are_kept() -> None:
    pixels = normalize_field(np.asarray(written("1 . 250 , 75"))).pixels
    stretches = strokes(pixels)
    assert len(stretches) == 8
    for index in (1, 5):
        top, _ = rows(pixels[:, slice(*stretches[index])])
        assert top > 20


def test_a_long_dash_is_kept() -> None:
    picture = written("750")
    ImageDraw.Draw(picture).line((140, 45, 200, 47), INK, 4)
    first, last = strokes(normalize_field(np.asarray(picture)).pixels)[-1]
    assert last - first > 30


def test_a_stroke_that_links_zeros_is_no_rule() -> None:
    picture = Image.new("L", (220, 60), PAPER)
    draw = ImageDraw.Draw(picture)
    for x in (30, 80, 130):
        draw.ellipse((x, 16, x + 36, 44), outline=INK, width=3)
    draw.line((40, 43, 165, 43), INK, 2)
    pixels = normalize_field(np.asarray(picture)).pixels
    assert np.ptp(rows(pixels)) == pytest.approx(20, abs=2)
    assert len(strokes(pixels)) == 1


@pytest.mark.parametrize("part", [(0, 5, 105, 5), (0, 86, 105, 86)], ids=["above", "below"])
def test_a_part_of_a_rule_does_not_make_digits_smaller(part: tuple[int, int, int, int]) -> None:
    """It is too short for a rule, and stands over digits as a 5's bar does."""
    picture = written()
    plain = normalize_field(np.asarray(picture))
    ImageDraw.Draw(picture).line(part, INK, 3)
    field = normalize_field(np.asarray(picture))
    assert rows(field.pixels) == pytest.approx(rows(plain.pixels), abs=1)
    assert len(strokes(field.pixels)) == len(strokes(plain.pixels))


def test_small_zeros_behind_a_tall_one() -> None:
    picture = written("0000", size=30, left=90)
    ImageDraw.Draw(picture).line((70, 66, 84, 12), INK, 4)
    pixels = normalize_field(np.asarray(picture)).pixels
    assert 14 <= np.ptp(rows(pixels[:, pixels.shape[1] // 2 :])) <= 21
    assert not (pixels[[0, -1]] > 128).sum(1).max() > 4


def test_one_digit_is_not_slanted() -> None:
    pixels = normalize_field(np.asarray(written("7", shape=(90, 60), left=20))).pixels
    # The stem of a 7 leans: its foot is left of its middle.
    foot, middle = (np.flatnonzero(pixels[row] > 128).mean() for row in (24, 14))
    assert foot < middle - 1


@pytest.mark.parametrize("level", [0, 127, 255])
@pytest.mark.parametrize("shape", [(1, 1), (53, 155), (1, 20000), (700, 900), (900, 3)])
def test_blank(level: int, shape: tuple[int, int]) -> None:
    field = normalize_field(np.full(shape, level, np.uint8))
    assert field.problem == "blank: no ink found"
    assert field.pixels.shape == (32, 1)
    assert not field.pixels.any()


def test_too_long() -> None:
    field = normalize_field(np.tile(np.asarray(written())[10:80], (1, 20)))
    assert field.problem is not None
    assert field.problem.startswith("too long: ")
    assert str(MAX_WIDTH) in field.problem
    assert field.pixels.shape == (32, 1)


@pytest.mark.parametrize("enlarged", [1, 4])
def test_a_combs_cells_lie_around_the_digits(enlarged: int) -> None:
    """Also where the picture is large, and rules and digits lie in blocks of pixels."""
    form = strip(7)
    digits = rings(in_cells(7), form.shape[1])
    gray = np.where(digits, INK, np.where(form, 100, PAPER)).astype(np.uint8)
    field = normalize_field(gray.repeat(enlarged, 0).repeat(enlarged, 1))
    assert len(field.cells) == 7
    inked = np.flatnonzero(np.diff(np.concatenate([[0], (field.pixels > 128).any(0), [0]])))
    for (left, right), first, last in zip(field.cells, inked[::2], inked[1::2], strict=True):
        assert left < first < last < right
        assert abs((left + right) / 2 - (first + last) / 2) < 2


def test_without_a_comb_there_are_no_cells() -> None:
    assert normalize_field(np.asarray(written())).cells == ()
    assert normalize_field(np.asarray(ruled())).cells == ()


def test_same_picture_same_field() -> None:
    one, other = (normalize_field(np.asarray(patterned())) for _ in range(2))
    assert (one.pixels == other.pixels).all()
    assert (one.to_picture == other.to_picture).all()


def test_picture_is_left_alone() -> None:
    gray = np.asarray(boxed()).copy()
    before = gray.copy()
    normalize_field(gray)
    assert (gray == before).all()


@st.composite
def rubbish(draw: st.DrawFn) -> np.ndarray:
    shape = draw(st.tuples(st.integers(1, 130), st.integers(1, 300)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["noise", "specks", "stripes", "blocks"]))
    if kind == "noise":
        return rng.integers(0, 256, shape, np.uint8)
    if kind == "specks":
        return np.where(rng.random(shape) < draw(st.floats(0, 1)), 0, 255).astype(np.uint8)
    period = draw(st.integers(2, 40))
    if kind == "stripes":
        stripes = (np.indices(shape) * [[[rng.integers(0, 3)]], [[rng.integers(0, 3)]]]).sum(0) % period
        return np.where(stripes < period / 2, 40, 200).astype(np.uint8)
    small = rng.integers(0, 256, (shape[0] // period + 1, shape[1] // period + 1), np.uint8)
    return np.kron(small, np.ones((period, period), np.uint8))[: shape[0], : shape[1]]


@settings(deadline=None)
@given(
    st.one_of(
        rubbish(), hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24))
    )
)
def test_rubbish_never_raises(gray: np.ndarray) -> None:
    field = normalize_field(np.ascontiguousarray(gray))
    assert field.pixels.shape[0] == 32
    assert 1 <= field.pixels.shape[1] <= MAX_WIDTH
    assert field.pixels.dtype == np.uint8
    assert field.to_picture.shape == (2, 3)
    assert np.isfinite(field.to_picture).all()
    assert (field.problem is None) == field.pixels.any()
