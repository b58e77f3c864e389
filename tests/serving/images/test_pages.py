"""The pages of TIFFs of every kind, of hostile ones, and of what has none."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from serving.errors import CheckreaderError
from serving.images.codec import decode
from serving.images.pages import MAX_PAGES, only_page, split
from tests.support import tiff as by_hand
from tests.support.paths import ROOT
from tests.support.tiny import damaged_page, png, seven, tiff

CASE = ROOT / "tests" / "cases" / "g4-2pages.tif"
SUBFILE, OLD_SUBFILE = 254, 255


def levels(number: int, width: int = 3) -> np.ndarray:
    return np.full((2, width), 10 * number % 250, np.uint8)


def pages(encoded: bytes) -> list[np.ndarray]:
    parts = split(encoded)
    return [decode(parts.page(number)) for number in range(1, len(parts) + 1)]


def chain(*tags: Mapping[int, int], **options: Any) -> bytes:
    """A TIFF of directories with these tags; each picture's gray is ten times its place in the chain."""
    return by_hand.write([(levels(number), entry) for number, entry in enumerate(tags, 1)], **options)


def grays(encoded: bytes) -> list[int]:
    return [int(page[0, 0]) // 10 for page in pages(encoded)]


def test_the_pages_that_pillow_sees() -> None:
    encoded = CASE.read_bytes()
    first, second = pages(encoded)
    picture = Image.open(io.BytesIO(encoded))
    for page, frame in ((first, 0), (second, 1)):
        picture.seek(frame)
        np.testing.assert_array_equal(page, np.asarray(picture.convert("L")))
    assert (first != second).any()


@pytest.mark.parametrize("compression", ["raw", "group4", "tiff_lzw", "tiff_deflate", "packbits", "jpeg"])
@pytest.mark.parametrize("big_tiff", [False, True])
def test_every_compression(compression: str, big_tiff: bool) -> None:
    pictures = [seven(size).convert("1" if compression == "group4" else "L") for size in (40, 56, 48)]
    encoded = tiff(*pictures, compression=compression, big_tiff=big_tiff)
    for page, picture in zip(pages(encoded), pictures, strict=True):
        alone = png(picture, "TIFF", compression=compression)
        np.testing.assert_array_equal(page, decode(alone))


@pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True)])
def test_every_byte_order(order: Any, big: bool) -> None:
    assert grays(chain({}, {}, {}, order=order, big=big)) == [1, 2, 3]
    assert grays(chain({SUBFILE: 1}, {OLD_SUBFILE: 2}, {}, {SUBFILE: 4}, order=order, big=big)) == [3]


def test_a_page_is_a_picture_of_one_page() -> None:
    parts = split(chain({}, {}, {}))
    for number in range(1, 4):
        page = parts.page(number)
        assert len(split(page)) == 1
        assert Image.open(io.BytesIO(page)).n_frames == 1


def test_one_page_is_not_copied() -> None:
    for encoded in (png(seven()), png(seven(), "TIFF"), b"no picture", b"", b"II*\0"):
        assert len(split(encoded)) == 1
        assert split(encoded).page(1) is encoded


@pytest.mark.parametrize("format", ["PNG", "WEBP", "MPO"])
def test_of_an_animation_the_first_frame_is_read(format: str) -> None:
    frames = [Image.new("L", (16, 16), level).convert("RGB") for level in (250, 5)]
    encoded = png(frames[0], format, save_all=True, append_images=frames[1:])
    assert Image.open(io.BytesIO(encoded)).n_frames == 2
    (page,) = pages(encoded)
    assert page.min() > 240


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([{}, {SUBFILE: 1}], [1]),
        ([{SUBFILE: 1}, {}], [2]),
        ([{}, {SUBFILE: 4}, {}], [1, 3]),
        ([{}, {SUBFILE: 5}], [1]),
        ([{SUBFILE: 2}, {SUBFILE: 2}], [1, 2]),
        ([{SUBFILE: 3}, {}], [2]),
        ([{}, {OLD_SUBFILE: 2}, {OLD_SUBFILE: 3}], [1, 3]),
        ([{OLD_SUBFILE: 1}, {}], [1, 2]),
        ([{SUBFILE: 1}, {SUBFILE: 1}], [1]),  # no page at all: the first image is read
    ],
)
def test_thumbnails_and_masks_are_no_pages(tags: list[dict[int, int]], expected: list[int]) -> None:
    assert grays(chain(*tags)) == expected


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_chain_that_comes_back_ends(after: int) -> None:
    assert grays(chain({}, {}, {}, after=after)) == [1, 2, 3]
    assert grays(chain({}, after=0)) == [1]


@pytest.mark.parametrize("after", [3, 7, 10**6, 2**32 - 1])
def test_a_directory_outside_the_file(after: int) -> None:
    encoded = chain({}, {}, after=after)
    parts = split(encoded)
    assert len(parts) == 3
    assert [int(decode(parts.page(number))[0, 0]) for number in (1, 2)] == [10, 20]
    with pytest.raises(CheckreaderError, match="damaged TIFF picture: the page's directory lies outside"):
        parts.page(3)


def test_a_file_that_was_cut_off() -> None:
    encoded = chain({}, {})
    for size in range(len(encoded) - 100, len(encoded)):
        parts = split(encoded[:size])
        assert len(parts) == 2
        with pytest.raises(CheckreaderError, match="damaged"):
            parts.page(2)


def test_a_page_that_is_damaged_leaves_the_others() -> None:
    encoded = damaged_page(seven(40), seven(50), seven(60))
    outcomes = dict(split(encoded).each(decode))
    assert (outcomes[1] == decode(png(seven(40)))).all()
    assert (outcomes[3] == decode(png(seven(60)))).all()
    assert isinstance(outcomes[2], CheckreaderError)
    assert str(outcomes[2]).startswith("page 2 of 3: damaged TIFF picture: ")


def test_an_error_of_a_single_page_names_no_page() -> None:
    ((number, outcome),) = split(b"no picture").each(decode)
    assert number == 1
    assert str(outcome).startswith("not a picture")


def test_as_many_pages_as_are_read() -> None:
    assert len(split(chain(*[{}] * MAX_PAGES))) == MAX_PAGES
    with pytest.raises(CheckreaderError, match="too many pages: of a TIFF at most 1,000 are read"):
        split(chain(*[{}] * (MAX_PAGES + 1)))
    with pytest.raises(CheckreaderError, match="too many pages"):  # nor does one get there with thumbnails
        split(chain({}, *[{SUBFILE: 1}] * MAX_PAGES))


def test_directories_that_lie_over_each_other() -> None:
    """A few kilobytes would otherwise be parsed as many megabytes of tags."""
    encoded = bytearray(b"II*\0" + struct.pack("<I", 8) + bytes(4000 * 12))
    for number in range(250):
        place, count = 8 + 12 * number, 3900 - 2 * number
        struct.pack_into("<H", encoded, place, count)
        struct.pack_into("<I", encoded, place + 2 + 12 * count, place + 12)
    parts = split(bytes(encoded))
    assert len(parts) == 2
    with pytest.raises(CheckreaderError, match="damaged"):
        parts.page(2)


def test_values_that_are_larger_than_the_file() -> None:
    encoded = bytearray(chain({}, {SUBFILE: 0}, {}))
    place = encoded.rindex(struct.pack("<HHL", SUBFILE, 4, 1))
    struct.pack_into("<HHL", encoded, place, SUBFILE, 4, 10**6)
    parts = split(bytes(encoded))
    assert len(parts) == 2
    with pytest.raises(CheckreaderError, match="damaged"):
        parts.page(2)


def test_no_such_page() -> None:
    for number in (-1, 0, 3):
        with pytest.raises(CheckreaderError, match=f"no page {number}: the picture has 2"):
            split(CASE.read_bytes()).page(number)
    with pytest.raises(CheckreaderError, match="no page 2: the picture has 1"):
        split(png(seven())).page(2)


def test_only_page() -> None:
    assert only_page(b"no picture") == b"no picture"
    assert decode(only_page(chain({SUBFILE: 1}, {})))[0, 0] == 20
    with pytest.raises(CheckreaderError, match="2 pages where one picture is expected"):
        only_page(CASE.read_bytes())


@given(
    st.lists(st.sampled_from([{}, {SUBFILE: 1}, {SUBFILE: 2}, {OLD_SUBFILE: 2}]), min_size=1, max_size=4),
    st.sampled_from([("<", False), (">", False), ("<", True)]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
    st.floats(0, 1),
)
def test_any_bytes_have_pages(
    tags: list[dict[int, int]], form: tuple[Any, bool], changes: list[tuple[float, int]], length: float
) -> None:
    """Whatever is done to a TIFF, it has a page at least, each is a picture by itself or is named as damaged."""
    encoded = bytearray(chain(*tags, order=form[0], big=form[1]))
    for place, value in changes:
        encoded[int(place * len(encoded))] = value
    parts = split(bytes(encoded[: 4 + int(length * len(encoded))]))
    assert 1 <= len(parts) <= len(tags) + len(changes) + 1
    for _, page in parts.each(lambda page: page):
        if isinstance(page, CheckreaderError):
            assert "damaged" in str(page)
        else:
            assert len(page) == len(parts.encoded)
            assert len(split(page)) == 1
