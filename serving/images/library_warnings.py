"""Hides what Pillow and libtiff complain of while this package decodes, from the screen and from the log.

Pillow warns of what it can do without in a picture: odd metadata, a size near its own limit. libtiff writes to
standard error itself. What matters of it is in the answer. `warnings.catch_warnings` would hide the warnings of
other threads as well, and is not safe to use in several; what is installed here acts only in a thread that decodes,
and leaves a program that imports this package the warnings of its own pictures.
"""

from __future__ import annotations

import ctypes
import logging
import threading
import warnings
from typing import Any, Final

from PIL import _imaging

_LOGGERS: Final = ("PIL.Image", "PIL.ImageFile", "PIL.PngImagePlugin", "PIL.TiffImagePlugin")


class _Decoding(threading.local):
    """Whether this thread decodes; matches a warning's text if so, as a compiled pattern would."""

    depth = 0

    def match(self, _: str) -> bool:
        return self.depth > 0


_decoding: Final = _Decoding()
_lock: Final = threading.Lock()
_entry: Final[Any] = ("ignore", _decoding, Warning, None, 0)


class Hidden:
    """Hides warnings, log records and error output of Pillow in this thread, within a `with` block."""

    def __enter__(self) -> None:
        filters: Any = warnings.filters
        if not filters or filters[0] is not _entry:  # new, or a program has set filters since
            _put_first(filters)
        _decoding.depth += 1

    def __exit__(self, *_: object) -> None:
        _decoding.depth -= 1


HIDDEN: Final = Hidden()


def _put_first(filters: list[Any]) -> None:
    with _lock:
        filters.insert(0, _entry)
        if _entry in filters[1:]:
            del filters[filters.index(_entry, 1)]


for _name in _LOGGERS:
    logging.getLogger(_name).addFilter(lambda _: _decoding.depth == 0)


def _handle_tiff_error(module: bytes | None, text: bytes | None, arguments: int | None) -> None:
    if not _decoding.depth and _previous_handler:
        _previous_handler(module, text, arguments)


# libtiff's error handler gets a module, a format and its arguments, a va_list that goes on as the pointer it is.
_Handler: Final = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
_handler: Final = _Handler(_handle_tiff_error)  # libtiff keeps its address only


def _install_handler() -> Any:
    """Installs the handler in the libtiff that Pillow is linked to, and returns the one before, or None."""
    try:
        install = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    except (AttributeError, OSError):  # linked statically, or not at all
        return None
    install.restype = _Handler
    return install(_handler)


_previous_handler: Final = _install_handler()
