"""What arrives while a model runs, or in the same turn of the event loop, runs together next.

Event-driven: nothing polls, and a lone request waits for nobody. A batch that
is quickly computed runs in the event loop itself, since handing it to a thread
and back costs more than LeNet-5; a longer one runs beside it, cut over the
lanes that are idle, one for each core. The measurement behind the defaults is
`benchmarks/results/batching.json`.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from serving.engine.statistics import Statistics
from serving.errors import Busy, Expired
from serving.runtime.network import Array, Floats

Outputs: TypeAlias = tuple[Array, ...]

# The longest that a batch may hold up the event loop, in ns.
INLINE: Final = 1_000_000
# Full batches, which nobody can join any more, that wait in the executor beyond those under way: a lane
# would otherwise idle until the event loop, which is busy with what arrives, notices that it is free.
AHEAD: Final = 1


@dataclass(slots=True, eq=False)
class _Job:
    image: Floats
    answer: asyncio.Future[Outputs]
    arrived: int
    timeout: float | None
    timer: asyncio.TimerHandle | None = None
    started: bool = False


class Batcher:
    """Runs requests of one model in batches; lives in one event loop.

    Args:
        run: `Network.run`.
        executor: where batches run that take longer than `INLINE`, a thread for each lane.
        lanes: how many runs may be under way there.
        statistics: counts queueing and running.
        inline: the longest (ns) that a batch may hold up the event loop; 0 = every batch runs beside it.
        batch_rows: rows of a batch beyond which no further request joins it; a larger request runs alone.
        queue_rows: rows that may wait; with more, requests are refused. A request that finds the queue
            empty is always taken.
        delay: s that a request waits for others to join it, if a shared batch ended no longer ago than that.
    """

    def __init__(
        self,
        run: Callable[[Floats], Outputs],
        executor: Executor,
        lanes: int,
        statistics: Statistics,
        batch_rows: int = 256,
        queue_rows: int = 4096,
        delay: float = 0.0,
        inline: int = INLINE,
    ) -> None:
        self._run = run
        self._executor = executor
        self._lanes = lanes
        self._statistics = statistics
        self._batch_rows = batch_rows
        self._queue_rows = queue_rows
        self._delay = delay
        self._inline = inline
        self._waiting: list[_Job] = []
        self._rows = 0  # of what waits
        self._next: asyncio.Handle | None = None  # the coming flush, if there is one
        self._delayed = False  # whether that waits for others to join
        self._running = 0  # lanes that are taken
        self._tasks: set[asyncio.Task[None]] = set()
        self._shared = -(10**18)  # when the last batch that held several requests ended (ns)
        self._row_ns = 0.0  # what a row costs, once one has run

    @property
    def rows(self) -> int:
        """How many wait."""
        return self._rows

    @property
    def busy(self) -> bool:
        """Whether a new request may have to wait."""
        return self._running >= self._lanes or self._delay > 0 or self._rows >= self._batch_rows

    def _room(self) -> bool:
        return self._running < self._lanes + (AHEAD if self._rows >= self._batch_rows else 0)

    def submit(self, image: Floats, timeout: float | None = None) -> asyncio.Future[Outputs]:
        """Queues a request.

        Args:
            image: [N, …], N ≥ 1, what `run` takes. Only requests of equal shape, but for N, share a batch.
            timeout: s that it may wait; None = any time.

        Returns:
            Every output's rows for this request; cancel it to drop the request. Raises Expired if it
            waited too long, or what `run` raises for it.

        Raises:
            Busy: the queue is full.
        """
        rows = len(image)
        if self._rows + rows > self._queue_rows and self._waiting:
            self._drop_cancelled()
            if self._rows + rows > self._queue_rows and self._waiting:
                raise Busy(f"too many requests: {self._rows} rows are waiting; try again in a moment")
        loop = asyncio.get_running_loop()
        job = _Job(image, loop.create_future(), time.perf_counter_ns(), timeout)
        self._waiting.append(job)
        self._rows += rows
        if self._room():
            full = self._rows >= self._batch_rows
            together = job.arrived - self._shared <= self._delay * 1e9
            if self._next is None:
                self._plan(0.0 if full or not together else self._delay)
            elif full and self._delayed:
                self._next.cancel()
                self._plan(0.0)
        if self._running >= self._lanes or self._delayed:
            self._watch(job)
        return job.answer

    def _plan(self, delay: float) -> None:
        loop = asyncio.get_running_loop()
        self._delayed = delay > 0
        self._next = loop.call_later(delay, self._flush) if delay else loop.call_soon(self._flush)

    def _watch(self, job: _Job) -> None:
        """Lets a job expire; one that is about to run needs no timer, which spares most of them."""
        if job.timeout is not None and job.timer is None:
            left = job.timeout - (time.perf_counter_ns() - job.arrived) / 1e9
            job.timer = asyncio.get_running_loop().call_later(max(0.0, left), self._expire, job)

    def _flush(self) -> None:
        self._next = None
        self._delayed = False
        jobs = self._take() if self._room() else []
        if not jobs:
            return
        rows = sum(len(job.image) for job in jobs)
        cost = rows * self._row_ns
        if 0 < cost <= self._inline:
            start = time.perf_counter_ns()
            answers = self._answers(jobs)
            self._settle(jobs, answers, start, time.perf_counter_ns())
        else:
            pieces = max(1, min(self._lanes - self._running, int(cost / INLINE), rows))
            self._running += pieces
            task = asyncio.get_running_loop().create_task(self._beside(jobs, pieces))
            self._tasks.add(task)  # the loop itself would let it be collected
            task.add_done_callback(self._tasks.discard)
            self._go_on()

    def _go_on(self) -> None:
        if self._waiting and self._next is None and self._room():
            self._plan(0.0)

    def _take(self) -> list[_Job]:
        """The next batch: what waits longest, with everything of its shape that fits in beside it."""
        self._drop_cancelled()
        taken: list[_Job] = []
        left: list[_Job] = []
        rows = 0
        for job in self._waiting:
            fits = not taken or (
                job.image.shape[1:] == taken[0].image.shape[1:] and rows + len(job.image) <= self._batch_rows
            )
            if fits:
                rows += len(job.image)
                taken.append(job)
            else:
                left.append(job)
                self._watch(job)
        self._waiting = left
        self._rows -= rows
        return taken

    def _drop_cancelled(self) -> None:
        self._waiting = [job for job in self._waiting if not job.answer.done()]
        self._rows = sum(len(job.image) for job in self._waiting)

    def _expire(self, job: _Job) -> None:
        if not (job.started or job.answer.done()):
            waited = f"the request waited longer than its timeout of {job.timeout:g} s"
            job.answer.set_exception(Expired(waited))

    def _answers(self, jobs: list[_Job]) -> list[Outputs | Exception]:
        try:
            return _shared_out(jobs, self._run(_together(jobs)))
        except Exception as error:
            # One request must not fail another: each gets a run, and a mistake, of its own.
            return [error] if len(jobs) == 1 else [self._answers([job])[0] for job in jobs]

    async def _beside(self, jobs: list[_Job], pieces: int) -> None:
        loop = asyncio.get_running_loop()
        lanes: list[asyncio.Future[Any]] = []
        try:
            if pieces == 1:
                lanes = [loop.run_in_executor(self._executor, self._late, jobs)]
                jobs, answers, start, end = await lanes[0]
            else:
                start = time.perf_counter_ns()
                for job in jobs:
                    job.started = True
                parts = np.array_split(_together(jobs), pieces)
                lanes = [loop.run_in_executor(self._executor, self._run, part) for part in parts]
                ran = await asyncio.gather(*lanes)
                outputs = tuple(np.concatenate(part) for part in zip(*ran, strict=True))
                answers, end = _shared_out(jobs, outputs), time.perf_counter_ns()
        except Exception:
            await asyncio.gather(*lanes, return_exceptions=True)
            try:
                jobs, answers, start, end = await loop.run_in_executor(self._executor, self._late, jobs)
            except Exception as error:  # nobody may be left without an answer
                start = end = time.perf_counter_ns()
                answers = [error for _ in jobs]
        finally:
            self._running -= pieces
        self._settle(jobs, answers, start, end)

    def _late(self, jobs: list[_Job]) -> tuple[list[_Job], list[Outputs | Exception], int, int]:
        """Runs what nobody has given up by now, in the executor; when it began and ended (ns)."""
        start = time.perf_counter_ns()
        left = [job for job in jobs if not job.answer.done()]
        for job in left:
            job.started = True
        answers = self._answers(left) if left else []
        return left, answers, start, time.perf_counter_ns()

    def _settle(self, jobs: list[_Job], answers: list[Outputs | Exception], start: int, end: int) -> None:
        rows = sum(len(job.image) for job in jobs)
        if rows:
            cost = (end - start) / rows
            self._row_ns += (cost - self._row_ns) / 8 if self._row_ns else cost
            self._statistics.record_batch(rows, end - start)
        if len(jobs) > 1:
            self._shared = end
        for job, answer in zip(jobs, answers, strict=True):
            if job.timer is not None:
                job.timer.cancel()
            if job.answer.done():  # its client went away while it ran
                continue
            if isinstance(answer, Exception):
                job.answer.set_exception(answer)
            else:
                self._statistics.queue.add(start - job.arrived)
                self._statistics.compute_infer.add(end - start)
                job.answer.set_result(answer)
        self._go_on()


def _together(jobs: list[_Job]) -> Floats:
    return jobs[0].image if len(jobs) == 1 else np.concatenate([job.image for job in jobs])


def _shared_out(jobs: list[_Job], outputs: Outputs) -> list[Outputs | Exception]:
    """To each job its own rows."""
    if len(jobs) == 1:
        return [outputs]
    ends = list(itertools.accumulate(len(job.image) for job in jobs))
    return [
        tuple(output[end - len(job.image) : end] for output in outputs)
        for job, end in zip(jobs, ends, strict=True)
    ]
