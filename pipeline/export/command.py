"""The commands that write files from one `.tflite`: `python -m pipeline.export.{c_source,tflm,vela,wasm} FILE FOLDER`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from pipeline.run import write_bytes
from serving.errors import CheckreaderError


def parser(module: str, description: str) -> argparse.ArgumentParser:
    """Returns the options that `run` needs; a command may add options of its own."""
    arguments = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    arguments.add_argument("tflite", type=Path, metavar="FILE", help="the int8 model")
    arguments.add_argument("folder", type=Path, metavar="FOLDER", help="where the files go")
    return arguments


def run(
    options: argparse.Namespace,
    convert: Callable[[bytes], tuple[dict[str, bytes], str]],
) -> int:
    """Converts the `.tflite` and writes the files; returns the exit status.

    Args:
        options: of a `parser`.
        convert: the `.tflite` → the files by name, and the text to print.
    """
    try:
        files, text = convert(options.tflite.read_bytes())
    except (CheckreaderError, OSError) as error:
        return _refused(options.tflite, error)
    try:
        for name, content in files.items():
            write_bytes(options.folder / name, content)
    except OSError as error:
        return _refused(options.folder, error)
    print(text)
    return 0


def _refused(path: Path, error: CheckreaderError | OSError) -> int:
    """Prints why a path was refused; returns the exit status."""
    reason = error.strerror if isinstance(error, OSError) else error
    print(f"error: {path}: {reason}", file=sys.stderr)
    return 1
