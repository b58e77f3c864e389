"""Says what the report is at: a line for each step, and while a step lasts a line every few seconds.

A bar says nothing while a single step lasts minutes, and nothing at all where the screen is a file.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

Step = Callable[[str], None]
_INTERVAL: Final = 8.0  # s


def silent(step: str) -> None:
    """Says nothing of a step, where nobody looks."""


@contextlib.contextmanager
def progress(task: str, interval: float = _INTERVAL) -> Iterator[Step]:
    """Yields a function that names the step that begins.

    Args:
        task: the first word of each line on standard error.
        interval: s after which the step that lasts is named again.
    """
    start, ended, step = time.monotonic(), threading.Event(), "begins"

    def show() -> None:
        sys.stderr.write(f"{task}: {step}, {time.monotonic() - start:.0f} s\n")
        sys.stderr.flush()

    def begin(name: str) -> None:
        nonlocal step
        step = name
        show()

    def repeat() -> None:
        while not ended.wait(interval):
            show()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield begin
    finally:
        ended.set()
        thread.join()
