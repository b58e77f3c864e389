"""The effect of batching: the measurement that the batcher's defaults come from.

    .venv/bin/python -m benchmarks.batching      # four minutes, on an idle machine; writes results/batching/CPU.json

`service` is requests of one picture against rows per batch and delay; the network alone is in `benchmarks.network`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from statistics import median
from typing import Any, Final

import uvloop
from tqdm import tqdm

from benchmarks import output
from benchmarks.load.generator import Result, closed_loop
from benchmarks.servers import checkreader, request
from pipeline.run import machine, write_json

ROUNDS: Final = 3
SECONDS: Final = 1.5
MODELS: Final = ("lenet5", "lenet5-int8")
CONNECTIONS: Final = (1, 16, 64)
# Rows of a batch and µs of delay.
SETTINGS: Final = ((1, 0), (8, 0), (32, 0), (256, 0), (256, 200), (256, 1000))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes JSON."""
    options = output.parser_of_times("batching", "Measures the effect of batching.").parse_args(arguments)
    record = {
        "service": {model: service(model) for model in MODELS},
        "rounds": ROUNDS,
        "seconds": SECONDS,
        "machine": machine(),
    }
    write_json(options.out, record)


def service(
    model: str,
    settings: Sequence[tuple[int, int]] = SETTINGS,
    connections: Sequence[int] = CONNECTIONS,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
) -> list[dict[str, Any]]:
    """Measures requests of one picture to services that differ in their batching.

    Args:
        model: the released model's name.
        settings: rows of a batch and µs of delay of each service; all run at once.
        connections: how many requests are under way at any time.
        rounds: how often each is measured, all in turns.
        seconds: duration of each measurement.

    Returns:
        One row a setting and number of connections, with the medians over the rounds.
    """
    with contextlib.ExitStack() as stack:
        ports = {
            (rows, delay): stack.enter_context(
                checkreader("--model", model, "--batch-rows", str(rows), "--batch-delay", str(delay))
            )[0]
            for rows, delay in settings
        }
        measured = uvloop.run(_rounds(model, ports, connections, rounds, seconds))
    return [
        {
            "batch_rows": rows,
            "delay_us": delay,
            "connections": count,
            "rate": round(median(window.rate for window in windows)),
            "p50_ms": round(median(window.p50 for window in windows), 3),
            "p99_ms": round(median(window.p99 for window in windows), 3),
        }
        for (rows, delay, count), windows in measured.items()
    ]


async def _rounds(
    model: str, ports: dict[tuple[int, int], int], connections: Sequence[int], rounds: int, seconds: float
) -> dict[tuple[int, int, int], list[Result]]:
    """Returns the windows of load by rows of a batch, delay and number of connections."""
    windows: dict[tuple[int, int, int], list[Result]] = {}
    for _ in tqdm(range(rounds), desc=model, disable=None):
        for count in connections:
            for setting, port in ports.items():
                posted = request(port, "binary", 1, model)
                window = await closed_loop(posted, count, seconds, warmup=0.2)
                windows.setdefault((*setting, count), []).append(window)
    return windows


if __name__ == "__main__":
    main()
