"""Puts load on a service and prints the client's measurements and the service's own counts.

    python -m benchmarks.load                                       # starts one of its own
    python -m benchmarks.load --url http://host:8000 --connections 1 16 64
    python -m benchmarks.load --rate 500 --kind picture            # open loop: Poisson arrivals

The service's counts are of the same requests: time in the queue, in the network, and rows in a batch.
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
    """Returns the parser of the command's options."""
    command = argparse.ArgumentParser(
        prog="python -m benchmarks.load",
        description="Measure a running service, or one that is started for it.",
        epilog="example:\n  python -m benchmarks.load --kind json binary --connections 1 16",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--url", help="the service; default: start one on a free port")
    command.add_argument("--model", default="lenet5", metavar="NAME", help="the model to ask (%(default)s)")
    command.add_argument(
        "--kind",
        nargs="+",
        choices=get_args(scenarios.Kind),
        default=["json", "binary"],
        help="what is posted: OIP tensors as JSON, raw tensors, PNG pictures (json binary)",
    )
    command.add_argument(
        "--rows", type=int, nargs="+", default=[1], metavar="N", help="pictures in one request (1)"
    )
    loop = command.add_mutually_exclusive_group()
    loop.add_argument(
        "--connections",
        type=int,
        nargs="+",
        default=[1, 16],
        metavar="N",
        help="closed loop: requests under way at any time (1 16)",
    )
    loop.add_argument(
        "--rate", type=float, nargs="+", metavar="R", help="open loop: arrivals per second instead"
    )
    command.add_argument(
        "--seconds", type=float, default=5.0, help="length of each measurement (%(default)s)"
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    return command


def run(options: argparse.Namespace) -> int:
    """Runs the command; see `parser`. Returns 1 if a request failed.

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
            for load, measure in _loads(request, options):
                before = await scenarios.stats(request.host, request.port, options.model)
                window = msgspec.to_builtins(await measure())
                after = await scenarios.stats(request.host, request.port, options.model)
                cells.append(
                    {"kind": kind, "rows": rows, "load": load} | window | scenarios.split(before, after)
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
    def format_figure(figure: Any) -> str:
        if isinstance(figure, dict):
            return ", ".join(f"{count}× {reason}" for reason, count in figure.items()) or "0"
        if not isinstance(figure, float):
            return str(figure)
        return f"{figure:.3g}" if figure < 100 else f"{figure:,.0f}"

    return [format_figure(cell[key]) for key, _ in _COLUMNS]


if __name__ == "__main__":
    try:
        sys.exit(run(parser().parse_args()))
    except CheckreaderError as error:
        sys.exit(f"error: {error}")
