"""Every caller gets exactly its own rows, whoever shares the batch, leaves it or spoils it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.engine.batcher import INLINE, Batcher
from serving.engine.statistics import Statistics
from serving.errors import Busy, Expired


class Network:
    """Returns row + 1 and twice the row; records its batches and can be held up."""

    def __init__(self) -> None:
        self.batches: list[list[float]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Event()
        self.threads: set[int] = set()

    def run(self, image: np.ndarray) -> tuple[np.ndarray, ...]:
        self.batches.append(image.ravel().tolist())
        self.threads.add(threading.get_ident())
        self.started.set()
        self.gate.wait(10)
        if (image < 0).any():
            raise ValueError("a negative row")
        return image + 1, image * 2


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def statistics() -> Statistics:
    return Statistics()


@pytest.fixture
def executor():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def batcher(network: Network, statistics: Statistics, executor: ThreadPoolExecutor) -> Batcher:
    # With no batch ahead, a single one in the executor keeps the others waiting.
    return Batcher(network.run, executor, 1, statistics, batch_rows=8, queue_rows=16, ahead=0)


def image(*rows: float) -> np.ndarray:
    return np.array(rows, np.float32)[:, np.newaxis]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner() as runner:
        return runner.run(asyncio.wait_for(work, 20))


async def started(network: Network) -> None:
    """Waits until a batch runs in the executor."""
    await asyncio.get_running_loop().run_in_executor(None, network.started.wait, 10)


async def held(batcher: Batcher, network: Network, *rows: float) -> asyncio.Future:
    """Starts a first batch, which runs until the gate is opened."""
    network.gate.clear()
    first = batcher.submit(image(*rows))
    await started(network)
    return first


def test_lone_request(batcher: Batcher, network: Network) -> None:
    async def work() -> None:
        plus, twice = await batcher.submit(image(1, 2))
        assert plus.ravel().tolist() == [2, 3]
        assert twice.ravel().tolist() == [2, 4]

    run(work())
    assert network.batches == [[1, 2]]


def test_what_arrives_in_one_turn_shares_a_batch(batcher: Batcher, network: Network) -> None:
    async def work() -> None:
        answers = await asyncio.gather(*(batcher.submit(image(row)) for row in range(5)))
        assert [answer[0].item() for answer in answers] == [1, 2, 3, 4, 5]

    run(work())
    assert network.batches == [[0, 1, 2, 3, 4]]


def test_what_arrives_while_one_runs_shares_the_next(batcher: Batcher, network: Network) -> None:
    async def work() -> None:
        first = await held(batcher, network, 1, 2, 3)
        assert batcher.busy
        later = [batcher.submit(image(row)) for row in (4, 5)]
        network.gate.set()
        await asyncio.gather(first, *later)
        assert not batcher.busy

    run(work())
    assert network.batches == [[1, 2, 3], [4, 5]]


def test_batches_are_cut_by_rows(batcher: Batcher, network: Network) -> None:
    async def work() -> None:
        first = await held(batcher, network, 0)
        later = [batcher.submit(image(*[row] * 3)) for row in (1, 2, 3)]
        network.gate.set()
        await asyncio.gather(first, *later)

    run(work())
    assert network.batches == [[0], [1, 1, 1, 2, 2, 2], [3, 3, 3]]


def test_a_request_larger_than_a_batch_runs_alone(batcher: Batcher, network: Network) -> None:
    async def work() -> None:
        first = await held(batcher, network, 0)
        large, small = batcher.submit(image(*range(12))), batcher.submit(image(99))
        network.gate.set()
        await asyncio.gather(first, large, small)
        assert small.result()[0].item() == 100

    run(work())
    assert network.batches == [[0], [float(row) for row in range(12)], [99]]


def test_only_equal_shapes_share_a_batch(batcher: Batcher, network: Network) -> None:
    async def work() -> None:
        wide = np.zeros((1, 2), np.float32)
        answers = await asyncio.gather(*(batcher.submit(one) for one in (image(1), wide, image(2))))
        assert [answer[0].shape for answer in answers] == [(1, 1), (1, 2), (1, 1)]

    run(work())
    assert network.batches == [[1, 2], [0, 0]]


def test_one_bad_request_fails_alone(batcher: Batcher) -> None:
    async def work() -> list[Any]:
        jobs = [batcher.submit(image(row)) for row in (1, -1, 2)]
        return await asyncio.gather(*jobs, return_exceptions=True)

    good, bad, other = run(work())
    assert isinstance(bad, ValueError)
    assert [good[0].item(), other[0].item()] == [2, 3]


def test_cancelled_rows_are_not_run(batcher: Batcher, network: Network) -> None:
    async def work() -> None:
        first = await held(batcher, network, 0)
        kept, dropped = batcher.submit(image(1)), batcher.submit(image(2))
        dropped.cancel()
        first.cancel()  # too late to spare the run, and nobody may be disturbed by it
        network.gate.set()
        assert (await kept)[0].item() == 2

    run(work())
    assert network.batches == [[0], [1]]


def test_cancelled_rows_leave_the_queue(batcher: Batcher, network: Network) -> None:
    async def work() -> None:
        await held(batcher, network, 0)
        waiting = [batcher.submit(image(*[1] * 8)) for _ in range(2)]
        with pytest.raises(Busy):
            batcher.submit(image(3))
        waiting[0].cancel()
        kept = batcher.submit(image(3))
        network.gate.set()
        await kept

    run(work())


def test_full_queue(batcher: Batcher, network: Network) -> None:
    async def work() -> None:
        first = await held(batcher, network, 0)
        waiting = batcher.submit(image(*range(16)))
        with pytest.raises(Busy, match="16 rows are waiting"):
            batcher.submit(image(1))
        network.gate.set()
        await asyncio.gather(first, waiting)
        assert (await batcher.submit(image(1)))[0].item() == 2

    run(work())


def test_what_has_run_in_part_goes_on_though_the_queue_is_full(batcher: Batcher, network: Network) -> None:
    async def work() -> None:
        first = await held(batcher, network, 0)
        waiting = batcher.submit(image(*range(16)))
        second = batcher.submit(image(1), continued=True)
        network.gate.set()
        assert (await second)[0].item() == 2
        await asyncio.gather(first, waiting)

    run(work())


def test_timeout_in_the_queue(batcher: Batcher, network: Network) -> None:
    async def work() -> None:
        first = await held(batcher, network, 0)
        late, patient = batcher.submit(image(1), timeout=0.001), batcher.submit(image(2), timeout=60)
        with pytest.raises(Expired, match=r"longer than its timeout of 0\.001 s"):
            await late
        network.gate.set()
        await asyncio.gather(first, patient)

    run(work())
    assert network.batches == [[0], [2]]


def test_a_batch_that_runs_does_not_expire(batcher: Batcher, network: Network) -> None:
    async def work() -> None:
        await held(batcher, network, 0)
        waiting = batcher.submit(image(1), timeout=0.05)
        network.started.clear()
        network.gate.set()
        await started(network)
        assert (await waiting)[0].item() == 2

    run(work())


def test_short_batches_run_in_the_loop_and_long_ones_in_the_executor(
    batcher: Batcher, network: Network
) -> None:
    async def work() -> None:
        await batcher.submit(image(1))  # tells what a row costs
        batcher.row_cost = INLINE / 4
        network.threads.clear()
        await batcher.submit(image(1, 2, 3, 4))
        assert network.threads == {threading.get_ident()}
        batcher.row_cost = INLINE / 4
        network.threads.clear()
        await batcher.submit(image(1, 2, 3, 4, 5))
        assert threading.get_ident() not in network.threads

    run(work())


def test_two_batches_in_the_executor(
    network: Network, statistics: Statistics, executor: ThreadPoolExecutor
) -> None:
    batcher = Batcher(network.run, executor, 2, statistics, ahead=0)

    async def work() -> None:
        first = await held(batcher, network, 0)
        assert not batcher.busy
        batcher.row_cost = 2.0 * INLINE
        network.started.clear()
        second = batcher.submit(image(1))
        await started(network)
        assert batcher.busy
        third = batcher.submit(image(2))
        network.gate.set()
        await asyncio.gather(first, second, third)
        assert not batcher.busy

    run(work())
    assert network.batches == [[0], [1], [2]]


def test_a_full_batch_goes_ahead(network: Network, statistics: Statistics) -> None:
    """It waits in the executor, where it still can expire or be cancelled; one that is not full stays in the queue."""
    with ThreadPoolExecutor(1) as lane:
        batcher = Batcher(network.run, lane, 1, statistics, batch_rows=3, ahead=1)

        async def work() -> None:
            first = await held(batcher, network, 0)
            batcher.row_cost = 2.0 * INLINE
            kept, dropped = batcher.submit(image(1)), batcher.submit(image(2))
            late = batcher.submit(image(3), timeout=0.001)
            await asyncio.sleep(0)
            assert batcher.queued_rows == 0
            more = [batcher.submit(image(row)) for row in (4, 5)]
            await asyncio.sleep(0)
            assert batcher.queued_rows == 2
            dropped.cancel()
            with pytest.raises(Expired):
                await late
            network.gate.set()
            await asyncio.gather(first, kept, *more)

        run(work())
    assert network.batches == [[0], [1], [4, 5]]


def test_nobody_is_left_without_an_answer(network: Network, statistics: Statistics) -> None:
    with ThreadPoolExecutor(1) as closed:
        pass
    batcher = Batcher(network.run, closed, 1, statistics, ahead=0)

    async def work() -> None:
        for _ in range(3):
            with pytest.raises(RuntimeError, match="shutdown"):
                await batcher.submit(image(1))
        assert not batcher.busy

    run(work())


def test_nothing_runs_in_the_loop_where_that_is_forbidden(
    network: Network, statistics: Statistics, executor: ThreadPoolExecutor
) -> None:
    batcher = Batcher(network.run, executor, 1, statistics, inline=0, ahead=0)

    async def work() -> None:
        for _ in range(3):
            await batcher.submit(image(1))

    run(work())
    assert threading.get_ident() not in network.threads


def test_a_long_batch_is_cut_over_the_idle_lanes(
    network: Network, statistics: Statistics, executor: ThreadPoolExecutor
) -> None:
    batcher = Batcher(network.run, executor, 2, statistics, ahead=0)

    async def work() -> None:
        batcher.row_cost = INLINE
        small, large = batcher.submit(image(9)), batcher.submit(image(*range(6)))
        assert (await large)[0].ravel().tolist() == [1, 2, 3, 4, 5, 6]
        assert (await small)[1].item() == 18

    run(work())
    assert sorted(network.batches) == [[3, 4, 5], [9, 0, 1, 2]]


@pytest.mark.parametrize("bad", [0, 5])
def test_a_bad_request_fails_alone_in_a_batch_that_is_cut(
    network: Network, statistics: Statistics, executor: ThreadPoolExecutor, bad: int
) -> None:
    batcher = Batcher(network.run, executor, 2, statistics, ahead=0)

    async def work() -> list[Any]:
        batcher.row_cost = INLINE
        rows = [-1.0 if at == bad else float(at) for at in range(6)]
        return await asyncio.gather(*(batcher.submit(image(row)) for row in rows), return_exceptions=True)

    answers = run(work())
    assert isinstance(answers[bad], ValueError)
    assert [one[0].item() for at, one in enumerate(answers) if at != bad] == [
        at + 1 for at in range(6) if at != bad
    ]
    assert not batcher.busy


def test_delay_gathers_only_after_a_shared_batch(
    network: Network, statistics: Statistics, executor: ThreadPoolExecutor
) -> None:
    batcher = Batcher(network.run, executor, 1, statistics, batch_rows=3, delay=30, ahead=0)

    async def work() -> None:
        await batcher.submit(image(1))  # alone: does not wait
        await asyncio.gather(batcher.submit(image(2)), batcher.submit(image(3)))
        first = batcher.submit(image(4))  # waits, as the batch before was shared
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not first.done()
        await asyncio.gather(first, batcher.submit(image(5, 6)))  # until the batch is full

    run(work())
    assert network.batches == [[1], [2, 3], [4, 5, 6]]


def test_a_request_expires_while_others_are_waited_for(
    network: Network, statistics: Statistics, executor: ThreadPoolExecutor
) -> None:
    batcher = Batcher(network.run, executor, 1, statistics, delay=30, ahead=0)

    async def work() -> None:
        await asyncio.gather(batcher.submit(image(2)), batcher.submit(image(3)))
        with pytest.raises(Expired):
            await batcher.submit(image(4), timeout=0.001)

    run(work())


def test_counts(batcher: Batcher, statistics: Statistics) -> None:
    async def work() -> None:
        await asyncio.gather(*(batcher.submit(image(row)) for row in range(3)))
        await batcher.submit(image(1))

    run(work())
    assert statistics.rows == 4
    assert {rows: one.count for rows, one in statistics.batches.items()} == {3: 1, 1: 1}
    assert statistics.queue.count == statistics.compute_infer.count == 4
    assert statistics.compute_infer.ns >= 3 * statistics.batches[3].ns


requests = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from(["answer", "answer", "answer", "fail", "cancel"])),
    min_size=1,
    max_size=30,
)


@given(requests, st.integers(1, 12), st.integers(1, 3), st.lists(st.integers(0, 3), max_size=30))
def test_every_caller_gets_exactly_its_rows(
    requests: list[tuple[int, str]], batch_rows: int, lanes: int, pauses: list[int]
) -> None:
    """Requests of any size, in any rhythm; some fail, some are cancelled; in the loop and in the executor."""
    network = Network()

    async def work() -> None:
        with ThreadPoolExecutor(2) as executor:
            batcher = Batcher(
                network.run, executor, lanes, Statistics(), batch_rows, queue_rows=10_000, ahead=0
            )
            expected, jobs = [], []
            for number, (rows, fate) in enumerate(requests):
                value = -1.0 if fate == "fail" else number + 1.0
                if number % 5 == 4:
                    batcher.row_cost = 2.0 * INLINE  # the next batch runs in the executor
                jobs.append(batcher.submit(image(*[value] * rows)))
                expected.append((rows, value, fate))
                if fate == "cancel":
                    jobs[-1].cancel()
                for _ in range(pauses[number] if number < len(pauses) else 0):
                    await asyncio.sleep(0)
            answers = await asyncio.gather(*jobs, return_exceptions=True)
        for (rows, value, fate), answer in zip(expected, answers, strict=True):
            if fate == "cancel":
                assert isinstance(answer, asyncio.CancelledError)
            elif fate == "fail":
                assert isinstance(answer, ValueError)
            else:
                assert answer[0].ravel().tolist() == [value + 1] * rows
                assert answer[1].ravel().tolist() == [value * 2] * rows

    run(work())
    rows_run = [row for batch in network.batches for row in batch]
    assert all(row < 0 or row == int(row) for row in rows_run)
