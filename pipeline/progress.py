"""Shows on standard error how far a stage is, at least every ten seconds, whichever library is at work.

A stage says by `note` what it is at; while `shown`, a thread writes the latest note with the seconds so far.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import Final

INTERVAL: Final = 8.0  # s between two lines

_notes: list[str] = []  # of the stages under way, the innermost last


def note(text: str) -> None:
    """Says what the stage is at, for the next line; without effect while nothing is `shown`."""
    if _notes:
        _notes[-1] = text


@contextlib.contextmanager
def shown(text: str, interval: float = INTERVAL) -> Iterator[None]:
    """Writes the latest note every `interval` seconds; the first one is `text`."""
    start, ended = time.monotonic(), threading.Event()

    def write() -> None:
        while not ended.wait(interval):
            begin = "\r" if sys.stderr.isatty() else ""  # over the bar that a library may be drawing
            sys.stderr.write(f"{begin}{_notes[-1]}: {time.monotonic() - start:.0f} s\n")
            sys.stderr.flush()

    _notes.append(text)
    thread = threading.Thread(target=write, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        _notes.pop()
