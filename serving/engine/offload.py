"""Threads for what would hold up the event loop: decoding of pictures, large tensors and strings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar, cast

from serving.errors import Busy

T = TypeVar("T")

# Pieces of work that may be under way or wait for a thread.
QUEUE: Final = 64


class Offloader:
    """Lives in one event loop.

    Args:
        threads: how many work at a time.
    """

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, "checkreader-decode")
        self._waiting = 0

    async def run(self, work: Callable[[], T], begun: bool = False) -> T:
        """`work()` in a thread, so that the event loop goes on.

        Args:
            work: what takes long.
            begun: it ends what was begun before: it is never refused.

        Raises:
            Busy: too much is waiting for that already.
        """
        if self._waiting >= QUEUE and not begun:
            raise Busy(f"too many requests: {self._waiting} are waiting to be decoded; try again in a moment")
        gone = False

        def unless_gone() -> T | None:
            return None if gone else work()

        def done(future: asyncio.Future[Any]) -> None:
            self._waiting -= 1  # not before: what waits for a thread keeps its body
            future.exception()

        self._waiting += 1
        running = asyncio.get_running_loop().run_in_executor(self._threads, unless_gone)
        running.add_done_callback(done)
        try:
            return cast(T, await asyncio.shield(running))
        except asyncio.CancelledError:
            gone = True
            raise
