"""Color of 16 bits a sample that holds fewer."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from serving.errors import CheckreaderError
from serving.images.codec import decode
from serving.images.deep_color import is_deep_color, rawmode
from tests.support.picture_files import chunk, png_file, tiff_file
from tests.support.tiny import png, seven

SEVEN = np.asarray(seven())
COLORS = {"RGB": 3, "RGBA": 4, "LA": 2}
PNG_TYPES = {"RGB": 2, "RGBA": 6, "LA": 4}


def deep(mode: str, largest: int, alpha: int) -> np.ndarray:
    samples = np.repeat((SEVEN.astype(np.int64) * largest // 255)[..., np.newaxis], COLORS[mode], 2)
    samples[0, 0] = largest
    if mode != "RGB":
        samples[..., -1] = alpha
    return samples.astype(np.uint16)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
@pytest.mark.parametrize("largest", [255, 1023, 4095, 65535])
@pytest.mark.parametrize("opaque", ["as colors", "full"])
def test_scaled_by_their_range(mode: str, largest: int, opaque: str) -> None:
    samples = deep(mode, largest, largest if opaque == "as colors" else 65535)
    encoded = [png_file(samples, PNG_TYPES[mode], 16)]
    if mode != "LA":
        tags = {338: 2} if mode == "RGBA" else {}
        encoded += [tiff_file(samples, 2, 16, order, tags) for order in "<>"]
    for picture in encoded:
        assert np.abs(decode(picture)[1:].astype(int) - SEVEN[1:]).max() <= 1


def test_separate_planes_of_a_tiff() -> None:
    gray = decode(tiff_file(deep("RGB", 255, 0), 2, 16, tags={284: 2}))
    assert np.abs(gray[1:].astype(int) - SEVEN[1:]).max() <= 1


@pytest.mark.parametrize("largest", [255, 4095, 65535])
def test_separate_compressed_planes_of_a_tiff(largest: int) -> None:
    """Their high bytes alone can be decoded, which is enough for levels that use all bits."""
    samples = deep("RGB", largest, 0)
    bytes_of_plane = samples[..., 0].astype("<u2").tobytes()
    runs = [bytes_of_plane[start : start + 128] for start in range(0, len(bytes_of_plane), 128)]
    packed = b"".join(bytes((len(run) - 1,)) + run for run in runs)  # PackBits
    planes = np.repeat(np.frombuffer(packed, np.uint8)[np.newaxis, :, np.newaxis], 3, 2)
    encoded = tiff_file(planes, 2, tags={256: 40, 257: 40, 258: [16] * 3, 259: 32773, 278: 40, 284: 2})
    if largest == 65535:
        assert np.abs(decode(encoded)[1:].astype(int) - SEVEN[1:]).max() <= 1
    else:
        with pytest.raises(CheckreaderError, match="separate compressed planes"):
            decode(encoded)


@pytest.mark.parametrize("largest", [255, 65535])
@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
def test_compressed_by_libtiff(largest: int, compression: str) -> None:
    """Pillow writes no color of 16 bits: a picture twice as wide has the same bytes, and its tags are changed."""
    samples = deep("RGB", largest, 0)
    halves = samples.view(np.uint8).reshape(40, 80, 3)
    encoded = bytearray(png(Image.fromarray(halves), "TIFF", compression=compression))
    directory = int.from_bytes(encoded[4:8], "little")
    for entry in range(directory + 2, directory + 2 + 12 * encoded[directory], 12):
        tag = int.from_bytes(encoded[entry : entry + 2], "little")
        if tag == 256:
            encoded[entry + 8 : entry + 10] = (40).to_bytes(2, "little")
        if tag == 258:
            values = int.from_bytes(encoded[entry + 8 : entry + 12], "little")
            encoded[values : values + 6] = b"\x10\0" * 3
    gray = decode(bytes(encoded))
    assert gray.shape == (40, 40)
    assert np.abs(gray[1:].astype(int) - SEVEN[1:]).max() <= 1


@pytest.mark.parametrize("ink", [0, 255])
def test_transparent_color(ink: int) -> None:
    colors = np.where(SEVEN < 128, ink, 128)[..., np.newaxis].repeat(3, 2).astype(np.uint16)
    gray = decode(png_file(colors, 2, 16, [chunk(b"tRNS", b"\0\x80" * 3)]))
    assert abs(int(gray[0, 0]) - int(gray[8, 20])) == 255


def test_layouts() -> None:
    assert is_deep_color("RGB;16B")
    assert is_deep_color("LA;16B")
    for layout in ("", "L", "RGB", "I;16B", "BGR;16"):
        assert not is_deep_color(layout)
    assert rawmode(Image.open(io.BytesIO(png(seven())))) == "L"
    assert rawmode(Image.open(io.BytesIO(png_file(deep("RGB", 9, 0), 2, 16)))) == "RGB;16B"
