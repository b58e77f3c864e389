"""`checkreader classify`: reads pictures of single digits, as `checkreader read --as digit` does."""

from __future__ import annotations

import argparse

from serving.cli import read


def add_options(command: argparse.ArgumentParser) -> None:
    """Adds the arguments and options."""
    read.add_common_options(command)
    command.set_defaults(
        kind=read.DIGIT, draw=None, review=None, country=None, layout=None, **dict.fromkeys(read.FORMAT)
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command as `read.run` does."""
    return read.run(options)
