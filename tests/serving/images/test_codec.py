"""Pictures of every kind that `decode` reads, and those it refuses."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from serving.errors import CheckreaderError
from serving.images.codec import MAX_PIXELS, decode, pixel_count
from tests.support.tiny import png, seven


@pytest.mark.parametrize(
    ("format", "options"), [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("WEBP", {"lossless": True})]
)
def test_lossless_formats(format: str, options: dict) -> None:
    assert (decode(png(seven(), format, **options)) == np.asarray(seven())).all()


def test_jpeg() -> None:
    gray = decode(png(seven(), "JPEG", quality=95))
    assert np.abs(gray.astype(int) - np.asarray(seven())).mean() < 3


def test_bitonal_fax() -> None:
    bitonal = seven(100).point(lambda level: 255 * (level > 128), "1")
    gray = decode(png(bitonal, "TIFF", compression="group4"))
    assert (gray == np.where(np.asarray(seven(100)) > 128, 255, 0)).all()


def test_color() -> None:
    color = Image.new("RGB", (4, 4), (250, 240, 215))
    color.putpixel((1, 2), (30, 40, 140))
    gray = decode(png(color))
    assert gray[2, 1] == round(0.299 * 30 + 0.587 * 40 + 0.114 * 140)
    assert gray[0, 0] == round(0.299 * 250 + 0.587 * 240 + 0.114 * 215)


def test_palette() -> None:
    palette = seven().convert("P")
    assert palette.mode == "P"
    assert (decode(png(palette)) == np.asarray(seven())).all()


def test_sixteen_bits() -> None:
    deep = Image.fromarray(np.asarray(seven()).astype(np.uint16) * 257)
    assert deep.mode == "I;16"
    assert (decode(png(deep)) == np.asarray(seven())).all()


def test_transparency_is_paper() -> None:
    gray = np.asarray(seven())
    layers = np.zeros((*gray.shape, 4), np.uint8)
    layers[..., 3] = 255 - gray  # black ink, the fainter the more transparent
    assert (np.abs(decode(png(Image.fromarray(layers))).astype(int) - gray) <= 1).all()


def test_camera_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    turned = seven().rotate(90, expand=True)
    assert (decode(png(turned, "PNG", exif=exif)) == np.asarray(seven())).all()


def test_first_frame_is_read() -> None:
    blank = Image.new("L", (40, 40), 255)
    data = png(seven(), "TIFF", save_all=True, append_images=[blank])
    assert (decode(data) == np.asarray(seven())).all()


def test_too_many_pixels() -> None:
    with pytest.raises(CheckreaderError, match="too large: 40×40 pixels, at most 1,000"):
        decode(png(seven()), max_pixels=1000)


def test_cut_off_picture() -> None:
    data = png(seven())
    with pytest.raises(CheckreaderError, match="damaged"):
        decode(data[: len(data) // 2])


@pytest.mark.parametrize("data", [b"", b"hello", b"GIF89a" + bytes(40), b"%PDF-1.7", b"<svg/>"])
def test_no_picture(data: bytes) -> None:
    with pytest.raises(CheckreaderError, match="not a picture: expected PNG"):
        decode(data)


def test_gif_is_not_read() -> None:
    file = io.BytesIO()
    seven().save(file, "GIF")
    with pytest.raises(CheckreaderError, match="not a picture"):
        decode(file.getvalue())


def test_size_is_what_the_header_promises() -> None:
    assert pixel_count(png(seven(30))) == 900
    assert pixel_count(png(seven(30), "JPEG")) == 900
    for data in (b"", b"no picture", png(seven())[:20]):
        assert pixel_count(data) > MAX_PIXELS
