"""Reads color of 16 bits a sample whose values take up no more than 12 bits.

Pillow keeps the high byte of each sample of a color picture, which is next to nothing of such a one. A second
decoding takes the low bytes, as the high ones of samples in the other byte order.
"""

from __future__ import annotations

import io
from typing import Any, Final

from PIL import Image, ImageChops, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from serving.errors import CheckreaderError
from serving.images.frame import strips

_GRAY_ALPHA: Final = "LA;16B"
_SWAPPED: Final = {"B": "L", "L": "B", "N": "B"}
_PLANES, _BITS_PER_SAMPLE = 284, 258  # tags of a TIFF
_BITS: Final = ((0, 8), (3, 10), (15, 12))  # the largest high byte, and the bits of such samples


def rawmode(picture: ImageFile.ImageFile) -> str:
    """Returns how the samples of a picture lie in its file, or "" where that is unknown; not after it is loaded."""
    arguments = picture.tile[0][3] if picture.tile else ""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def name_planes(picture: ImageFile.ImageFile) -> None:
    """Tells Pillow that the separate planes of an uncompressed TIFF have 16 bits, which it takes for 8; before it is loaded."""
    if not isinstance(picture, TiffImageFile) or picture.tag_v2.get(_PLANES) != 2 or picture.use_load_libtiff:
        return
    if set(picture.tag_v2.get(_BITS_PER_SAMPLE, ())) == {16}:
        suffix = ";16L" if picture.tag_v2.prefix == b"II" else ";16B"
        for index, tile in enumerate(picture.tile):
            if isinstance(tile.args, tuple):
                picture.tile[index] = tile._replace(args=(f"{tile.args[0]}{suffix}", *tile.args[1:]))


def is_deep_color(layout: str) -> bool:
    """Returns whether samples are color, or gray with transparency, of 16 bits; `layout` is as `rawmode` gives it."""
    return layout[-4:-1] == ";16" and layout[:1] in "RGBL"


def scale_colors(high: Image.Image, encoded: bytes, layout: str) -> Image.Image:
    """Scales a picture's samples to 8 bits by their range, where 12 bits or less hold them.

    Args:
        high: the loaded picture.
        encoded: its file.
        layout: as `rawmode` gave it before `high` was loaded.

    Returns:
        The same picture, changed.

    Raises:
        CheckreaderError: its low bytes cannot be decoded.
    """
    if high.mode not in ("RGB", "RGBA"):
        return high
    largest = [int(most) for _, most in high.getextrema()]  # type: ignore[misc]
    bits = next((bits for limit, bits in _BITS if max(largest[:3]) <= limit), 16)
    if bits < 16:
        if isinstance(high, TiffImageFile) and high.use_load_libtiff and high.tag_v2.get(_PLANES) == 2:
            # libtiff's decoder takes each plane in the file's byte order, whatever it is told.
            raise CheckreaderError(
                f"TIFF of separate compressed planes with {bits} of 16 bits in use: save it as 8-bit PNG"
            )
        low = _low_bytes(encoded, layout)
        width, height = high.size
        for top, bottom in strips(width, height):
            box = (0, top, width, bottom)
            bands = list(high.crop(box).split())
            low_bands = low.crop(box).split()
            if layout == _GRAY_ALPHA:
                low_bands = (low_bands[1], low_bands[1], low_bands[1], low_bands[3])
            for index, (band, low_band) in enumerate(zip(bands, low_bands, strict=True)):
                if largest[index] <= _BITS[-1][0]:  # opacity may use all bits where colors do not
                    bands[index] = ImageChops.add(
                        band.point([level << (16 - bits) & 255 for level in range(256)]),
                        low_band.point([level >> (bits - 8) for level in range(256)]),
                    )
            high.paste(Image.merge(high.mode, bands), box)
    clear = high.info.get("transparency")
    if isinstance(clear, tuple):
        high.info["transparency"] = tuple(min(sample >> (bits - 8), 255) for sample in clear)
    return high


def _low_bytes(encoded: bytes, layout: str) -> Image.Image:
    """Decodes the low byte of each sample; of gray with opacity, which are four bytes as well, high and low ones."""
    picture = Image.open(io.BytesIO(encoded), formats=("PNG", "TIFF"))
    name_planes(picture)
    if layout == _GRAY_ALPHA:
        picture.tile = [tile._replace(args="RGBA") for tile in picture.tile]
    else:
        picture.tile = [tile._replace(args=_swap(tile.args)) for tile in picture.tile]
    picture.load()
    return picture


def _swap(arguments: Any) -> Any:
    """Returns a tile's arguments with the byte order of its samples swapped."""
    if isinstance(arguments, str) and arguments[-4:-1] == ";16":
        return arguments[:-1] + _SWAPPED[arguments[-1]]
    if isinstance(arguments, tuple):
        return tuple(_swap(argument) for argument in arguments)
    return arguments
