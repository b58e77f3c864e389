from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from checkreader.pictures import encoded
from serving.errors import CheckreaderError
from serving.images.codec import decode, decode_frame

GRAY = np.arange(0, 240, 20, dtype=np.uint8).reshape(3, 4)


def levels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
def test_encoded_bytes_stay_as_they_are(form: type) -> None:
    assert encoded(form(b"any bytes")) == b"any bytes"


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "check.png").write_bytes(b"any bytes")
    assert encoded(tmp_path / "check.png") == encoded(str(tmp_path / "check.png")) == b"any bytes"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckreaderError, match=r"none\.png: No such file or directory"):
        encoded(tmp_path / "none.png")


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 3), (3, 4, 4)])
def test_arrays_keep_every_level(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    np.testing.assert_array_equal(levels(encoded(pixels)), pixels)
    np.testing.assert_array_equal(levels(encoded(pixels[:, ::-1])), pixels[:, ::-1])


def test_true_is_white() -> None:
    np.testing.assert_array_equal(levels(encoded(GRAY > 100)), np.where(GRAY > 100, 255, 0))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P", "I;16"])
def test_images_keep_their_mode(mode: str) -> None:
    image = (
        Image.fromarray(GRAY).convert("I").convert(mode)
        if mode == "I;16"
        else Image.fromarray(GRAY).convert(mode)
    )
    reopened = Image.open(io.BytesIO(encoded(image)))
    assert reopened.mode == mode
    assert reopened.tobytes() == image.tobytes()


def test_other_images_become_rgb() -> None:
    assert Image.open(io.BytesIO(encoded(Image.fromarray(GRAY).convert("CMYK")))).mode == "RGB"


@pytest.mark.parametrize("mode", ["I", "F", "I;16B", "LAB", "La", "RGBa", "PA", "CMYK", "YCbCr", "HSV"])
def test_images_of_every_mode_keep_their_levels(mode: str) -> None:
    gray = Image.fromarray(GRAY)
    if mode == "LAB":
        image = Image.merge("LAB", [gray] * 3)
    elif mode == "I;16B":
        image = Image.frombytes(mode, gray.size, GRAY.astype(">u2").tobytes())
    else:
        between = {"La": "LA", "RGBa": "RGBA", "YCbCr": "RGB", "HSV": "RGB"}.get(mode, "L")
        image = gray.convert(between).convert(mode)
    np.testing.assert_allclose(decode(encoded(image)), GRAY, atol=1)


@pytest.mark.parametrize("mode", ["1", "L", "F"])
def test_the_shape_of_pixels_is_kept(mode: str) -> None:
    image = Image.new(mode, (30, 20))
    image.info["dpi"] = (204, 98)
    assert decode_frame(encoded(image)).aspect == pytest.approx(204 / 98, rel=0.01)
    for strange in ((0, 0), (float("nan"), 100), (1e12, 1e12), None, 300):
        image.info["dpi"] = strange
        assert decode_frame(encoded(image)).aspect == 1


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (GRAY.astype(np.float32), "an array of float32: expected uint8"),
        (GRAY[0], r"an array of shape \[4\]"),
        (GRAY[:0], r"an array of shape \[0, 4\]"),
        (np.zeros((3, 4, 2), np.uint8), r"an array of shape \[3, 4, 2\]"),
        (7, "not a picture: expected .* got int"),
    ],
)
def test_what_is_no_picture(picture: object, message: str) -> None:
    with pytest.raises(CheckreaderError, match=message):
        encoded(picture)
