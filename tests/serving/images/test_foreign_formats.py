"""Files that are not read are named by their first bytes."""

from __future__ import annotations

import gzip
import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import CheckreaderError
from serving.images.codec import decode
from serving.images.foreign_formats import describe
from tests.support.tiny import png, seven


def saved(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("7.png", png(seven()))
    return file.getvalue()


@pytest.mark.parametrize(
    ("encoded", "name", "advice"),
    [
        (b"\0\0\0\x24ftypheic\0\0\0\0mif1heic", "HEIC", "Most Compatible"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC", "save it as PNG or JPEG"),
        (b"\0\0\0\x20ftypavif\0\0\0\0", "AVIF", "save it as"),
        (b"\0\0\0\x20ftypisom\0\0\0\0", "a video", "save a still"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF", "pdftoppm -r 200 -png"),
        (b"\n junk before it\n%PDF-1.4\n", "a PDF", "turn its pages into pictures"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript", "pictures"),
        (b"AT&TFORM\0\0\0\0DJVU", "DjVu", "TIFF"),
        (png(seven(), "GIF"), "a GIF", "save it as PNG"),
        (b"\xff\x0a\0\0\0", "JPEG XL", "save it as"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL", "save it as"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000", "save it as"),
        (b"\xff\x4f\xff\x51\0", "JPEG 2000", "save it as"),
        (b"8BPS\0\1", "a Photoshop file", "save it as"),
        (png(seven(), "PPM"), "a PNM", "save it as"),
        (bytes(128) + b"DICM", "DICOM", "save it as"),
        (saved(np.zeros((3, 3))), "a NumPy array", "save it as PNG"),
        (zipped(), "a ZIP archive", "unpack it"),
        (gzip.compress(b"7", mtime=0), "gzip", "Content-Encoding"),
        (b"data:image/png;base64,iVBORw0KGgo", "base64 text", "decode it"),
        (b"/9j/4AAQSkZJRg", "base64 text", "decode it"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG", "save it as"),
        (b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg width="9">', "SVG", "save it as"),
        (b"\n<!DOCTYPE html><html>", "a web page", "the picture in it"),
    ],
)
def test_names_and_advice(encoded: bytes, name: str, advice: str) -> None:
    with pytest.raises(CheckreaderError) as caught:
        decode(encoded)
    message = str(caught.value)
    assert message.startswith(f"not a picture: expected PNG, JPEG, TIFF, BMP, WEBP, got {name}")
    assert advice in message


def test_others_are_quoted() -> None:
    assert describe(b"") == "0 bytes"
    assert describe(b"hello world") == "11 bytes starting b'hello wo'"


@given(st.binary(max_size=3000))
def test_any_bytes_are_one_line(encoded: bytes) -> None:
    assert "\n" not in describe(encoded)
