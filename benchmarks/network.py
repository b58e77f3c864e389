"""The networks alone in ONNX Runtime, float and 8 bits: µs a row against rows a run.

    .venv/bin/python -m benchmarks.network      # a minute; writes results/network/CPU.json

All are timed in turns, so that a machine that slows down meanwhile slows all of them alike: their ratios hold where
their times do not. The rows are in one thread but for 256 pictures on all cores, cut over threads or shared inside the
operators: `serving.runtime.onnx.CHUNK` comes from here. Fields are of 160 columns, as amounts are wide.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks import models, output
from pipeline.run import machine, write_json
from serving.repository.store import Repository
from serving.runtime import onnx

DIGITS: Final = ("lenet5", "lenet5-int8")
FIELDS: Final = ("lenet5-field", "lenet5-field-int8")
ROWS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
FIELD_ROWS: Final = (1, 16)
COLUMNS: Final = 160
CALLS: Final = 400
FIELD_CALLS: Final = 40
WARM_UP: Final = 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes JSON."""
    options = output.parser_of_times("network", "Times the networks alone.").parse_args(arguments)
    released = Repository.open()
    digits = microseconds(DIGITS, np.resize(released.golden[1], (256, 28, 28, 1)), ROWS, CALLS)
    fields = microseconds(FIELDS, np.zeros((16, 32, COLUMNS, 1), np.float32), FIELD_ROWS, FIELD_CALLS)
    record = {
        "versions": {model: released.model(model).version for model in (*DIGITS, *FIELDS)},
        "microseconds_a_row": digits | fields,
        "machine": machine(),
    }
    write_json(options.out, record)


def microseconds(
    names: Sequence[str], image: Any, row_counts: Sequence[int], calls: int
) -> dict[str, dict[str, float]]:
    """Times networks of the same input in turns.

    Args:
        names: the released models' names.
        image: float32 [N, H, W, 1].
        row_counts: rows of a run, in one thread.
        calls: how often each is timed.

    Returns:
        Of each model the median µs a row: by number of rows, and of all rows with each way to use all cores.
    """
    timed: dict[tuple[str, str], Callable[[], Any]] = {}
    sessions = {name: onnx.session(models.file(name), 1) for name in names}
    for count in row_counts:  # the networks one after the other, since a run changes the next one's caches
        for name, alone in sessions.items():
            timed[name, str(count)] = functools.partial(alone.run, None, {"image": image[:count]})
    for name in names:
        timed[name, f"{len(image)}_cut_over_threads"] = functools.partial(
            onnx.load(models.file(name)).run, image
        )
    for name in names:
        shared = onnx.session(models.file(name))
        timed[name, f"{len(image)}_shared_by_threads"] = functools.partial(shared.run, None, {"image": image})
    durations: dict[tuple[str, str], list[float]] = {key: [] for key in timed}
    for _ in range(calls):
        for key, call in timed.items():
            for _ in range(WARM_UP):  # the network before has emptied the caches
                call()
            start = time.perf_counter_ns()
            call()
            durations[key].append((time.perf_counter_ns() - start) / 1e3)
    table: dict[str, dict[str, float]] = {name: {} for name in names}
    for (name, rows), figures in durations.items():
        table[name][rows] = round(median(figures) / int(rows.partition("_")[0]), 2)
    return table


if __name__ == "__main__":
    main()
