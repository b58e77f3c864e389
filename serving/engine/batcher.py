"""Dynamic batching: requests that arrive while a batch runs, or in the same turn of the event loop, share the next.

Event-driven: nothing polls, and a lone request never waits for others. A batch that is quickly computed runs in the
event loop itself, since handing it to a thread and back costs more than LeNet-5; a longer one runs in an executor,
split over its idle threads (the lanes), one for each core. `benchmarks/results/batching/` has the measurements
that the defaults come from.
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
# Full batches, which nobody can join any more, that wait in the executor beyond those that run: a lane would
# otherwise idle until the event loop, which is busy with arriving requests, notices that it is free.
AHEAD: Final = 1


@dataclass(slots=True, eq=False)
class _Job:
    """A request in the queue; `arrived` in ns by `time.perf_counter_ns`, `timeout` in s."""

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
        executor: runs batches that take longer than `inline`; it has a thread for each lane.
        lanes: the number of batches that may run there at a time.
        statistics: counts queueing and running.
        batch_rows: rows of a batch beyond which no further request joins it; a larger request runs alone.
        queue_rows: rows that may wait; with more, requests are refused. A request that finds the queue
            empty is always accepted.
        delay: s that a request waits for others to join it, if a shared batch ended no longer ago than that.
        inline: the longest (ns) that a batch may hold up the event loop; 0 = every batch runs in the executor.
        ahead: full batches that may wait in the executor for a lane.

    Attributes:
        row_cost: the time that a row takes (ns), a moving average over past batches; 0 = none has run yet.
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
        ahead: int = AHEAD,
    ) -> None:
        self._run = run
        self._executor = executor
        self._lanes = lanes
        self._statistics = statistics
        self._batch_rows = batch_rows
        self._queue_rows = queue_rows
        self._delay = delay
        self._inline = inline
        self._ahead = ahead
        self._queue: list[_Job] = []
        self._queued_rows = 0
        self._next_flush: asyncio.Handle | None = None
        self._delayed = False  # True while the next flush waits for more requests
        self._running = 0  # lanes in use
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_shared = -(10**18)  # when the last batch with several requests ended (ns)
        self.row_cost = 0.0

    @property
    def queued_rows(self) -> int:
        """The number of rows in the queue."""
        return self._queued_rows

    @property
    def busy(self) -> bool:
        """True if a new request may have to wait."""
        return self._running >= self._lanes or self._delay > 0 or self._queued_rows >= self._batch_rows

    def _has_room(self) -> bool:
        return self._running < self._lanes + (self._ahead if self._queued_rows >= self._batch_rows else 0)

    def submit(
        self, image: Floats, timeout: float | None = None, continued: bool = False
    ) -> asyncio.Future[Outputs]:
        """Queues a request.

        Args:
            image: float32 [N, …], N ≥ 1, an input of `run`. Only requests of equal shape, but for N, share a batch.
            timeout: s that it may wait; None = any time.
            continued: it goes on with a request that has run in part, and is let in however full the queue is:
                refused now, the work on it would be lost.

        Returns:
            Every output's rows for this request; cancel it to drop the request. It raises Expired if the
            request waited too long, or what `run` raises for it.

        Raises:
            Busy: the queue is full.
        """
        rows = len(image)
        if not continued and self._queued_rows + rows > self._queue_rows and self._queue:
            self._drop_cancelled()
            if self._queued_rows + rows > self._queue_rows and self._queue:
                raise Busy(f"too many requests: {self._queued_rows} rows are waiting; try again in a moment")
        loop = asyncio.get_running_loop()
        job = _Job(image, loop.create_future(), time.perf_counter_ns(), timeout)
        self._queue.append(job)
        self._queued_rows += rows
        if self._has_room():
            full = self._queued_rows >= self._batch_rows
            recently_shared = job.arrived - self._last_shared <= self._delay * 1e9
            if self._next_flush is None:
                self._schedule_flush(0.0 if full or not recently_shared else self._delay)
            elif full and self._delayed:
                self._next_flush.cancel()
                self._schedule_flush(0.0)
        if self._running >= self._lanes or self._delayed:
            self._start_timer(job)
        return job.answer

    def _schedule_flush(self, delay: float) -> None:
        loop = asyncio.get_running_loop()
        self._delayed = delay > 0
        self._next_flush = loop.call_later(delay, self._flush) if delay else loop.call_soon(self._flush)

    def _schedule_next(self) -> None:
        if self._queue and self._next_flush is None and self._has_room():
            self._schedule_flush(0.0)

    def _start_timer(self, job: _Job) -> None:
        """Lets a job expire; one that is about to run needs no timer, which spares most of them."""
        if job.timeout is not None and job.timer is None:
            remaining = job.timeout - (time.perf_counter_ns() - job.arrived) / 1e9
            job.timer = asyncio.get_running_loop().call_later(max(0.0, remaining), self._expire, job)

    def _flush(self) -> None:
        """Runs the next batch, in the event loop if it is short."""
        self._next_flush = None
        self._delayed = False
        jobs = self._take_batch() if self._has_room() else []
        if not jobs:
            return
        rows = sum(len(job.image) for job in jobs)
        cost = rows * self.row_cost
        if 0 < cost <= self._inline:
            start = time.perf_counter_ns()
            answers = self._compute(jobs)
            self._resolve(jobs, answers, start, time.perf_counter_ns())
        else:
            pieces = max(1, min(self._lanes - self._running, int(cost / INLINE), rows))
            self._running += pieces
            task = asyncio.get_running_loop().create_task(self._run_in_executor(jobs, pieces))
            self._tasks.add(task)  # the loop itself keeps no strong reference
            task.add_done_callback(self._tasks.discard)
            self._schedule_next()

    def _take_batch(self) -> list[_Job]:
        """Removes the next batch from the queue: the oldest job and all of its shape that fit in with it."""
        self._drop_cancelled()
        batch: list[_Job] = []
        remaining: list[_Job] = []
        rows = 0
        for job in self._queue:
            fits = not batch or (
                job.image.shape[1:] == batch[0].image.shape[1:] and rows + len(job.image) <= self._batch_rows
            )
            if fits:
                rows += len(job.image)
                batch.append(job)
            else:
                remaining.append(job)
                self._start_timer(job)
        self._queue = remaining
        self._queued_rows -= rows
        return batch

    def _drop_cancelled(self) -> None:
        self._queue = [job for job in self._queue if not job.answer.done()]
        self._queued_rows = sum(len(job.image) for job in self._queue)

    def _expire(self, job: _Job) -> None:
        if not (job.started or job.answer.done()):
            message = f"the request waited longer than its timeout of {job.timeout:g} s"
            job.answer.set_exception(Expired(message))

    def _compute(self, jobs: list[_Job]) -> list[Outputs | Exception]:
        try:
            return _split(jobs, self._run(_concatenate(jobs)))
        except Exception as error:
            # One request must not fail another: each runs alone and gets its own error.
            return [error] if len(jobs) == 1 else [self._compute([job])[0] for job in jobs]

    async def _run_in_executor(self, jobs: list[_Job], pieces: int) -> None:
        """Runs a batch in the executor, split into `pieces` of about equal size."""
        loop = asyncio.get_running_loop()
        runs: list[asyncio.Future[Any]] = []
        try:
            if pieces == 1:
                runs = [loop.run_in_executor(self._executor, self._run_late, jobs)]
                jobs, answers, start, end = await runs[0]
            else:
                start = time.perf_counter_ns()
                for job in jobs:
                    job.started = True
                images = np.array_split(_concatenate(jobs), pieces)
                runs = [loop.run_in_executor(self._executor, self._run, image) for image in images]
                outputs_of_pieces = await asyncio.gather(*runs)
                outputs = tuple(np.concatenate(parts) for parts in zip(*outputs_of_pieces, strict=True))
                answers, end = _split(jobs, outputs), time.perf_counter_ns()
        except Exception:
            await asyncio.gather(*runs, return_exceptions=True)
            try:
                jobs, answers, start, end = await loop.run_in_executor(self._executor, self._run_late, jobs)
            except Exception as error:  # no request may be left without an answer
                start = end = time.perf_counter_ns()
                answers = [error for _ in jobs]
        finally:
            self._running -= pieces
        self._resolve(jobs, answers, start, end)

    def _run_late(self, jobs: list[_Job]) -> tuple[list[_Job], list[Outputs | Exception], int, int]:
        """Runs, in the executor, those jobs that are not cancelled or expired by now.

        Returns:
            These jobs, their answers, and when the run began and ended (ns).
        """
        start = time.perf_counter_ns()
        pending = [job for job in jobs if not job.answer.done()]
        for job in pending:
            job.started = True
        answers = self._compute(pending) if pending else []
        return pending, answers, start, time.perf_counter_ns()

    def _resolve(self, jobs: list[_Job], answers: list[Outputs | Exception], start: int, end: int) -> None:
        """Counts a batch and answers its jobs."""
        rows = sum(len(job.image) for job in jobs)
        if rows:
            cost = (end - start) / rows
            self.row_cost += (cost - self.row_cost) / 8 if self.row_cost else cost
            self._statistics.record_batch(rows, end - start)
        if len(jobs) > 1:
            self._last_shared = end
        for job, answer in zip(jobs, answers, strict=True):
            if job.timer is not None:
                job.timer.cancel()
            if job.answer.done():  # its client disconnected while it ran
                continue
            if isinstance(answer, Exception):
                job.answer.set_exception(answer)
            else:
                self._statistics.queue.add(start - job.arrived)
                self._statistics.compute_infer.add(end - start)
                job.answer.set_result(answer)
        self._schedule_next()


def _concatenate(jobs: list[_Job]) -> Floats:
    return jobs[0].image if len(jobs) == 1 else np.concatenate([job.image for job in jobs])


def _split(jobs: list[_Job], outputs: Outputs) -> list[Outputs | Exception]:
    """Gives each job its own rows of every output."""
    if len(jobs) == 1:
        return [outputs]
    ends = list(itertools.accumulate(len(job.image) for job in jobs))
    return [
        tuple(output[end - len(job.image) : end] for output in outputs)
        for job, end in zip(jobs, ends, strict=True)
    ]
