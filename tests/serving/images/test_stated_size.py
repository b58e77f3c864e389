from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from serving.images.stated_size import stated_size

SIDES = st.integers(1, 300)


def encoded(width: int, height: int, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 190, 180)).save(file, form, **options)
    return file.getvalue()


@given(SIDES, SIDES, st.sampled_from(["PNG", "JPEG"]), st.booleans())
def test_the_size_is_pillows(width: int, height: int, form: str, progressive: bool) -> None:
    assert stated_size(encoded(width, height, form, progressive=progressive)) == (width, height)


def test_a_thumbnail_in_the_metadata_is_passed_over() -> None:
    exif = Image.Exif()
    exif[0x927C] = encoded(20, 10, "JPEG")
    assert stated_size(encoded(90, 80, "JPEG", exif=exif.tobytes())) == (90, 80)


@pytest.mark.parametrize("form", ["GIF", "TIFF", "BMP"])
def test_other_formats_state_none(form: str) -> None:
    assert stated_size(encoded(9, 9, form)) is None


@given(st.binary(max_size=40), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"]))
def test_nonsense_is_no_error(rest: bytes, start: bytes) -> None:
    stated_size(start + rest)
