"""Goes the whole way once: from a folder of pictures of digits to a reading by the service.

    python -m scripts.tour --data FOLDER [--name NAME] [--models DIR]

The commands are those of docs/own_data.md. Without `--data`, 2,000 digits are drawn first, so that there is something to
go with. Each command is shown before it runs, and the seconds that it took after.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from pipeline.run import STAGES
from pipeline.synthesis import digit_drawing

_COMMAND: Final = (sys.executable, "-m", "checkreader")
_DRAWN: Final = 2_000
_READY: Final = "checkreader "  # the service's first line begins so and names its address

Call = Callable[[Sequence[str]], int]


def commands(pictures: Path, name: str, models: Path) -> list[list[str]]:
    """Lists the commands from pictures to a release."""
    train, *later = STAGES
    return [
        [train, "--data", str(pictures), "--name", name],
        *([stage, "--run", name] for stage in later),
        ["release", "--run", name, "--models", str(models)],
    ]


def tour(pictures: Path, name: str, models: Path, call: Call) -> str:
    """Trains, releases, serves, and reads one of the pictures.

    Args:
        pictures: LABEL/*.png.
        name: of the data and of the run.
        models: the folder to release into.
        call: runs a command line of `checkreader`; returns its exit code.

    Returns:
        The digit that the service read.

    Raises:
        SystemExit: a command failed.
    """
    for command in commands(pictures, name, models):
        start = time.monotonic()
        print(f"$ checkreader {shlex.join(command)}", flush=True)
        code = call(command)
        if code:
            raise SystemExit(code)
        print(f"({time.monotonic() - start:.0f} s)\n", flush=True)
    picture = min(pictures.glob("[0-9]/[!.]*.png"))
    with served(models) as address:
        digit = read(address, picture.read_bytes())
    print(f"{picture} is read by the service as {digit}")
    return digit


@contextlib.contextmanager
def served(models: Path) -> Iterator[str]:
    """Serves the models in a process of its own; yields the address."""
    command = [*_COMMAND, "serve", "--models", str(models), "--port", "0"]
    print(f"$ checkreader {shlex.join(command[len(_COMMAND) :])}", flush=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line.startswith(_READY):
                raise SystemExit(process.wait() or 1)
            yield line.split()[-1]
        finally:
            process.terminate()


def read(address: str, picture: bytes) -> str:
    """Posts a picture to the service; returns the digit."""
    with urllib.request.urlopen(urllib.request.Request(f"{address}/digits", picture)) as reply:
        (digit,) = json.load(reply)["digits"]
    return str(digit["digit"])


def draw(folder: Path, count: int = _DRAWN) -> None:
    """Draws pictures of digits into LABEL/ folders."""
    for number in range(count):
        label = number % 10
        path = folder / str(label) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digit_drawing.digit(label, np.random.default_rng([number]))).save(path)


def main(argv: Sequence[str] | None = None) -> int:
    """Goes the way with one process for each command, as a user does."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.tour", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="pictures, LABEL/*.png (default: drawn ones)"
    )
    parser.add_argument("--name", help="of the data and the run (default: the folder's name)")
    parser.add_argument("--models", type=Path, default=Path("released"), metavar="DIR")
    options = parser.parse_args(argv)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        pictures = options.data
        if pictures is None:
            pictures = Path(folder) / "drawn"
            draw(pictures)
        name = options.name or pictures.resolve().name
        tour(pictures, name, options.models, lambda line: subprocess.run([*_COMMAND, *line]).returncode)
    print(f"from pictures to a reading in {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
