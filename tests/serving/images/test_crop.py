"""The part of a picture that is read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from serving.errors import CheckreaderError, TooLarge
from serving.images.codec import Frame
from serving.images.crop import PageLimit, apply_crop, is_small, normalize_each, parse_crop
from tests.support import tiff as by_hand
from tests.support.tiny import png, seven, tiff

GRAY = np.arange(12, dtype=np.uint8).reshape(3, 4)


def test_apply_crop() -> None:
    assert apply_crop(GRAY, (1, 0, 2, 3)).tolist() == [[1, 2], [5, 6], [9, 10]]
    assert apply_crop(GRAY, (3, 2, 1, 1)).tolist() == [[11]]
    assert apply_crop(GRAY, None) is GRAY


@pytest.mark.parametrize(
    "crop",
    [(-1, 0, 2, 2), (0, -1, 2, 2), (0, 0, 0, 1), (0, 0, 1, 0), (2, 0, 3, 1), (0, 2, 1, 2), (4, 0, 1, 1)],
)
def test_outside_the_picture(crop: tuple[int, int, int, int]) -> None:
    text = ",".join(map(str, crop))
    with pytest.raises(CheckreaderError, match=f"crop {text} does not lie inside the picture of 4×3 pixels"):
        apply_crop(GRAY, crop)


@given(st.tuples(*[st.integers(-999_999_999, 999_999_999)] * 4))
def test_parse_crop(crop: tuple[int, int, int, int]) -> None:
    assert parse_crop(",".join(map(str, crop))) == crop


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,2,3",
        "1,2,3,4,5",
        "1, 2,3,4",
        "+1,2,3,4",
        "1_0,2,3,4",
        "a,b,c,d",
        "1.0,2,3,4",
        "٤,2,3,4",
        "9" * 60,
    ],
)
def test_no_crop(text: str) -> None:
    with pytest.raises(CheckreaderError, match="crop must be x,y,width,height in whole pixels") as error:
        parse_crop(text)
    assert len(str(error.value)) < 110


def size(part: Frame, page: int) -> tuple[int, int, int]:
    return page, *part.gray.shape


def test_normalize_each() -> None:
    pictures = [png(seven(40)), tiff(seven(60), seven(50))]
    assert normalize_each(pictures, (3, 2, 20, 10), size) == [(1, 10, 20), (1, 10, 20), (2, 10, 20)]
    assert normalize_each(pictures, None, size) == [(1, 40, 40), (1, 60, 60), (2, 50, 50)]
    assert normalize_each([], None, size) == []


@given(st.lists(st.lists(st.integers(0, 255), min_size=1, max_size=4), max_size=5))
def test_picture_by_picture_and_page_by_page(pictures: list[list[int]]) -> None:
    encoded = [tiff(*(Image.new("L", (2, 1), level) for level in levels)) for levels in pictures]
    expected = [(level, page) for levels in pictures for page, level in enumerate(levels, 1)]
    assert normalize_each(encoded, None, lambda part, page: (int(part.gray[0, 0]), page)) == expected


def test_limits_count_pages() -> None:
    pictures = [tiff(seven(40), seven(50)), png(seven(60))]
    assert len(normalize_each(pictures, None, size, PageLimit(3, 5000))) == 3
    with pytest.raises(CheckreaderError, match="too many pictures: 3 pages, at most 2 in one request"):
        normalize_each(pictures, None, size, PageLimit(2))
    # The pixels of a picture, of however many others it is one.
    with pytest.raises(
        TooLarge, match=r"^picture 1 of 2: page 2 of 2: pages too large: at most 4,000 pixels"
    ):
        normalize_each(pictures, None, size, PageLimit(3, 4000))


def test_an_error_names_the_picture() -> None:
    with pytest.raises(CheckreaderError, match=r"^picture 2 of 2: not a picture"):
        normalize_each([png(seven(40)), b"hello"], None, size)
    with pytest.raises(CheckreaderError, match=r"^not a picture"):
        normalize_each([b"hello"], None, size)


def test_an_error_names_the_page() -> None:
    scan = tiff(seven(60), seven(40))
    crop = (0, 0, 50, 50)
    with pytest.raises(CheckreaderError, match=r"^page 2 of 2: crop 0,0,50,50 does not lie inside"):
        normalize_each([scan], crop, size)
    with pytest.raises(CheckreaderError, match=r"^picture 2 of 2: page 2 of 2: crop"):
        normalize_each([png(seven(60)), scan], crop, size)


def test_an_error_keeps_its_kind() -> None:
    def refuse(part: Frame, page: int) -> None:
        raise TooLarge("too large")

    with pytest.raises(TooLarge, match="picture 1 of 2: too large"):
        normalize_each([png(seven(40))] * 2, None, refuse)


def test_is_small() -> None:
    assert is_small(png(seven(180)))
    assert not is_small(png(seven(190)))  # more pixels
    assert not is_small(png(seven(180)) + bytes(2**15))  # more bytes
    assert not is_small(b"no picture")
    assert is_small(png(seven(60), "TIFF"))
    assert not is_small(tiff(seven(60), seven(60)))  # more pages
    page, thumbnail = (np.zeros((side, side), np.uint8) for side in (181, 9))
    assert is_small(by_hand.write([(page[1:, 1:], {}), (thumbnail, {254: 1})]))
    assert not is_small(by_hand.write([(thumbnail, {254: 1}), (page, {})]))
