"""The command `checkreader`: `python -m checkreader` is the same."""

from __future__ import annotations

import sys

from checkreader.packages import foreign


def main() -> int:
    """Runs `serving.cli.main`, unless another distribution's package stands in the way.

    Returns:
        The exit code of the command line; 1 where a foreign package was found.
    """
    if complaint := foreign():
        print(f"error: {complaint}", file=sys.stderr)
        return 1
    from serving.cli.main import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
