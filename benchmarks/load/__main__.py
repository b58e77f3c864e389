"""Puts load on a service and prints what the client saw and what the service counted.

    python -m benchmarks.load                                       # starts one of its own
    python -m benchmarks.load --url http://host:8000 --connections 1 16 64
    python -m benchmarks.load --rate 500 --kind picture            # open loop: Poisson arrivals

Beside what the client saw stands what the service counted for the same
requests: time in the queue, in the network, and rows in a batch.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any, get_args

import msgspec
import numpy as np
import uvloop

from benchmarks.load import generator, scenarios
from serving.errors import CheckreaderError
from serving.repository.store import Repository
from serving.table import format_table

_COLUMNS = (
    ("kind", "kind"),
    ("rows", "rows"),
    ("load", "load"),
    ("rate", "requests/s"),
    ("p50", "p50 ms"),
    ("p99", "p99 ms"),
    ("max", "max ms"),
    ("errors", "errors"),
    ("queue", "queue µs"),
    ("compute_infer", "infer µs"),
    ("rows_per_execution", "rows/batch"),
    ("cpu", "client CPU"),
)


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.load",
        description="Measure a running service, or one that is started for it.",
        epilog="example:\n  python -m benchmarks.load --kind json binary --connections 1 16",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--url", help="the service; default: start one on a free port")
    made.add_argument("--model", default="lenet5", metavar="NAME", help="the model to ask (%(default)s)")
    made.add_argument(
        "--kind",
        nargs="+",
        choices=get_args(scenarios.Kind),
        default=["json", "binary"],
        help="what is posted: OIP tensors as JSON, raw tensors, PNG pictures (json binary)",
    )
    made.add_argument(
        "--rows", type=int, nargs="+", default=[1], metavar="N", help="pictures in one request (1)"
    )
    how = made.add_mutually_exclusive_group()
    how.add_argument(
        "--connections",
        type=int,
        nargs="+",
        default=[1, 16],
        metavar="N",
        help="closed loop: requests under way at any time (1 16)",
    )
    how.add_argument(
        "--rate", type=float, nargs="+", metavar="R", help="open loop: arrivals per second instead"
    )
    made.add_argument("--seconds", type=float, default=5.0, help="length of each measurement (%(default)s)")
    made.add_argument("--json", action="store_true", help="print JSON")
    return made


def run(options: argparse.Namespace) -> int:
    """The command; see `parser`.

    Raises:
        CheckreaderError: the service cannot be reached, or an option makes no sense.
    """
    numbers = [*options.rows, *options.connections, *(options.rate or [1]), options.seconds]
    if not all(0 < number < math.inf for number in numbers):
        raise CheckreaderError("--rows, --connections, --rate and --seconds must be above 0")
    with _service(options.url, options.model) as url:
        cells = uvloop.run(_measure(url, options))
    if options.json:
        print(msgspec.json.format(msgspec.json.encode(cells), indent=2).decode())
    else:
        print(format_table([head for _, head in _COLUMNS], [_row(cell) for cell in cells]))
    return 1 if any(cell["errors"] for cell in cells) else 0


async def _measure(url: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    _, digits = Repository.open().golden
    pixels = np.rint(digits[..., 0] * 255).astype(np.uint8)
    cells = []
    for kind in options.kind:
        for rows in options.rows:
            posted = np.resize(pixels, (rows, *pixels.shape[1:]))
            request = scenarios.requests(url, options.model, kind, rows, posted)
            for how, measure in _loads(request, options):
                before = await scenarios.stats(request.host, request.port, options.model)
                result = msgspec.to_builtins(await measure())
                after = await scenarios.stats(request.host, request.port, options.model)
                cells.append(
                    {"kind": kind, "rows": rows, "load": how} | result | scenarios.split(before, after)
                )
    return cells


def _loads(
    request: generator.Request, options: argparse.Namespace
) -> Iterator[tuple[str, Callable[[], Awaitable[generator.Result]]]]:
    if options.rate:
        for rate in options.rate:
            arrive = partial(generator.open_loop, request, rate, options.seconds, connections=64)
            yield f"{rate:g}/s", arrive
    else:
        for count in options.connections:
            yield f"{count} connections", partial(generator.closed_loop, request, count, options.seconds)


@contextlib.contextmanager
def _service(url: str | None, model: str) -> Iterator[str]:
    if url:
        yield url
        return
    command = [sys.executable, "-m", "serving.cli.main", "serve", "--port", "0", "--model", model]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise CheckreaderError("the service did not start; its own message stands above")
            yield line.split()[-1]
        finally:
            process.terminate()


def _row(cell: dict[str, Any]) -> Sequence[str]:
    def shown(value: Any) -> str:
        if isinstance(value, dict):
            return ", ".join(f"{count}× {reason}" for reason, count in value.items()) or "0"
        if not isinstance(value, float):
            return str(value)
        return f"{value:.3g}" if value < 100 else f"{value:,.0f}"

    return [shown(cell[key]) for key, _ in _COLUMNS]


if __name__ == "__main__":
    try:
        sys.exit(run(parser().parse_args()))
    except CheckreaderError as error:
        sys.exit(f"error: {error}")
