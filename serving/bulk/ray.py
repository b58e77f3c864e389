"""Reads the chunks of a bulk job on a Ray cluster: Ray Data, one ONNX Runtime actor for each core.

Every machine of the cluster needs checkreader, the models and the folder of pictures at the same paths.
"""

from __future__ import annotations

import itertools
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

# Ray reports to its maker by default; the environment is overruled before the import.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it warns of how it works

import numpy as np
import ray
import ray.data
import ray.exceptions

from serving.bulk.job import Job, Lines, Worker
from serving.errors import CheckreaderError
from serving.runtime.cpu import cpus

# Chunks of one data set; a folder of more becomes several, one after the other.
_CHUNKS: Final = 4096
_CONNECT_TIMEOUT: Final = 10.0  # s
_BETWEEN: Final = b"\0"  # the lines of two files; JSON has none


class _Actor:
    """A `Worker` for Ray Data: columns of chunks in, a column of lines out."""

    def __init__(self, job: Job) -> None:
        self._worker = Worker(job)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        lines = np.empty(len(batch["files"]), object)
        for row, files in enumerate(batch["files"]):
            lines[row] = _BETWEEN.join(self._worker([os.fsdecode(file) for file in files]))
        return {"lines": lines}


def engine(address: str, actors: int | None = None) -> Callable[[Job, Iterator[list[str]]], Iterator[Lines]]:
    """Makes an engine for `job.run`.

    Args:
        address: "local" starts Ray on this machine, anything else is a running cluster's.
        actors: None = one for each of its cores.
    """

    def read(job: Job, chunks: Iterator[list[str]]) -> Iterator[Lines]:
        with _connected(address, actors):
            count = actors or max(1, int(ray.cluster_resources().get("CPU", 1)))
            while part := list(itertools.islice(chunks, _CHUNKS)):
                yield from _lines(job, part, count)

    return read


def _lines(job: Job, chunks: list[list[str]], actors: int) -> Iterator[Lines]:
    """Yields the lines of some chunks, in their order."""
    # Names as bytes: not every file's name is text.
    items = [{"files": [os.fsencode(file) for file in files]} for files in chunks]
    rows = ray.data.from_items(items, override_num_blocks=len(items))
    read = rows.map_batches(
        _Actor,
        fn_constructor_args=(job,),
        batch_size=1,
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(size=min(actors, len(chunks))),
    )
    try:
        for row in read.iter_rows():
            yield row["lines"].split(_BETWEEN)
    except ray.exceptions.RayError as error:
        raise CheckreaderError(f"the Ray cluster failed: {str(error).strip().splitlines()[-1]}") from None


def _check_reachable(address: str) -> None:
    """Raises CheckreaderError where nothing listens; Ray itself would try for many minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not (colon and port.isdigit()):
        return  # "local", "auto"
    try:
        socket.create_connection((host, int(port)), _CONNECT_TIMEOUT).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CheckreaderError(f"no Ray cluster at {address!r}: {reason}") from None


@contextmanager
def _connected(address: str, actors: int | None) -> Iterator[None]:
    """Connects to a cluster, or starts one, for as long as the context lasts."""
    local = address == "local"
    _check_reachable(address)
    try:
        ray.init(
            "local" if local else address,
            num_cpus=(actors or cpus()) if local else None,
            include_dashboard=False if local else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:  # whatever its many layers raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckreaderError(f"Ray does not start at {address!r}: {reason}") from None
    try:
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.ERROR)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = True
        yield
    finally:
        ray.shutdown()
