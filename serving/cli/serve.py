"""`checkreader serve`: answers over HTTP and, if asked to, gRPC."""

from __future__ import annotations

import argparse
import importlib

from serving.extras import install_command, require_packages
from serving.settings import add_option, from_options, option_names


def add_options(command: argparse.ArgumentParser) -> None:
    """Adds the options; `--models` is an option of every command."""
    for name in option_names():
        if name != "models":
            add_option(command, name)


def run(options: argparse.Namespace) -> int:
    """Serves until it is stopped.

    Raises:
        CheckreaderError: a package is missing, or the settings cannot be used.
    """
    settings = from_options(options)
    with require_packages(f"this needs the serve extra: {install_command('serve')}"):
        server = importlib.import_module("serving.server.serve")
    server.serve(settings)
    return 0
