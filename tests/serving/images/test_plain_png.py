"""Plain PNG pictures against Pillow's reader of files."""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from serving.errors import CheckreaderError
from serving.images.codec import decode
from serving.images.plain_png import decode_plain

PIXELS = st.one_of(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))),
)
GRAY = np.arange(100, dtype=np.uint8).reshape(10, 10)


def png(pixels: np.ndarray, mode: str | None = None, **options: Any) -> bytes:
    file = io.BytesIO()
    picture = Image.fromarray(pixels)
    (picture if mode is None else picture.convert(mode)).save(file, "PNG", **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def with_chunk(encoded: bytes, kind: bytes, content: bytes) -> bytes:
    """Puts a chunk in front of the pixels."""
    at = encoded.index(b"IDAT") - 4
    return encoded[:at] + chunk(kind, content) + encoded[at:]


@given(PIXELS)
@settings(max_examples=60)
def test_gray_levels_are_pillows(pixels: np.ndarray) -> None:
    encoded = png(pixels)
    expected = np.asarray(Image.open(io.BytesIO(encoded)).convert("L"))
    np.testing.assert_array_equal(decode_plain(encoded, 100), expected, strict=True)
    np.testing.assert_array_equal(decode(encoded), expected, strict=True)


def test_pixels_in_several_chunks() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)
    encoded = png(pixels)
    assert encoded.count(b"IDAT") > 1
    np.testing.assert_array_equal(decode_plain(encoded, 10**6), pixels)


def test_gamma_is_passed_over() -> None:
    np.testing.assert_array_equal(decode_plain(with_chunk(png(GRAY), b"gAMA", bytes(4)), 100), GRAY)


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"GIF89a",
        png(GRAY)[:30],
        *(png(GRAY, mode) for mode in ("1", "P", "LA", "RGBA", "I;16")),
        png(GRAY, transparency=5),
        png(GRAY, dpi=(200, 100)),
        png(GRAY).replace(b"IEND", b"IENE"),
        with_chunk(png(GRAY), b"eXIf", bytes(8)),
        png(GRAY)[:-20],
        png(GRAY)[:-30] + bytes(30),
    ],
)
def test_others_are_left_to_pillow(encoded: bytes) -> None:
    assert decode_plain(encoded, 100) is None


def test_large_and_damaged_pictures_are_refused_as_ever() -> None:
    assert decode_plain(png(GRAY), 99) is None
    with pytest.raises(CheckreaderError, match="at most 99 are read"):
        decode(png(GRAY), 99)
    short = zlib.compress(bytes(50))
    at = png(GRAY).index(b"IDAT") - 4
    cut = png(GRAY)[:at] + chunk(b"IDAT", short) + chunk(b"IEND", b"")
    assert decode_plain(cut, 100) is None
    with pytest.raises(CheckreaderError, match="damaged PNG"):
        decode(cut)
