"""The command that writes files from one `.tflite`: `python -m pipeline.export.export.to_… FILE FOLDER`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from pipeline.run import write_bytes
from serving.errors import CheckreaderError


def parser(module: str, description: str) -> argparse.ArgumentParser:
    """For `run`; a command may add options of its own."""
    made = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    made.add_argument("tflite", type=Path, metavar="FILE", help="the int8 model")
    made.add_argument("folder", type=Path, metavar="FOLDER", help="where the files go")
    return made


def run(
    options: argparse.Namespace,
    made: Callable[[bytes], tuple[dict[str, bytes], str]],
) -> int:
    """Writes the files, all or none that could be made; returns the exit status.

    Args:
        options: of a `parser`.
        made: the `.tflite` → the files by name, and what to print.
    """
    try:
        files, text = made(options.tflite.read_bytes())
    except (CheckreaderError, OSError) as error:
        return _refused(options.tflite, error)
    try:
        for name, data in files.items():
            write_bytes(options.folder / name, data)
    except OSError as error:
        return _refused(options.folder, error)
    print(text)
    return 0


def _refused(path: Path, error: CheckreaderError | OSError) -> int:
    reason = error.strerror if isinstance(error, OSError) else error
    print(f"error: {path}: {reason}", file=sys.stderr)
    return 1
