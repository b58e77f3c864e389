"""Errors that a person can act on.

Anything a user can cause (a broken file, a full disk, a wrong flag) is raised
as `CheckdigitError` with one line that says what, where and what to do. The
command line prints it as `error: …`, the service as `{"error": "…"}`; neither
shows a traceback.
"""


class CheckdigitError(Exception):
    """A failure that the user can mend; the message is the whole help."""
