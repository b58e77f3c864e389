"""Posted pictures of digits a second, of this version and of an earlier one, side by side in one run.

    .venv/bin/python -m benchmarks.posted --against c343881     # a minute; writes results/posted/CPU.json

Each service has one worker and 16 connections, and reads the same pictures, measured in turns. A ratio is the median
of the rounds' ratios. `cpu_us` is the service's own CPU time for a request: where other programs want the same cores,
its ratio is the steadier one. The earlier version runs with the packages that are installed.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import uvloop
from PIL import Image, ImageDraw
from tqdm import tqdm

from benchmarks import output
from benchmarks.load.generator import Request, closed_loop
from benchmarks.servers import server
from pipeline.run import machine, write_json
from serving import __version__
from serving.errors import CheckreaderError
from serving.repository.store import Repository

ROUNDS: Final = 9
SECONDS: Final = 1.0
CONNECTIONS: Final = 16
_ROOT: Final = Path(__file__).resolve().parents[1]
# Width, height, color and format of what clients send: MNIST's size, crops of scans, photographs. Every other picture
# has a rule at its edge and specks.
_MIX: Final = (
    (28, 28, "L", "PNG"),
    (48, 64, "L", "PNG"),
    (96, 96, "L", "PNG"),
    (80, 110, "RGB", "PNG"),
    (128, 128, "RGB", "JPEG"),
    (172, 172, "L", "PNG"),
    (240, 320, "RGB", "JPEG"),
)


@dataclass(frozen=True)
class Window:
    """What was measured of a service: requests per second, ms that one took, and µs of CPU time for one."""

    rate: float
    p50: float
    p99: float
    cpu_us: float


@dataclass(frozen=True)
class Service:
    """A service at a port of this machine, with its process."""

    port: int
    process: int

    async def read(self, encoded: Sequence[bytes], seconds: float) -> Window:
        """Posts pictures in turn for some seconds.

        Raises:
            CheckreaderError: one is not answered.
        """
        requests = [Request("127.0.0.1", self.port, "/digits", body=picture) for picture in encoded]
        used = self.cpu_seconds()
        result = await closed_loop(requests, CONNECTIONS, seconds, warmup=0.0)
        if result.errors:
            raise CheckreaderError(f"port {self.port}: {result.errors}")
        cpu_us = (self.cpu_seconds() - used) / result.requests * 1e6
        return Window(result.rate, result.p50, result.p99, cpu_us)

    def cpu_seconds(self) -> float:
        """Returns the CPU time of the process so far."""
        # The name before the fields may contain spaces.
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pictures() -> dict[str, list[bytes]]:
    """Returns the posted pictures by kind: golden digits in their own size, enlarged, and in a mix of sizes and formats."""
    files = sorted((Repository.open().folder / "golden").glob("[0-9]?.png"))
    digits = [Image.open(io.BytesIO(file.read_bytes())).convert("L") for file in files]
    return {
        "96×96": [file.read_bytes() for file in files],
        "172×172": [_encode(digit, 172, 172, "L", "PNG") for digit in digits],
        "mix": [
            _encode(_soiled(digit) if number % 2 else digit, *_MIX[number % len(_MIX)])
            for number, digit in enumerate(digits * len(_MIX))
        ],
    }


def _soiled(digit: Image.Image) -> Image.Image:
    soiled = digit.copy()
    draw = ImageDraw.Draw(soiled)
    width, height = digit.size
    draw.line((0, height - 3, width, height - 3), 60, 2)
    for x, y in ((0.1, 0.2), (0.85, 0.15), (0.9, 0.8)):
        draw.ellipse((x * width, y * height, x * width + 2, y * height + 2), 40)
    return soiled


def _encode(digit: Image.Image, width: int, height: int, mode: str, form: str) -> bytes:
    file = io.BytesIO()
    digit.resize((width, height), Image.Resampling.BICUBIC).convert(mode).save(file, form)
    return file.getvalue()


@contextlib.contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """Checks an earlier version out into a folder that is there until the block ends.

    Raises:
        CheckreaderError: there is no such commit.
    """
    git = ["git", "-C", str(_ROOT), "worktree"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkout"
        added = subprocess.run(
            [*git, "add", "--quiet", "--detach", str(path), commit], capture_output=True, text=True
        )
        if added.returncode:
            raise CheckreaderError(f"cannot check {commit} out: {added.stderr.strip()}")
        try:
            yield path
        finally:
            subprocess.run([*git, "remove", "--force", str(path)], check=True)


def module(tree: Path) -> str:
    """Returns the module of the command in a version's folder."""
    return "serving.cli.main" if (tree / "serving/cli").is_dir() else "serving.cli"


async def compare(
    service: Service, earlier: Service, rounds: int = ROUNDS, seconds: float = SECONDS
) -> dict[str, Any]:
    """Measures both services with each kind of pictures.

    Args:
        service: of this version.
        earlier: of the earlier one.
        rounds: how often both are measured, in turns.
        seconds: duration of each measurement.
    """
    measured: dict[str, list[tuple[Window, Window]]] = {}
    for _ in tqdm(range(rounds), desc="posted", disable=None):
        for kind, encoded in pictures().items():
            pair = await service.read(encoded, seconds), await earlier.read(encoded, seconds)
            measured.setdefault(kind, []).append(pair)
    return {
        kind: {
            "rate": round(median(now.rate for now, _ in pairs)),
            "earlier_rate": round(median(before.rate for _, before in pairs)),
            "ratio": round(median(now.rate / before.rate for now, before in pairs), 3),
            "ratios": [round(now.rate / before.rate, 3) for now, before in pairs],
            "cpu_us": round(median(now.cpu_us for now, _ in pairs)),
            "earlier_cpu_us": round(median(before.cpu_us for _, before in pairs)),
            "cpu_ratio": round(median(before.cpu_us / now.cpu_us for now, before in pairs), 3),
            "p50_ms": round(median(now.p50 for now, _ in pairs), 3),
            "p99_ms": round(median(now.p99 for now, _ in pairs), 3),
        }
        for kind, pairs in measured.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes JSON."""
    command = output.parser_of_times("posted", "Compares posted digits a second with an earlier version's.")
    command.add_argument(
        "--against", default="c343881", metavar="COMMIT", help="the earlier version (%(default)s)"
    )
    command.add_argument(
        "--rounds", type=int, default=ROUNDS, help="how often both are measured (%(default)s)"
    )
    options = command.parse_args(arguments)
    serve = ("serve", "--port", "{port}", "--model", "lenet5")
    with (
        checkout(options.against) as tree,
        server(module(tree), *serve, checkout=tree) as (earlier_port, earlier),
        server(module(_ROOT), *serve) as (port, process),
    ):
        services = Service(port, process.pid), Service(earlier_port, earlier.pid)
        table = uvloop.run(compare(*services, options.rounds))
    record = {
        "version": __version__,
        "against": options.against,
        "rounds": options.rounds,
        "seconds": SECONDS,
        "connections": CONNECTIONS,
        "pictures": table,
        "machine": machine(),
    }
    write_json(options.out, record)


if __name__ == "__main__":
    try:
        main()
    except CheckreaderError as error:
        sys.exit(f"error: {error}")
