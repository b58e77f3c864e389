"""Errors that a person can act on.

Anything a user can cause (a broken file, a full disk, a wrong flag) is raised
as `CheckreaderError` with one line that says what, where and what to do. The
command line prints it as `error: …`, the service as `{"error": "…"}`; neither
shows a traceback. The subclasses are those that a protocol answers with a
status of its own.
"""


class CheckreaderError(Exception):
    """A failure that the user can mend; the message is the whole help."""


class Unknown(CheckreaderError):
    """There is no model, or no version of it, by that name."""


class TooLarge(CheckreaderError):
    """A body beyond the limit."""


class Unsupported(CheckreaderError):
    """A body in an encoding that is not read."""


class Unauthorized(CheckreaderError):
    """No API key, or a wrong one."""


class Forbidden(CheckreaderError):
    """Nobody may do that from there."""


class Busy(CheckreaderError):
    """The queue is full: the same request may succeed a moment later."""


class Expired(CheckreaderError):
    """A request that waited in the queue beyond its timeout."""
