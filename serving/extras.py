"""What to say where a package of an optional extra is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from serving.errors import CheckdigitError


@contextmanager
def needed(otherwise: str) -> Iterator[None]:
    """Turns a package that is not installed into `CheckdigitError(otherwise)`."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith(("serving", "pipeline.")):
            raise  # a mistake of ours, not a missing extra
        raise CheckdigitError(otherwise) from None
