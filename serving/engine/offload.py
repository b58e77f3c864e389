"""Runs work off the event loop, in threads: decoding of pictures, large tensors and strings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar, cast

from serving.errors import Busy

T = TypeVar("T")

# Calls that may run or wait for a thread.
QUEUE: Final = 64


class Offloader:
    """Runs functions in a pool of threads, with a bounded queue; lives in one event loop.

    Args:
        threads: the number of functions that run at a time.
        queue: the number of calls that may run or wait; further ones are refused.
    """

    def __init__(self, threads: int, queue: int = QUEUE) -> None:
        self._threads = ThreadPoolExecutor(threads, "checkreader-decode")
        self._queue = queue
        self._pending = 0

    async def run(self, work: Callable[[], T], begun: bool = False) -> T:
        """Calls `work` in a thread, without blocking the event loop.

        Args:
            work: a function that takes long; it is not called if the caller is cancelled before.
            begun: True for work that completes a request which is under way: it is never refused.

        Returns:
            The return value of `work`.

        Raises:
            Busy: the queue is full.
        """
        if self._pending >= self._queue and not begun:
            raise Busy(f"too many requests: {self._pending} are waiting to be decoded; try again in a moment")
        cancelled = False

        def work_unless_cancelled() -> T | None:
            return None if cancelled else work()

        def release(future: asyncio.Future[Any]) -> None:
            # Not before: a call that waits for a thread keeps its request's body in memory.
            self._pending -= 1
            future.exception()

        self._pending += 1
        running = asyncio.get_running_loop().run_in_executor(self._threads, work_unless_cancelled)
        running.add_done_callback(release)
        try:
            return cast(T, await asyncio.shield(running))
        except asyncio.CancelledError:
            cancelled = True
            raise
