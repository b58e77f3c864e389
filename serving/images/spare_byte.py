"""Reads opacity where a Windows bitmap has it in the byte that its header calls unused.

.NET and the Windows clipboard write it there. It counts only where the colors are all the same, which alone is no
picture: elsewhere the byte may hold anything.
"""

from __future__ import annotations

import io
from typing import Final

from PIL import Image

_LAYOUT: Final = "BGRX"
_SPARE_AS_RED: Final = "XBGR"  # of the same four bytes, the last one in the first channel


def add_opacity(picture: Image.Image, encoded: bytes, layout: str) -> Image.Image:
    """Adds the opacity in the unused bytes to a picture of a single color.

    Args:
        picture: loaded.
        encoded: its file.
        layout: of its samples, as `deep_color.rawmode` gives it before `picture` is loaded.

    Returns:
        The picture with an alpha channel, or as it was if it has several colors, or no such byte.
    """
    if layout != _LAYOUT or any(lowest != highest for lowest, highest in picture.getextrema()):  # type: ignore[misc]
        return picture
    spare = Image.open(io.BytesIO(encoded), formats=("BMP",))
    spare.tile = [
        tile._replace(args=(_SPARE_AS_RED, *tile.args[1:]))
        for tile in spare.tile
        if isinstance(tile.args, tuple)
    ]
    picture.putalpha(spare.getchannel("R"))
    return picture
