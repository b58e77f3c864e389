"""Says what to install where a package of an optional extra is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from serving import __version__
from serving.errors import CheckreaderError


def install_command(extras: str) -> str:
    """Returns the command that installs extras, from the wheel or in a checkout.

    Args:
        extras: one or several, `serve` or `serve,grpc`.
    """
    wheel = f"dist/checkreader-{__version__}-py3-none-any.whl"
    return f"pip install '{wheel}[{extras}]', or in a checkout: pip install '.[{extras}]'"


@contextmanager
def require_packages(hint: str) -> Iterator[None]:
    """Turns a package that is not installed into one line of help.

    Args:
        hint: the line.

    Raises:
        CheckreaderError: an import in the block fails, of a package that is not this project's own.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith(("serving", "pipeline.")):
            raise  # a mistake of ours, not a missing extra
        raise CheckreaderError(hint) from None
