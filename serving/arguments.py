"""The parser of every command, which names the option that a misspelled one was meant to be, and numbers in options."""

from __future__ import annotations

import argparse
import contextlib
import difflib
from collections.abc import Callable
from typing import Any, TypeVar

Number = TypeVar("Number", int, float)


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


def number(
    convert: Callable[[str], Number], accepts: Callable[[Number], bool], expected: str
) -> Callable[[str], Number]:
    """Returns the type of an option whose message says what it expects, as "a port, 0 to 65535"."""

    def parse(text: str) -> Number:
        with contextlib.suppress(ValueError):
            value = convert(text)
            if accepts(value):
                return value
        raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")

    return parse


positive = number(int, lambda value: value >= 1, "a whole number from 1")
share = number(float, lambda value: 0 <= value < 1, "a number from 0 to below 1")
error_bound = number(float, lambda value: 0 < value <= 1, "a number above 0, at most 1")
