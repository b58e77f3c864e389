"""Frames of every mode and depth, and what becomes of their transparency."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from serving.errors import CheckreaderError
from serving.images.codec import decode
from serving.images.gray_levels import gray_levels
from tests.support.picture_files import chunk, png_file, tiff_file
from tests.support.tiny import png, seven

SEVEN = np.asarray(seven())
WIDE = SEVEN.astype(np.int64)


def layers(gray: np.ndarray, alpha: np.ndarray) -> Image.Image:
    return Image.fromarray(np.dstack([gray, gray, gray, alpha]).astype(np.uint8))


def ink_layer(ink: int) -> Image.Image:
    """A 7 of this level on full transparency, its edges half opaque."""
    return layers(np.full(SEVEN.shape, ink), 255 - np.asarray(seven(ink=0, paper=255)))


def contrast(gray: np.ndarray) -> int:
    """How much lighter the corner, which is paper, is than the middle of the 7's bar; negative: it is darker."""
    return int(gray[0, 0]) - int(gray[8, 20])


@pytest.mark.parametrize("largest", [255, 1023, 4095, 16383, 65535])
def test_samples_are_scaled_by_their_range(largest: int) -> None:
    samples = (WIDE * largest // 255).astype(np.uint16)
    samples[0, 0] = largest
    for encoded in (
        png_file(samples, 0, 16),
        tiff_file(samples, 1, 16),
        tiff_file(samples, 1, 16, ">"),
        tiff_file(samples, 1, 16, big=True),
        tiff_file(samples.astype(np.uint32), 1, 32),
        tiff_file(largest - samples, 0, 16),  # white is zero
    ):
        assert np.abs(decode(encoded)[1:].astype(int) - SEVEN[1:]).max() <= 1


def test_darkness_is_not_stretched_beyond_a_few_bits() -> None:
    assert decode(png_file(np.full((9, 9), 40, np.uint16), 0, 16)).max() == 40
    assert not decode(png_file(np.zeros((9, 9), np.uint16), 0, 16)).any()


@pytest.mark.parametrize(("scale", "shift"), [(1 / 255, 0), (1, 0), (257, 0), (1, -100), (1 / 255, -0.5)])
def test_floats(scale: float, shift: float) -> None:
    samples = (WIDE * scale + shift).astype(np.float32)
    samples[0, 0] = 255 * scale + shift
    samples[0, 1] = shift
    for order in "<>":
        gray = decode(tiff_file(samples, 1, 32, order, {339: 3}))
        assert np.abs(gray[1:].astype(int) - SEVEN[1:]).max() <= 1


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_floats_that_are_no_numbers(strange: float) -> None:
    samples = WIDE.astype(np.float32)
    samples[3, 3] = strange
    with pytest.raises(CheckreaderError, match="not finite: save it as 8-bit gray"):
        decode(tiff_file(samples, 1, 32, "<", {339: 3}))


@pytest.mark.parametrize("depth", [16, 32])
def test_negative_samples(depth: int) -> None:
    samples = (WIDE - 128) << (depth - 8)
    gray = decode(tiff_file(samples, 1, depth, "<", {339: 2}))
    assert np.abs(gray.astype(int) - (SEVEN - SEVEN.min())).max() <= 2


def test_large_unsigned_samples() -> None:
    gray = decode(tiff_file((WIDE << 24).astype(np.uint32), 1, 32))
    assert np.abs(gray.astype(int) - SEVEN).max() <= 1


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("order", "<>")
def test_few_bits(depth: int, photometric: int, order: str) -> None:
    largest = 2**depth - 1
    samples = (SEVEN >> (8 - depth)).astype(np.uint8)
    expected = samples.astype(int) * 255 // largest
    if photometric == 0:
        samples = largest - samples
    gray = decode(tiff_file(samples, photometric, depth, order))
    assert (gray == expected).all()
    if photometric == 1:
        assert (decode(png_file(samples, 0, depth)) == expected).all()


def test_reversed_bits() -> None:
    samples = (SEVEN >> 7).astype(np.uint8)
    straight = tiff_file(samples, 1, 1, tags={266: 2})
    start, stop = 8, 8 + 5 * len(SEVEN)
    turned = bytes(int(f"{byte:08b}"[::-1], 2) for byte in straight[start:stop])
    assert (decode(straight[:start] + turned + straight[stop:]) == samples * 255).all()


@pytest.mark.parametrize(
    "compression", ["tiff_ccitt", "group3", "group4", "tiff_lzw", "packbits", "tiff_adobe_deflate"]
)
def test_compressed_bitonal(compression: str) -> None:
    bitonal = seven(100).point(lambda level: 255 * (level > 128), "1")
    assert (decode(png(bitonal, "TIFF", compression=compression)) == np.asarray(bitonal) * 255).all()


@pytest.mark.parametrize("tags", [{}, {284: 2}])
def test_other_colors(tags: dict[int, int]) -> None:
    blank = np.zeros_like(SEVEN)
    rgb = np.dstack([SEVEN] * 3)
    assert (decode(tiff_file(rgb, 2, tags=tags)) == SEVEN).all()
    assert (decode(tiff_file(np.dstack([SEVEN, blank, blank]), 8, tags=tags)) == SEVEN).all()  # Lab
    cmyk = np.dstack([blank, blank, blank, 255 - SEVEN])
    assert (decode(tiff_file(cmyk, 5, tags=tags)) == SEVEN).all()


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
def test_jpeg_of_other_colors(mode: str) -> None:
    gray = decode(png(seven().convert("RGB").convert(mode), "JPEG", quality=95))
    assert np.abs(gray.astype(int) - SEVEN).mean() < 3


@pytest.mark.parametrize(
    "options", [{"format": "PNG"}, {"format": "WEBP", "lossless": True, "exact": True}, {"format": "TIFF"}]
)
@pytest.mark.parametrize(("ink", "darker"), [(0, True), (60, True), (100, True), (200, False), (255, False)])
def test_ink_on_transparency(options: dict, ink: int, darker: bool) -> None:
    change = contrast(decode(png(ink_layer(ink), **options)))
    assert abs(change) >= 150
    assert (change > 0) == darker


@pytest.mark.parametrize("ink", [0, 255])
@pytest.mark.parametrize("mode", ["LA", "PA", "P"])
def test_ink_on_transparency_in_other_modes(mode: str, ink: int) -> None:
    picture = ink_layer(ink)
    if mode == "P":
        picture = picture.quantize(8)
        assert picture.mode == "P"
        encoded = png(picture)
    else:
        encoded = png(picture.convert("LA"), "PNG")
    assert abs(contrast(decode(encoded))) > 200


@pytest.mark.parametrize("color", [2, 6])
@pytest.mark.parametrize("ink", [0, 65535])
def test_ink_on_transparency_of_sixteen_bits(color: int, ink: int) -> None:
    is_ink = SEVEN < 128
    colors = np.where(is_ink[..., np.newaxis], ink, 32768).repeat(3, 2)
    if color == 6:
        samples, chunks = np.dstack([colors, np.where(is_ink, 65535, 0)]), []
    else:
        samples, chunks = colors, [chunk(b"tRNS", b"\x80\0" * 3)]
    assert abs(contrast(decode(png_file(samples.astype(np.uint16), color, 16, chunks)))) > 200


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("clear", ["black", "white"])
def test_one_transparent_gray(depth: int, clear: str) -> None:
    largest = 2**depth - 1
    ink, paper = (0, largest) if clear == "white" else (largest, 0)
    samples = np.where(SEVEN < 128, ink, paper)
    encoded = png_file(samples.astype(np.uint16), 0, depth, [chunk(b"tRNS", paper.to_bytes(2, "big"))])
    assert abs(contrast(decode(encoded))) == 255


@pytest.mark.parametrize("associated", [1, 2])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("white", [False, True])
def test_alpha_of_a_tiff(associated: int, depth: int, white: bool) -> None:
    alpha = 255 - np.asarray(seven(ink=0, paper=255)).astype(int)
    level = alpha if associated == 1 else np.full_like(alpha, 255)
    samples = np.dstack([level * white] * 3 + [alpha])
    if depth == 16:
        samples = samples * 257
    gray = decode(tiff_file(samples.astype(np.uint16), 2, depth, tags={338: associated}))
    assert np.abs(gray.astype(int) - (alpha if white else 255 - alpha)).max() <= 1


def test_empty_alpha_is_ignored() -> None:
    empty = layers(SEVEN, np.zeros_like(SEVEN))
    for picture in (empty, empty.convert("LA")):
        for encoded in (png(picture), png(picture, "TIFF")):
            assert (decode(encoded) == SEVEN).all()
    assert (decode(png(empty, "WEBP", lossless=True, exact=True)) == SEVEN).all()


def test_paper_cut_out_of_its_background() -> None:
    for paper, ink in ((230, 30), (40, 250)):
        alpha = np.full((40, 40), 255)
        alpha[:4, :4] = alpha[-4:, -4:] = 0
        gray = decode(png(layers(np.asarray(seven(ink=ink, paper=paper)), alpha)))
        assert gray[0, 0] == gray[20, 2] == paper
        assert gray[8, 20] == ink


def test_small_paper_with_dark_ink_stays_dark_ink_on_white() -> None:
    canvas = np.zeros((80, 80, 4), np.uint8)
    canvas[10:50, 10:50] = np.asarray(layers(SEVEN, np.full_like(SEVEN, 255)))
    gray = decode(png(Image.fromarray(canvas)))
    assert gray[0, 0] == 255
    assert (gray[10:50, 10:50] == SEVEN).all()


def test_faint_ink_everywhere() -> None:
    """No pixel is half opaque: the most opaque are the ink."""
    alpha = np.where(SEVEN < 128, 90, 0)
    assert contrast(decode(png(layers(np.full_like(SEVEN, 255), alpha)))) == -90


def test_strips_join() -> None:
    tall = np.arange(2100 * 2100, dtype=np.uint32).reshape(2100, 2100) % 65536  # more than one strip
    picture = Image.fromarray(tall.astype(np.uint16))
    assert np.abs(gray_levels(picture).astype(int) - tall / 257).max() <= 0.51
    color = Image.merge("RGB", [Image.fromarray((tall >> 8).astype(np.uint8))] * 3)
    assert (gray_levels(color) == tall >> 8).all()
