"""Command-line options that all benchmarks share, and the file that a benchmark writes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

RESULTS: Final = Path(__file__).parent / "results"


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """Returns the parser of a benchmark with the option `--out`.

    Args:
        name: the benchmark's module below `benchmarks`; it writes `results/NAME.json` by default.
        description: what the benchmark measures, in a sentence or more.
    """
    command = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        default=RESULTS / f"{name}.json",
        help=f"the JSON file to write (benchmarks/results/{name}.json)",
    )
    return command
