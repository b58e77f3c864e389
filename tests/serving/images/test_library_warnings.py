"""What Pillow and libtiff complain of, in threads that decode and in others."""

from __future__ import annotations

import io
import logging
import threading
import warnings
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from serving.errors import CheckreaderError
from serving.images.codec import decode, pixel_count
from serving.images.library_warnings import HIDDEN
from tests.support.picture_files import chunk, png_file, tiff_file
from tests.support.tiny import png, seven

SEVEN = np.asarray(seven())


def broken_fax() -> bytes:
    """A TIFF of which libtiff says "Bad code word"."""
    encoded = bytearray(png(seven(60).convert("1"), "TIFF", compression="group4"))
    encoded[40:60] = b"\x5a" * 20
    return bytes(encoded)


def jpeg_with(content: bytes) -> bytes:
    encoded = png(seven(), "JPEG")
    return encoded[:2] + b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content + encoded[2:]


ODD = {
    "bomb": png_file(np.zeros((1, 1), np.uint8)).replace(
        b"\0\0\0\1\0\0\0\1\x08", b"\0\0\x27\x10" * 2 + b"\x08"
    ),
    "EXIF": jpeg_with(b"Exif\0\0II*\0\x08\0\0\0\x09\0" + bytes(20)),
    "EXIF offset": jpeg_with(b"Exif\0\0II*\0\x08\0\0\0\1\0\x0f\1\2\0\xff\0\0\0\xff\xff\0\0"),
    "MPF": png(seven(), "JPEG").replace(b"\xff\xdb", b"\xff\xe2\0\x0cMPF\0rubbis\xff\xdb", 1),
    "APNG": png_file(SEVEN, chunks=[chunk(b"acTL", b"\0\0\0\0\0\0\0\0")]),
    "APNG twice": png_file(SEVEN, chunks=[chunk(b"acTL", b"\0\0\0\1\0\0\0\0")] * 2),
    "TIFF count": tiff_file(SEVEN, 1, tags={274: [1, 1]}),
    "TIFF tag": tiff_file(SEVEN, 1, tags={65000: [1, 2, 3]}),
    "TIFF cut": tiff_file(SEVEN, 1, tags={65000: [1, 2, 3]})[:-4],
    "TIFF samples": tiff_file(np.zeros((1, 2, 9), np.uint8), 1),
    "fax": broken_fax(),
}


@pytest.mark.parametrize("kind", ODD)
def test_nothing_reaches_the_screen_or_the_log(
    kind: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pixel_count(ODD[kind])
        with suppress(CheckreaderError):
            decode(ODD[kind])
    assert [str(warning.message) for warning in caught] == []
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def warned(encoded: bytes) -> list[str]:
    """Returns what Pillow warns of when a program uses it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Image.open(io.BytesIO(encoded)).load()
    return [str(warning.message) for warning in caught]


def test_a_program_has_its_own_warnings(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    decode(ODD["APNG"])
    assert "Invalid APNG" in warned(ODD["APNG"])[0]
    with pytest.raises(CheckreaderError):
        decode(ODD["TIFF samples"])
    with pytest.raises(Image.UnidentifiedImageError):
        Image.open(io.BytesIO(ODD["TIFF samples"]))
    assert "More samples per pixel" in caplog.text
    decode(broken_fax())
    assert capfd.readouterr().err == ""
    Image.open(io.BytesIO(broken_fax())).load()
    assert "Bad code word" in capfd.readouterr().err


def test_other_threads_have_theirs() -> None:
    answers: list[list[str]] = []
    with HIDDEN:
        with warnings.catch_warnings(record=True) as caught:
            warnings.warn("hidden", stacklevel=1)
            thread = threading.Thread(target=lambda: answers.append(warned(ODD["APNG"])))
            thread.start()
            thread.join()
        assert caught == []
    assert len(answers[0]) == 1


def test_filters_grow_by_one_entry() -> None:
    decode(png(seven()))
    before = list(warnings.filters)
    for _ in range(3):
        decode(png(seven()))
    assert list(warnings.filters) == before
    for _ in range(3):
        warnings.filterwarnings("ignore", "a program's own")
        decode(png(seven()))
    assert len(warnings.filters) == len(before) + 1


def test_an_error_ends_the_hiding() -> None:
    with pytest.raises(ZeroDivisionError), HIDDEN:
        raise ZeroDivisionError
    with pytest.warns(UserWarning, match="seen"):
        warnings.warn("seen", stacklevel=1)
