"""Pictures of every kind that `decode` reads, and those it refuses."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving.errors import CheckreaderError
from serving.images.codec import MAX_PIXELS, decode, decode_frame, pixel_count
from tests.support.picture_files import chunk, png_file, tiff_file
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


CASES = Path(__file__).parents[2] / "cases"


@pytest.mark.parametrize("name", ["16bit-8.png", "bmp32-V5-alpha0.bmp", "iccp-big.png", "trunc-tail.jpg"])
def test_pictures_as_they_come(name: str) -> None:
    """All of them hold the same digits on paper, of levels 45 to 235."""
    gray = decode((CASES / name).read_bytes())
    assert gray.shape == (280, 280)
    assert abs(int(gray.min()) - 45) <= 3
    assert abs(int(gray.max()) - 235) <= 3


def test_white_ink_is_as_black_ink() -> None:
    black = decode((CASES / "black-on-transparent.png").read_bytes())
    white = decode((CASES / "white-on-transparent.png").read_bytes())
    assert black[0, 0] == black.max() == white.max() == 255
    assert white[0, 0] == white.min() == black.min() == 0


@pytest.mark.parametrize("bits", [24, 32])
@pytest.mark.parametrize("header", [40, 56, 108, 124])
@pytest.mark.parametrize("alpha", [0, 255])
def test_windows_bitmaps(bits: int, header: int, alpha: int) -> None:
    gray = np.asarray(seven())
    layers = np.dstack([gray] * 3 + [np.full_like(gray, alpha)] * (bits == 32))[::-1]
    masked = bits == 32 and header > 40
    info = struct.pack("<IiiHHIIiiII", header, 40, 40, 1, bits, 3 if masked else 0, 0, 2835, 2835, 0, 0)
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) if masked else b""
    start = 14 + header
    head = b"BM" + struct.pack("<IHHI", start + layers.size, 0, 0, start)
    encoded = head + (info + masks).ljust(header, b"\0") + layers.tobytes()
    assert (decode(encoded) == gray).all()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
@pytest.mark.parametrize(
    ("dpi", "aspect"),
    [
        ((204, 98), 204 / 98),
        ((100, 200), 0.5),
        ((300, 300), 1),
        ((204, 196), 1),  # nearly square: reading does not gain
        ((72, 1), 1),  # not to be believed
        ((1, 300), 1),
    ],
)
def test_shape_of_pixels(kind: str, dpi: tuple[int, int], aspect: float) -> None:
    frame = decode_frame(png(seven(), kind, dpi=dpi))
    assert frame.aspect == pytest.approx(aspect, rel=0.02)
    assert frame.gray.shape == (40, 40)  # in the pixels of the file


def test_shape_of_pixels_without_a_unit() -> None:
    ratio = b"".join(number.to_bytes(4, "big") for number in (2, 1))
    assert decode_frame(png_file(np.asarray(seven()), chunks=[chunk(b"pHYs", ratio + b"\0")])).aspect == 2
    assert decode_frame(tiff_file(np.asarray(seven()), 1, tags={282: 2, 283: 1, 296: 1})).aspect == 2
    jpeg = png(seven(), "JPEG")
    assert jpeg[13:18] == b"\0\0\1\0\1"
    assert decode_frame(jpeg[:13] + b"\0\0\2\0\1" + jpeg[18:]).aspect == 2
    for numbers in ((0, 0), (1, 0), (0, 1)):
        assert (
            decode_frame(tiff_file(np.asarray(seven()), 1, tags={282: numbers[:1], 283: numbers[1:]})).aspect
            == 1
        )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_turns_the_pixels_too(kind: str, orientation: int) -> None:
    upright = np.asarray(seven().crop((0, 0, 40, 30)))
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    picture = Image.fromarray(np.ascontiguousarray(stored))
    if kind == "TIFF":
        encoded = png(picture, kind, dpi=(200, 100), tiffinfo={274: orientation})
    else:
        exif = Image.Exif()
        exif[274] = orientation
        encoded = png(picture, kind, dpi=(200, 100), exif=exif, **({"quality": 95} if kind == "JPEG" else {}))
    frame = decode_frame(encoded)
    assert frame.gray.shape == upright.shape
    assert np.abs(frame.gray.astype(int) - upright).mean() < 3
    assert frame.aspect == pytest.approx(0.5 if orientation >= 5 else 2, rel=0.01)


def test_first_picture_of_several_in_a_jpeg() -> None:
    encoded = png(seven(), "MPO", save_all=True, append_images=[Image.new("L", (40, 40))])
    assert np.abs(decode(encoded).astype(int) - np.asarray(seven())).mean() < 3


@pytest.mark.parametrize(
    "start", [b"II*\0", b"\xff\xd8\xff", b"BM", b"RIFF\0\0\0\0WEBP", b"\x89PNG\r\n\x1a\n"]
)
def test_a_container_with_nothing_in_it(start: bytes) -> None:
    with pytest.raises(CheckreaderError, match="damaged") as caught:
        decode(start + b"rubbish")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{}, {"optimize": True}])
def test_twelve_megapixels(options: dict) -> None:
    picture = Image.new("RGB", (4000, 3000), (240, 240, 240))
    picture.paste((20, 20, 20), (2000, 1500, 2010, 1560))
    gray = decode(png(picture, "JPEG", **options))
    assert gray.shape == (3000, 4000)
    assert gray[1530, 2005] < 40
