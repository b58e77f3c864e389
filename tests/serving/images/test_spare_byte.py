"""Tests opacity in the unused bytes of Windows bitmaps."""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from serving.images.codec import decode
from tests.support.tiny import seven

_MASKS = struct.pack("<3I", 0xFF0000, 0xFF00, 0xFF)


def bitmap(levels: npt.NDArray[Any], spare: npt.NDArray[Any], header: int, masked: bool, down: bool) -> bytes:
    """Returns a bitmap of 32 bits, as a header without a mask for opacity describes it."""
    height, width = spare.shape
    layers = np.dstack([levels, levels, levels, spare]).astype(np.uint8)
    info = struct.pack(
        "<IiiHHIIiiII", header, width, -height if down else height, 1, 32, 3 * masked, *[0] * 5
    )
    info = (info + _MASKS * masked).ljust(header, b"\0")
    start = 14 + len(info)
    head = b"BM" + struct.pack("<IHHI", start + layers.size, 0, 0, start)
    return head + info + (layers if down else layers[::-1]).tobytes()


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize(("header", "masked"), [(40, False), (40, True), (108, False), (124, False)])
@pytest.mark.parametrize("down", [False, True])
def test_ink_of_the_color_of_transparency(level: int, header: int, masked: bool, down: bool) -> None:
    opacity = 255 - np.asarray(seven()).astype(np.int64)
    gray = decode(bitmap(np.full_like(opacity, level), opacity, header, masked, down)).astype(np.int64)
    paper = 0 if level > 127 else 255
    expected = paper + (level - paper) * opacity / 255
    assert np.abs(gray - expected).max() <= 1


@pytest.mark.parametrize("spare", ["none", "full", "any"])
def test_unused_bytes_beside_a_picture(spare: str) -> None:
    gray = np.asarray(seven())
    noise = np.random.default_rng(1).integers(0, 256, gray.shape)
    byte = {"none": np.zeros_like(gray), "full": np.full_like(gray, 255), "any": noise}[spare]
    assert (decode(bitmap(gray, byte, 40, False, False)) == gray).all()


@pytest.mark.parametrize("byte", [0, 255])
def test_a_blank_bitmap_is_blank(byte: int) -> None:
    levels = np.full((20, 30), 200)
    assert (decode(bitmap(levels, np.full_like(levels, byte), 40, False, False)) == 200).all()
