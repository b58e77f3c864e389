"""The service in operation: two workers against one, a release under load, what the page transfers.

.venv/bin/python -m benchmarks.operations > benchmarks/results/operations.json    # four minutes, idle; apt install wrk

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
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

import uvloop
from tqdm import tqdm

from benchmarks.load.generator import Request, Result, open_loop
from benchmarks.load.scenarios import Kind
from benchmarks.servers import checkreader, request
from pipeline.run import machine
from serving.manifest import NAME
from serving.repository.store import Repository

ROUNDS: Final = 5
SECONDS: Final = 4.0
CONNECTIONS: Final = 64
KINDS: Final[tuple[Kind, ...]] = ("json", "picture")
RATE: Final = 1_000.0  # requests per second that arrive while releases are made
WINDOW: Final = 10.0  # s of each measurement of a release
OFTEN: Final = 1.0  # s between two releases, where they follow each other


def main() -> None:
    """Measures everything and prints JSON."""
    if shutil.which("wrk") is None:
        raise SystemExit("error: wrk is not installed: apt install wrk")
    result = {
        "rounds": ROUNDS,
        "seconds": SECONDS,
        "workers": _workers(),
        "release": uvloop.run(_release()),
        "page_bytes": _page(),
        "machine": machine(),
    }
    print(json.dumps(result, indent=1))


def _workers() -> dict[str, Any]:
    """Requests per second of one worker and of two, JSON and whole pictures."""
    found: dict[str, Any] = {"connections": CONNECTIONS}
    with checkreader() as (one, _), checkreader("--workers", "2") as (two, _):
        for kind in KINDS:
            rates: dict[int, list[float]] = {1: [], 2: []}
            cpu = []
            for _ in tqdm(range(ROUNDS), desc=kind, disable=None):
                for workers, port in ((1, one), (2, two)):
                    rate, share = _wrk(request(port, kind, 1))
                    rates[workers].append(rate)
                    cpu.append(share)
            ratios = [b / a for a, b in zip(rates[1], rates[2], strict=True)]
            found[kind] = {
                "one": round(median(rates[1])),
                "two": round(median(rates[2])),
                "ratio": round(median(ratios), 2),
                "client_cpu": round(median(cpu), 2),
            }
    return found


def _wrk(asked: Request) -> tuple[float, float]:
    """Requests per second in a closed loop, and wrk's share of a core."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        body = "".join(f"\\{byte:03d}" for byte in asked.body or b"")
        script.write(f'wrk.method = "POST"\nwrk.body = "{body}"\n')
        script.writelines(f'wrk.headers["{name}"] = "{value}"\n' for name, value in asked.headers)
        script.flush()
        address = f"http://{asked.host}:{asked.port}{asked.path}"
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS:g}s", "-s", script.name, address]
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(f"error: wrk: {done.stdout}")
    rate = re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
    assert rate is not None
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return float(rate[1]), used / wall


async def _release() -> dict[str, Any]:
    """The slowest hundredth of requests without a release, with one in the window, and with one after the other."""
    p99: dict[str, list[float]] = {"steady": [], "one": [], "often": []}
    failed, releases = 0, 0
    with tempfile.TemporaryDirectory() as name:
        models = Path(name) / "models"
        shutil.copytree(Repository.open().folder, models)
        options = ("--models", str(models), *(part for one in _MODELS for part in ("--model", one)))
        with checkreader(*options) as (port, _):
            asked = request(port, "json", 1)
            for _ in tqdm(range(ROUNDS), desc="release", disable=None):
                p99["steady"].append((await _open(asked)).p99)
                for name, between in (("one", WINDOW / 2), ("often", OFTEN)):
                    with _releases(models, between) as made:
                        result = await _open(asked)
                    p99[name].append(result.p99)
                    failed += sum(result.errors.values())
                    releases += len(made)
    return {
        "rate": RATE,
        "window": WINDOW,
        "releases": releases,
        "failed": failed,
        "p99_ms": {name: round(median(values), 2) for name, values in p99.items()},
        "ratio": {
            name: round(median(b / a for a, b in zip(p99["steady"], p99[name], strict=True)), 2)
            for name in ("one", "often")
        },
    }


_MODELS: Final = ("lenet5", "lenet5-int8", "lenet5-features")


async def _open(asked: Request) -> Result:
    return await open_loop(asked, RATE, WINDOW, 16)


@contextlib.contextmanager
def _releases(models: Path, between: float) -> Iterator[list[str]]:
    """New versions of the digit models, so many seconds from one to the next."""
    made: list[str] = []
    loop = asyncio.get_running_loop()

    def release() -> None:
        content = json.loads((models / NAME).read_bytes())
        for one in _MODELS:
            content["models"][one]["version"] = str(int(content["models"][one]["version"]) + 1)
        (models / "new").write_text(json.dumps(content))
        (models / "new").replace(models / NAME)
        made.append(content["models"]["lenet5"]["version"])
        nonlocal handle
        handle = loop.call_later(between, release)

    handle = loop.call_later(between, release)
    try:
        yield made
    finally:
        handle.cancel()


def _page() -> dict[str, int]:
    """Bytes over the wire at the first load, gzipped: the page's own files, and the WebAssembly."""
    web = Path(sys.modules["serving"].__path__[0]) / "web"
    own = [
        path for path in web.iterdir() if path.suffix in (".html", ".css", ".js") and path.name != "docs.html"
    ]
    module = Repository.open().folder / "edge/lenet5-int8.wasm"
    packed = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in (*own, module)}
    return {"files": sum(packed.values()) - packed[module.name], "wasm": packed[module.name]}


if __name__ == "__main__":
    main()
