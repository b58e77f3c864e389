"""Errors that a person can act on.

Anything a user can cause (a broken file, a full disk, a wrong flag) is raised
as `CheckdigitError` with one line that says what, where and what to do. The
command line prints it as `error: …`, the service as `{"error": "…"}`; neither
shows a traceback. The subclasses are those that a protocol answers with a
status of its own.
"""


class CheckdigitError(Exception):
    """A failure that the user can mend; the message is the whole help."""


class Unknown(CheckdigitError):
    """There is no model, or no version of it, by that name."""


class TooLarge(CheckdigitError):
    """A body beyond the limit."""


class Unsupported(CheckdigitError):
    """A body in an encoding that is not read."""


class Unauthorized(CheckdigitError):
    """No API key, or a wrong one."""


class Forbidden(CheckdigitError):
    """Nobody may do that from there."""


class Busy(CheckdigitError):
    """The queue is full: the same request may succeed a moment later."""


class Expired(CheckdigitError):
    """A request that waited in the queue beyond its timeout."""
