"""Draws the digits and marks of UNIPEN's writers as glyphs once, and stores them in the user's cache.

Reading the collection takes a minute, the stored glyphs open at once. The files' names have a digest of the collection
and of the code that reads and draws it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from pipeline import progress
from pipeline.data import mislabeled, pen_digits, unipen, unipen_format
from pipeline.data.digits import cache
from pipeline.data.pen_digits import VALIDATION_DONORS
from pipeline.data.unipen import Character
from pipeline.run import replacing, sha256
from pipeline.synthesis import pen_map, pen_paths, writers
from pipeline.synthesis.drawn_digits import checksum
from pipeline.synthesis.glyph_bank import GlyphBank, GlyphSource, Writer

PARTS: Final = ("train", "validation", "test")
LEAST_CLASSES: Final = 8  # different digits that a writer must have
HELD_OUT: Final = 10  # of so many writers of the donors for training one is held out for validation
_MODULES: Final = (mislabeled, pen_digits, unipen, unipen_format, pen_map, pen_paths, writers)
_ARRAYS: Final = ("maps", "boxes", "bases", "pens")


def pen_glyphs(folder: Path | None, part: str) -> GlyphSource | None:
    """Opens the glyphs of the writers of a part.

    Args:
        folder: where the data sets lie, as for `pipeline.data.unipen.locate`.
        part: "train" or "validation", whose writers differ and belong to the donors for training, or "test": the donors
            `pipeline.data.pen_digits.VALIDATION_DONORS`, which no training sees.

    Returns:
        None where there is no UNIPEN, or no writer of the part in it.

    Raises:
        CheckreaderError: as `pipeline.data.unipen.open_collection`.
    """
    location = unipen.locate(folder)
    if location is None:
        return None
    key = [checksum(location), *(sha256(Path(str(module.__file__))) for module in _MODULES)]
    key.append(sha256(Path(__file__)))
    stem = hashlib.sha256("\n".join(key).encode()).hexdigest()[:16]
    files = {name: cache() / f"glyphs-unipen-{stem}" / f"{name}.npz" for name in PARTS}
    if not all(file.exists() for file in files.values()):
        for name, source in _draw(folder, location).items():
            _save(files[name], source)
    source = _open(files[part])
    return source if source.writers else None


def split(digits: pen_digits.PenDigits) -> dict[str, Callable[[Character], bool]]:
    """Returns for each part whether a character is of its writers."""
    names = sorted({character.writer for character in digits.train})
    held_out = set(names[HELD_OUT // 2 :: HELD_OUT])
    return {
        "train": lambda character: (
            character.donor not in VALIDATION_DONORS and character.writer not in held_out
        ),
        "validation": lambda character: character.writer in held_out,
        "test": lambda character: character.donor in VALIDATION_DONORS,
    }


def _draw(folder: Path | None, location: Path) -> dict[str, GlyphSource]:
    progress.note("read UNIPEN")
    digits = pen_digits.load(folder)
    assert digits is not None  # it was located
    (marks,) = unipen.open_collection(location, {"1d": writers.PEN_MARKS})
    sources = {}
    for number, (part, belongs) in enumerate(split(digits).items()):
        characters = [character for character in (*digits.train, *digits.validation) if belongs(character)]
        classes: dict[str, set[str]] = {}
        for character in characters:
            classes.setdefault(character.writer, set()).add(character.label)
        characters = [
            character for character in characters if len(classes[character.writer]) >= LEAST_CLASSES
        ]
        rng = np.random.default_rng(number)
        sources[part] = writers.unipen(
            characters, rng, marks=[mark for mark in marks.characters if belongs(mark)]
        )
    return sources


def _save(path: Path, source: GlyphSource) -> None:
    hands = json.dumps([writer.glyphs for writer in source.writers])
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, hands=np.array(hands), **{name: getattr(source.bank, name) for name in _ARRAYS})


def _open(path: Path) -> GlyphSource:
    with np.load(path) as stored:
        bank = GlyphBank(*(stored[name] for name in _ARRAYS))
        hands = json.loads(str(stored["hands"]))
    glyphs = ({char: tuple(indices) for char, indices in hand.items()} for hand in hands)
    return GlyphSource(bank, tuple(Writer("unipen", hand) for hand in glyphs))
