"""Work off the event loop is bounded, is never lost, and is not begun for a caller that was cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from serving.engine.offload import Offloader
from serving.errors import Busy


def run(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner() as runner:
        return runner.run(asyncio.wait_for(work, 20))


def test_work_runs_in_a_thread_and_returns_its_value() -> None:
    async def call() -> int:
        return await Offloader(1).run(threading.get_ident)

    assert run(call()) != threading.get_ident()


def test_an_error_is_raised_to_the_caller() -> None:
    async def call() -> float:
        return await Offloader(1).run(lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        run(call())


def test_a_full_queue_refuses_new_work_but_not_what_was_begun() -> None:
    gate = threading.Event()

    async def call() -> None:
        offloader = Offloader(2, queue=2)
        pending = [asyncio.ensure_future(offloader.run(lambda: gate.wait(10))) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="2 are waiting to be decoded"):
            await offloader.run(bool)
        ending = asyncio.ensure_future(offloader.run(lambda: 8, begun=True))
        gate.set()
        assert await ending == 8
        await asyncio.gather(*pending)
        assert await offloader.run(lambda: 7) == 7

    run(call())


def test_work_of_a_cancelled_caller_is_not_begun_and_holds_its_place_until_then() -> None:
    gate, calls = threading.Event(), []

    async def call() -> None:
        offloader = Offloader(1, queue=2)
        first = asyncio.ensure_future(offloader.run(lambda: gate.wait(10)))
        second = asyncio.ensure_future(offloader.run(lambda: calls.append(2)))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        with pytest.raises(Busy):
            await offloader.run(bool)
        gate.set()
        await first
        await offloader.run(lambda: calls.append(3), begun=True)

    run(call())
    assert calls == [3]
