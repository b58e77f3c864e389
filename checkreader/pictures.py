"""Turns what a program has at hand, a path, bytes, an array or an image, into encoded pictures."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from serving.bulk.folder import read_file
from serving.errors import CheckreaderError
from serving.images.pages import split

Picture: TypeAlias = str | os.PathLike[str] | bytes | npt.NDArray[Any] | Image.Image
Pictures = TypeVar("Pictures", bound=Picture)  # what a list of pictures holds
Result = TypeVar("Result")

_PNG_MODES: Final = ("1", "L", "LA", "RGB", "RGBA", "P", "I;16")
_TIFF_MODES: Final = ("I", "F", "I;16B", "LAB")  # that would lose something in a PNG
_CHANNELS: Final = (3, 4)  # of arrays with colors, red first, and of those with transparency


def encoded(picture: Picture) -> bytes:
    """Returns a picture's bytes in a format that the service reads, so that command, Python and HTTP normalize alike.

    Args:
        picture: a path; encoded bytes; an array of uint8 or bool, [height, width] gray, [height, width, 3] RGB or
            [height, width, 4] RGBA, 0 = black; or a PIL image.

    Raises:
        CheckreaderError: the file cannot be read, or it is nothing of these.
    """
    if isinstance(picture, bytes | bytearray | memoryview):
        return bytes(picture)
    if isinstance(picture, str | os.PathLike):
        try:
            return read_file(Path(picture))
        except OSError as error:
            raise CheckreaderError(f"{os.fspath(picture)}: {error.strerror}") from None
    if isinstance(picture, np.ndarray):
        return _encode(Image.fromarray(_levels(picture)), "PNG")
    if isinstance(picture, Image.Image):
        if picture.mode in _TIFF_MODES:
            return _encode(picture, "TIFF")
        if picture.mode not in _PNG_MODES:
            alpha = "LA" if picture.mode == "La" else "RGBA"
            picture = picture.convert(alpha if picture.has_transparency_data else "RGB")
        return _encode(picture, "PNG")
    raise CheckreaderError(
        f"not a picture: expected a path, bytes, a NumPy array or a PIL image, got {type(picture).__name__}"
    )


def _levels(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    if array.dtype != np.uint8:
        raise CheckreaderError(
            f"an array of {array.dtype}: expected uint8 from 0 (black) to 255 (white), or bool (True = white)"
        )
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in _CHANNELS)):
        raise CheckreaderError(
            f"an array of shape {list(array.shape)}: expected [height, width], or [height, width, 3 or 4]"
        )
    return np.ascontiguousarray(array)


def _encode(image: Image.Image, format: str) -> bytes:
    """Encodes losslessly, fast rather than small, with the resolution, which tells the shape of pixels."""
    buffer = io.BytesIO()
    dpi = image.info.get("dpi")
    if not (isinstance(dpi, tuple) and len(dpi) == 2 and all(1 <= dots <= 100_000 for dots in dpi)):
        dpi = None
    image.save(buffer, format, dpi=dpi, **({"compress_level": 1} if format == "PNG" else {}))
    return buffer.getvalue()


def each(
    picture: Picture | list[Pictures] | tuple[Pictures, ...],
    read: Callable[[list[bytes]], list[Result]],
    method: str,
) -> Result | list[Result]:
    """Reads one picture of one page, or every page of several in one batch; `method` is the reader's that is called."""
    if not isinstance(picture, list | tuple):
        content = _encoded(picture, "")
        count = len(split(content))
        if count > 1:
            name = os.fspath(picture) if isinstance(picture, str | os.PathLike) else "the picture"
            raise CheckreaderError(
                f"{name} has {count} pages: pass a list, reader.{method}([…]), to read them all"
            )
        (result,) = read([content])
        return result
    if not picture:
        return []
    count = len(picture)
    return read([_encoded(entry, f"picture {i} of {count}: ") for i, entry in enumerate(picture, 1)])


def _encoded(picture: Picture, where: str) -> bytes:
    try:
        return encoded(picture)
    except CheckreaderError as error:
        raise CheckreaderError(f"{where}{error}") from None
