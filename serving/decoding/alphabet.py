"""Names the symbols that a field network tells apart: a character for each class, CTC's blank left out."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from serving.errors import CheckreaderError
from serving.runtime.network import Floats

DIGITS: Final = "0123456789"
EITHER: Final = "·"  # of a network that does not tell points from commas: one of the two
_NAMES: Final = {"separator": EITHER}  # of symbols in a manifest's labels that are not the character itself
_BLANK: Final = "blank"


@dataclass(frozen=True)
class Alphabet:
    """The symbols of a network's classes; the class after the last is CTC's blank.

    Attributes:
        symbols: a character for each class: the ten digits, so that a digit is its own class, then the marks.
    """

    symbols: str

    @property
    def blank(self) -> int:
        """The blank's class, the last of K."""
        return len(self.symbols)

    @property
    def marks(self) -> str:
        """The symbols that are no digits."""
        return self.symbols[len(DIGITS) :]

    def text(self, labels: Sequence[int]) -> str:
        """Writes labels as characters."""
        return "".join(map(self.symbols.__getitem__, labels))

    def labels(self, text: str) -> tuple[int, ...]:
        """Returns the labels of a text; raises ValueError where a character is no symbol."""
        return tuple(map(self.symbols.index, text))


def parse(labels: Sequence[str]) -> Alphabet:
    """Reads the alphabet from the labels of a model's manifest, whose last is the blank.

    Raises:
        CheckreaderError: the labels are not ten digits, single characters and the blank.
    """
    return _alphabet(tuple(labels))


@functools.lru_cache(maxsize=32)
def _alphabet(labels: tuple[str, ...]) -> Alphabet:
    *names, last = labels or [""]
    symbols = [_NAMES.get(name, name) for name in names]
    text = "".join(symbols)
    if (
        last != _BLANK
        or not text.startswith(DIGITS)
        or set(map(len, symbols)) != {1}
        or len(set(text)) < len(text)
    ):
        raise CheckreaderError(
            f"labels {', '.join(labels)}: a field model's are 0 to 9, marks of one character each, and {_BLANK}"
        )
    return Alphabet(text)


def manifest_labels(alphabet: Alphabet) -> list[str]:
    """Returns the labels that `parse` reads."""
    names = {symbol: name for name, symbol in _NAMES.items()}
    return [*(names.get(symbol, symbol) for symbol in alphabet.symbols), _BLANK]


def without_marks(probabilities: Floats, alphabet: Alphabet, kept: str = "") -> Floats:
    """Adds the shares of marks to the blank's.

    A string's probability is then exactly the total of all strings that differ from it in these marks alone.

    Args:
        probabilities: float32 [..., K].
        alphabet: of K − 1 symbols.
        kept: the marks that stay.

    Returns:
        A changed copy.
    """
    merged = probabilities.copy()
    dropped = _dropped(alphabet, kept)
    merged[..., -1] += merged[..., dropped].sum(-1)
    merged[..., dropped] = 0
    return np.asarray(merged)


@functools.lru_cache(maxsize=128)
def _dropped(alphabet: Alphabet, kept: str) -> list[int]:
    return [label for label, symbol in enumerate(alphabet.symbols) if symbol not in DIGITS + kept]
