"""Command-line options that all benchmarks share, and the file that a benchmark writes."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Final

from pipeline.run import machine

RESULTS: Final = Path(__file__).parent / "results"


def results_path(name: str, cpu: str) -> Path:
    """Returns the file for times measured on a processor, so that those of several lie side by side.

    Args:
        name: the benchmark's module below `benchmarks`.
        cpu: the processor's name, as `pipeline.run.machine` looks it up.

    Returns:
        `results/NAME/CPU.json`, in CPU small letters, digits and hyphens alone: `AMD EPYC` is `amd-epyc`.
    """
    plain = re.sub(r"\((r|tm)\)", " ", cpu.lower())
    return RESULTS / name / f"{re.sub(r'[^a-z0-9]+', '-', plain).strip('-')}.json"


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """Returns the parser of a benchmark of anything but times, with the option `--out`.

    Args:
        name: the benchmark's module below `benchmarks`; it writes `results/NAME.json` by default.
        description: what the benchmark measures, in a sentence or more.
    """
    return _parser(name, description, RESULTS / f"{name}.json")


def parser_of_times(name: str, description: str) -> argparse.ArgumentParser:
    """Returns the parser of a benchmark of times, which by default writes this processor's `results_path`.

    Args:
        name, description: as `parser` takes them.
    """
    return _parser(name, description, results_path(name, machine()["cpu"]))


def _parser(name: str, description: str, out: Path) -> argparse.ArgumentParser:
    command = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        default=out,
        help=f"the JSON file to write (benchmarks/{out.relative_to(RESULTS.parent)})",
    )
    return command
