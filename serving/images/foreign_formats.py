"""Names formats that are not read by their first bytes, and says what to do with such a file."""

from __future__ import annotations

import re
from typing import Final

_EXPORT: Final = "save it as PNG or JPEG"

# A pattern of the first bytes, what it is and what to do.
_FORMATS: Final = tuple(
    (re.compile(pattern, re.DOTALL), name, advice)
    for pattern, name, advice in (
        (
            rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)",
            "HEIC, as iPhones take it",
            f"{_EXPORT}, or set Settings > Camera > Formats > Most Compatible",
        ),
        (rb"....ftypavi[fs]", "AVIF", _EXPORT),
        (rb"....ftyp", "a video", "save a still of it as PNG or JPEG"),
        (
            rb".{0,1000}?%PDF-",
            "a PDF",
            "turn its pages into pictures, as by pdftoppm -r 200 -png FILE.pdf page",
        ),
        (
            rb"%!PS|\xc5\xd0\xd3\xc6",
            "PostScript",
            "turn its pages into pictures, as by pdftoppm after ps2pdf",
        ),
        (rb"AT&TFORM", "DjVu", "turn its pages into TIFF, as by ddjvu -format=tiff"),
        (rb"GIF8[79]a", "a GIF", _EXPORT),
        (rb"\x00\x00\x00\x0cJXL |\xff\x0a", "JPEG XL", _EXPORT),
        (rb"\x00\x00\x00\x0cjP {2}|\xff\x4f\xff\x51", "JPEG 2000", _EXPORT),
        (rb"II\xbc", "JPEG XR", _EXPORT),
        (rb"8BPS", "a Photoshop file", _EXPORT),
        (rb"\x00\x00\x01\x00[^\x00]", "an icon", _EXPORT),
        (rb"P[1-7][\s#]", "a PNM", _EXPORT),
        (rb"\x76\x2f\x31\x01", "OpenEXR", _EXPORT),
        (rb".{128}DICM", "DICOM", _EXPORT),
        (rb"\x93NUMPY", "a NumPy array", "save it as PNG"),
        (
            rb"PK\x03\x04",
            "a ZIP archive or an office document",
            "unpack it, or save its pictures as PNG or JPEG",
        ),
        (rb"\x1f\x8b", "gzip", "unpack it, or name it in Content-Encoding"),
        (rb"Rar!|7z\xbc\xaf|BZh|\xfd7zXZ", "an archive", "unpack it"),
        (
            rb"data:image/|iVBORw0KGgo|/9j/|Qk0[A-Za-z0-9+/]|SUkq|TU0A|UklGR",
            "base64 text",
            "decode it to bytes",
        ),
        (rb"(\xef\xbb\xbf)?\s*(<[?!].{0,1000}?>\s*)*<svg", "SVG", _EXPORT),
        (
            rb"(?i:(\xef\xbb\xbf)?\s*<(!doctype html|html))",
            "a web page",
            "save the picture in it, not the page",
        ),
    )
)


def describe(encoded: bytes) -> str:
    """Returns what the bytes are and what to do with them, or how they begin where that is not known."""
    for pattern, name, advice in _FORMATS:
        if pattern.match(encoded[:2048]):
            return f"{name}: {advice}"
    return f"{len(encoded)} bytes starting {encoded[:8]!r}" if encoded else "0 bytes"
