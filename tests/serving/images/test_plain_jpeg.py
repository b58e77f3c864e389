"""Plain JPEG pictures against Pillow's reader of files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from serving.errors import CheckreaderError
from serving.images.codec import decode, decode_frame
from serving.images.plain_jpeg import decode_plain

PIXELS = st.one_of(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20))),
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3))),
)
GRAY = np.arange(100, dtype=np.uint8).reshape(10, 10)
ORIENTED = bytes.fromhex("457869660000 4d4d002a00000008 0001 0112000300000001 00060000 00000000")


def jpeg(pixels: np.ndarray, mode: str | None = None, **options: Any) -> bytes:
    file = io.BytesIO()
    picture = Image.fromarray(pixels)
    (picture if mode is None else picture.convert(mode)).save(file, "JPEG", **options)
    return file.getvalue()


def by_pillow(encoded: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("L"))


@settings(max_examples=60)
@given(PIXELS, st.booleans(), st.integers(10, 95), st.sampled_from([0, 1]), st.binary(max_size=9))
def test_plain_pictures_are_decoded_as_by_pillow(
    pixels: np.ndarray, progressive: bool, quality: int, restart: int, comment: bytes
) -> None:
    encoded = jpeg(
        pixels, progressive=progressive, quality=quality, restart_marker_rows=restart, comment=comment
    )
    gray = decode_plain(encoded, 400)
    assert gray is not None
    assert (gray == by_pillow(encoded)).all()


@pytest.mark.parametrize(
    "encoded",
    [
        jpeg(GRAY, "CMYK"),
        jpeg(GRAY, exif=ORIENTED),
        jpeg(GRAY, dpi=(200, 100)),
        jpeg(GRAY, icc_profile=b"profile"),
        jpeg(GRAY)[:-20],
        jpeg(GRAY)[:100],
        jpeg(GRAY)[:2],
        jpeg(GRAY)[:3],
        b"",
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_what_is_not_plain_or_damaged_is_left_to_pillow(encoded: bytes) -> None:
    assert decode_plain(encoded, 100) is None


def test_orientation_and_the_shape_of_pixels_still_count() -> None:
    tall = np.tile(np.arange(30, dtype=np.uint8) * 8, (10, 1))
    assert decode(jpeg(tall, exif=ORIENTED)).shape == (30, 10)
    assert decode_frame(jpeg(tall, dpi=(200, 100))).aspect == 2
    assert decode_frame(jpeg(tall, dpi=(200, 200))).aspect == 1


def test_a_picture_that_is_too_large_is_not_decoded() -> None:
    encoded = jpeg(GRAY)
    assert decode_plain(encoded, 99) is None
    with pytest.raises(CheckreaderError, match="too large"):
        decode(encoded, 99)


@settings(max_examples=100)
@given(st.data())
def test_mutated_pictures_are_decoded_as_by_pillow_or_left_to_it(data: st.DataObject) -> None:
    encoded = bytearray(jpeg(GRAY))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] = data.draw(st.integers(0, 255))
    gray = decode_plain(bytes(encoded), 10_000)
    if gray is not None:
        assert (gray == by_pillow(bytes(encoded))).all()
