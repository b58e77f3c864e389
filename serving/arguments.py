"""The parser of every command: it names the option that a misspelled one was meant to be."""

from __future__ import annotations

import argparse
import difflib
from typing import Any


class Parser(argparse.ArgumentParser):
    """Refuses unknown options with the usage of the command that they were given to."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses a command line; exits with a usage message where something in it is unknown."""
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._suggestions(unknown)}")
        return parsed, unknown

    def _suggestions(self, unknown: list[str]) -> str:
        """Asks whether the options were meant that are spelled most like the unknown ones."""
        known = [option for action in self._actions for option in action.option_strings]
        likely = [
            match
            for argument in unknown
            if argument.startswith("-")
            for match in difflib.get_close_matches(argument.partition("=")[0], known, 1)
        ]
        return f" (did you mean {' and '.join(dict.fromkeys(likely))}?)" if likely else ""
