"""Files whose picture is whole, and that Pillow refuses."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from serving.errors import CheckreaderError
from serving.images.codec import decode, pixel_count
from serving.images.containers import container, mend
from tests.support.picture_files import chunk, png_file
from tests.support.tiny import png, seven

SEVEN = np.asarray(seven())
HUGE = zlib.compress(bytes(3_000_000))
COLOR = seven(200).convert("RGB")
BROKEN_CRC = b"\0\0\0\4tEXtabcd\0\0\0\0"


def jpeg(**options: object) -> bytes:
    return png(COLOR, "JPEG", **options)


@pytest.mark.parametrize(
    "extra",
    [
        [chunk(b"iCCP", b"profile\0\0" + HUGE)],
        [chunk(b"iCCP", b"profile\0\0rubbish")],
        [chunk(b"zTXt", b"comment\0\0" + HUGE)],
        [chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + HUGE)],
        [chunk(b"tEXt", b"comment\0" + bytes(2_000_000))],
        [chunk(b"zTXt", b"comment\0\0" + zlib.compress(bytes(1_000_000)))] * 70,
        [chunk(b"eXIf", b"no EXIF")],
        [chunk(b"acTL", bytes(8))],
        [chunk(b"gAMA", b"")],
        [chunk(b"pHYs", b"")],
        [BROKEN_CRC],
    ],
    ids=["iCCP", "iCCP broken", "zTXt", "iTXt", "tEXt", "zTXt 70", "eXIf", "acTL", "gAMA", "pHYs", "sum"],
)
def test_odd_metadata_of_a_png(extra: list[bytes]) -> None:
    encoded = png_file(SEVEN, chunks=extra)
    assert (decode(encoded) == SEVEN).all()
    end = encoded.index(b"IDAT") - 4
    start = end - sum(map(len, extra))
    behind = encoded[:start] + encoded[end:-12] + b"".join(extra) + encoded[-12:]
    assert (decode(behind) == SEVEN).all()


def test_orientation_and_transparency_survive_mending() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    chunks = [
        chunk(b"iCCP", b"profile\0\0" + HUGE),
        chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")),
        chunk(b"tRNS", b"\0\0"),
    ]
    ink = np.where(SEVEN < 128, 255, 0)
    expected = np.rot90(np.where(ink, 255, 0), -1)
    gray = decode(png_file(ink, chunks=chunks))
    assert (np.abs(gray.astype(int) - expected) == 0).all()


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "WEBP"])
def test_large_metadata_of_other_formats(kind: str) -> None:
    rubbish = np.random.default_rng(0).bytes(1_500_000)
    encoded = png(seven(), kind, icc_profile=rubbish, **({"lossless": True} if kind == "WEBP" else {}))
    assert len(encoded) > 1_000_000
    assert np.abs(decode(encoded).astype(int) - SEVEN).mean() < 3


def test_many_segments_of_a_jpeg() -> None:
    encoded = jpeg()
    segments = b"\xff\xe1\xff\xffhttp://ns.adobe.com/xap/1.0/\0".ljust(65537, b" ") * 100
    assert (decode(encoded[:2] + segments + encoded[2:]) == decode(encoded)).all()


def test_odd_metadata_of_a_jpeg() -> None:
    encoded = jpeg()
    for content in (
        b"Exif\0\0rubbish",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"MPF\0rubbish",
        b"ICC_PROFILE\0\1",
    ):
        segment = b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content
        assert (decode(encoded[:2] + segment + encoded[2:]) == decode(encoded)).all()


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 2}]
)
@pytest.mark.parametrize("end", [b"", b"\xff", b"\xff\xff"])
def test_jpeg_without_its_end_marker(options: dict, end: bytes) -> None:
    encoded = jpeg(**options)
    assert encoded.endswith(b"\xff\xd9")
    assert (decode(encoded[:-2] + end) == decode(encoded)).all()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_jpeg_without_some_of_its_data(options: dict) -> None:
    """Refused, unless what is missing is beyond the edge, in the last blocks."""
    encoded = jpeg(**options)
    whole = decode(encoded)
    last = len(encoded) - 5
    with pytest.raises(CheckreaderError, match="damaged JPEG picture"):
        decode(encoded[: len(encoded) // 2])
    for stop in (*range(encoded.index(b"\xff\xda") + 20, last - 20, 97), *range(last - 20, last)):
        try:
            gray = decode(encoded[:stop])
        except CheckreaderError:
            continue
        assert stop > last - 20
        assert (gray == whole).all()


def test_progressive_jpeg_without_its_last_scans() -> None:
    """Every pixel is there, and blurred."""
    encoded = jpeg(progressive=True)
    scans = [place for place in range(len(encoded)) if encoded[place : place + 2] == b"\xff\xda"]
    tables = [encoded.rfind(b"\xff\xc4", 0, place) for place in scans]
    for stop in (*scans[1:], *tables[1:]):
        with pytest.raises(CheckreaderError, match="damaged JPEG picture"):
            decode(encoded[:stop])


def test_end_of_a_png_or_bitmap() -> None:
    encoded = png(seven())
    for missing in (4, 12, 16):  # the last sum, the last chunk, the sum of the pixels
        assert (decode(encoded[:-missing]) == SEVEN).all()
    for missing in (40, len(encoded) // 2):
        with pytest.raises(CheckreaderError, match="damaged PNG"):
            decode(encoded[:-missing])
    for width in (41, 42, 43):  # 1, 2 and 3 bytes fill the last row
        color = seven().resize((width, 40)).convert("RGB")
        encoded = png(color, "BMP")
        padding = -width * 3 % 4
        assert (decode(encoded[:-padding]) == np.asarray(color)[..., 0]).all()
        with pytest.raises(CheckreaderError, match="damaged BMP"):
            decode(encoded[: -padding - 3])


@pytest.mark.parametrize(
    "compression", [None, "group4", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"]
)
def test_tiff_without_some_of_its_data(compression: str | None) -> None:
    """Its directory stands at its end, or before the data."""
    picture = seven(200).convert("1") if compression == "group4" else seven(200)
    encoded = png(picture, "TIFF", **({"compression": compression} if compression else {}))
    for stop in (9, len(encoded) // 2, len(encoded) - 20):
        with pytest.raises(CheckreaderError, match="damaged"):
            decode(encoded[:stop])


def test_bombs_are_refused_all_the_same() -> None:
    for side in (8000, 12_000, 60_000):
        header = side.to_bytes(4, "big") * 2 + b"\x08\0\0\0\0"
        pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
        huge = chunk(b"iCCP", b"profile\0\0" + HUGE)
        start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
        for encoded in (start + pixels, start + huge + pixels):
            with pytest.raises(CheckreaderError, match="picture too large"):
                decode(encoded)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_nothing_is_mended_in_a_whole_file(kind: str) -> None:
    encoded = png(seven(), kind)
    assert container(encoded) == kind
    assert mend(encoded) == []
    assert pixel_count(encoded) == 1600


def test_what_is_no_container() -> None:
    assert container(b"GIF89a") is None
    assert mend(b"") == []


@given(
    st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xda", b"\xff\xd8\xff\xc0"]), st.binary(max_size=200)
)
def test_any_bytes(start: bytes, rest: bytes) -> None:
    assert len(mend(start + rest)) in (0, 1, 3)
