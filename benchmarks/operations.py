"""The service in operation: two workers against one, a release under load, the bytes of the page.

    .venv/bin/python -m benchmarks.operations    # four minutes, idle; apt install wrk; writes results/operations/CPU.json

Workers share two cores with wrk, a load generator in C whose own share is stated. A release is a manifest
that names other versions, so that all digit models are loaded, checked and swapped; requests arrive at random
moments whether or not the service keeps up, in turns with and without releases.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import uvloop
from tqdm import tqdm

from benchmarks import models, output
from benchmarks.load.generator import Request, Result, open_loop
from benchmarks.load.scenarios import Kind
from benchmarks.servers import checkreader, request
from pipeline.run import machine, write_json
from serving.manifest import NAME
from serving.repository.store import Repository
from serving.web import site

ROUNDS: Final = 5
SECONDS: Final = 4.0
CONNECTIONS: Final = 64
KINDS: Final[tuple[Kind, ...]] = ("json", "picture")
DIGIT_MODELS: Final = ("lenet5", "lenet5-int8", "lenet5-features")
RATE: Final = 1_000.0  # requests per second that arrive while releases are made
WINDOW: Final = 10.0  # s of each measurement of a release
STATIC: Final = Path(site.__file__).parent / "static"
INTERVAL: Final = 1.0  # s between two releases, where they follow each other


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures everything and writes JSON."""
    options = output.parser_of_times("operations", "Measures the service in operation.").parse_args(arguments)
    if shutil.which("wrk") is None:
        raise SystemExit("error: wrk is not installed: apt install wrk")
    record = {
        "rounds": ROUNDS,
        "seconds": SECONDS,
        "workers": compare_workers(),
        "release": uvloop.run(release_under_load()),
        "page_bytes": page_bytes(),
        "machine": machine(),
    }
    write_json(options.out, record)


def compare_workers(rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Any]:
    """Measures the requests per second of one worker and of two, JSON and whole pictures.

    Args:
        rounds: how often both are measured, in turns.
        seconds: duration of each measurement.
    """
    figures: dict[str, Any] = {"connections": CONNECTIONS}
    with checkreader() as (single, _), checkreader("--workers", "2") as (double, _):
        for kind in KINDS:
            rates: dict[int, list[float]] = {1: [], 2: []}
            cpu = []
            for _ in tqdm(range(rounds), desc=kind, disable=None):
                for workers, port in ((1, single), (2, double)):
                    rate, share = wrk(request(port, kind, 1), seconds)
                    rates[workers].append(rate)
                    cpu.append(share)
            ratios = [b / a for a, b in zip(rates[1], rates[2], strict=True)]
            figures[kind] = {
                "one": round(median(rates[1])),
                "two": round(median(rates[2])),
                "ratio": round(median(ratios), 2),
                "client_cpu": round(median(cpu), 2),
            }
    return figures


def wrk(posted: Request, seconds: float = SECONDS) -> tuple[float, float]:
    """Returns the requests per second in a closed loop, and wrk's share of a core."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(wrk_script(posted))
        script.flush()
        address = f"http://{posted.host}:{posted.port}{posted.path}"
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "-s", script.name, address]
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        process = subprocess.run(command, capture_output=True, text=True, check=True)
        after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wrk_rate(process.stdout), used / wall


def wrk_script(posted: Request) -> str:
    """Returns the Lua script by which wrk posts a request."""
    body = "".join(f"\\{byte:03d}" for byte in posted.body or b"")
    lines = ['wrk.method = "POST"', f'wrk.body = "{body}"']
    lines += [f'wrk.headers["{name}"] = "{value}"' for name, value in posted.headers]
    return "\n".join((*lines, ""))


def wrk_rate(report: str) -> float:
    """Returns the requests per second that wrk's report states.

    Raises:
        SystemExit: not every request was answered by 2xx.
    """
    if "Non-2xx" in report or "Socket errors" in report:
        raise SystemExit(f"error: wrk: {report}")
    rate = re.search(r"Requests/sec:\s*([\d.]+)", report)
    assert rate is not None, report
    return float(rate[1])


async def release_under_load(
    rounds: int = ROUNDS, rate: float = RATE, window: float = WINDOW, interval: float = INTERVAL
) -> dict[str, Any]:
    """Measures p99 without a release, with one in the window, and with one after the other.

    Args:
        rounds: how often the three are measured, in turns.
        rate: requests per second.
        window: s of each measurement.
        interval: s between two releases, where they follow each other.
    """
    p99: dict[str, list[float]] = {"steady": [], "one": [], "often": []}
    failed, releases = 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "models"
        shutil.copytree(Repository.open().folder, folder)
        options = ("--models", str(folder), *(part for model in DIGIT_MODELS for part in ("--model", model)))
        with checkreader(*options) as (port, _):
            posted = request(port, "json", 1)

            async def measure() -> Result:
                return await open_loop(posted, rate, window, 16)

            for _ in tqdm(range(rounds), desc="release", disable=None):
                p99["steady"].append((await measure()).p99)
                for pace, between in (("one", window / 2), ("often", interval)):
                    with releasing(folder, between) as versions:
                        measured = await measure()
                    p99[pace].append(measured.p99)
                    failed += sum(measured.errors.values())
                    releases += len(versions)
    return {
        "rate": rate,
        "window": window,
        "releases": releases,
        "failed": failed,
        "p99_ms": {pace: round(median(times), 2) for pace, times in p99.items()},
        "ratio": {
            pace: round(median(b / a for a, b in zip(p99["steady"], p99[pace], strict=True)), 2)
            for pace in ("one", "often")
        },
    }


@contextlib.contextmanager
def releasing(folder: Path, seconds: float) -> Iterator[list[str]]:
    """Releases new versions of the digit models into `folder`, so many seconds apart; yields their list."""
    versions: list[str] = []
    loop = asyncio.get_running_loop()

    def release() -> None:
        manifest = json.loads((folder / NAME).read_bytes())
        for model in DIGIT_MODELS:
            manifest["models"][model]["version"] = str(int(manifest["models"][model]["version"]) + 1)
        (folder / "new").write_text(json.dumps(manifest))
        (folder / "new").replace(folder / NAME)
        versions.append(manifest["models"][DIGIT_MODELS[0]]["version"])
        nonlocal handle
        handle = loop.call_later(seconds, release)

    handle = loop.call_later(seconds, release)
    try:
        yield versions
    finally:
        handle.cancel()


def page_bytes() -> dict[str, int]:
    """Returns the bytes of the first load, gzipped: the page's own files, and the WebAssembly."""
    files = [
        path
        for path in STATIC.iterdir()
        if path.suffix in (".html", ".css", ".js") and path.name != "docs.html"
    ]
    module = models.file("lenet5-int8", "wasm")
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in (*files, module)}
    return {"files": sum(sizes.values()) - sizes[module.name], "wasm": sizes[module.name]}


if __name__ == "__main__":
    main()
