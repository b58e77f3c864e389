"""Draws passes over UNIPEN's digits and over invented writers' once, and stores them in the user's cache.

A pass draws every digit anew (`pipeline.synthesis.digit_pictures`) and takes about fifteen seconds on one core. Each is a
file of its own, so that an interruption loses one pass at most. The folder's name is a digest of what decides the
pictures: the collection, the code that reads it, and what the drawing makes of a probe.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline import progress
from pipeline.data import mislabeled, pen_digits, unipen, unipen_format
from pipeline.data.digits import Split, cache
from pipeline.data.mixture import Source
from pipeline.data.unipen import Character
from pipeline.data.unipen_format import Segment
from pipeline.run import replacing, sha256, write_json
from pipeline.synthesis import writers
from pipeline.synthesis.digit_pictures import DigitPictures, plain_split

WRITERS: Final = 400  # invented ones to train on
VALIDATION_WRITERS: Final = 100
PAPERS: Final = 48  # different ones in all passes


@dataclasses.dataclass(frozen=True, eq=False)
class Hands:
    """What a source draws: its digits to train on, its validation digits by name, and its description for records."""

    pictures: DigitPictures
    validation: Mapping[str, Split]
    details: Mapping[str, Any]


def pen_source(
    folder: Path | None, share: float, passes: int, saved: Callable[[], None] = lambda: None
) -> Source | None:
    """Draws UNIPEN's digits, or opens them as they were drawn before.

    Args:
        folder: where the data sets lie, as for `pipeline.data.unipen.locate`.
        share: of each batch.
        passes: how many are needed.
        saved: called after each pass that was drawn.

    Returns:
        None where there is no UNIPEN.

    Raises:
        CheckreaderError: as `pipeline.data.unipen.open_collection`.
    """
    location = unipen.locate(folder)
    if location is None:
        return None
    readers = [Path(str(module.__file__)) for module in (mislabeled, pen_digits, unipen, unipen_format)]
    key = [checksum(location), str(PAPERS), *(sha256(path) for path in readers)]
    return _stored("unipen", key, share, passes, lambda: _open_unipen(folder), True, saved)


def invented_source(share: float, passes: int, saved: Callable[[], None] = lambda: None) -> Source:
    """Draws the digits of invented writers, or opens them as they were drawn before; they certify nothing."""
    key = [str(WRITERS), str(VALIDATION_WRITERS), str(PAPERS)]
    return _stored("invented", key, share, passes, _open_invented, False, saved)


def _open_unipen(folder: Path | None) -> Hands:
    progress.note("read UNIPEN")
    digits = pen_digits.load(folder)
    assert digits is not None  # it was located
    pictures = DigitPictures(writers.unipen(digits.train, np.random.default_rng(0)), papers=PAPERS)
    validation = {
        "unipen": plain_split(digits.validation),
        "unipen_unfiltered": plain_split(digits.unfiltered_validation),
    }
    return Hands(pictures, validation, {"unipen": digits.record()})


def _open_invented() -> Hands:
    progress.note("invent writers")
    pictures = DigitPictures(writers.strokes(np.random.default_rng(0), WRITERS), papers=PAPERS)
    others = DigitPictures(writers.strokes(np.random.default_rng(1), VALIDATION_WRITERS), papers=PAPERS)
    details = {"writers": WRITERS, "validation_writers": VALIDATION_WRITERS}
    return Hands(pictures, {"invented": others.split(0)}, details)


def _stored(
    name: str,
    key: list[str],
    share: float,
    passes: int,
    open_hands: Callable[[], Hands],
    certifies: bool,
    saved: Callable[[], None],
) -> Source:
    """Opens a source's stored pictures; draws those that are missing."""
    folder = cache() / f"drawn-{name}-{_digest(*key, _probe())}"
    open_once = functools.cache(open_hands)
    description = folder / "hands.json"
    if not description.exists():
        hands = open_once()
        _save(folder / "labels.npy", hands.pictures.labels)
        for part, split in hands.validation.items():
            _save(folder / f"{part}-images.npy", split.images)
            _save(folder / f"{part}-labels.npy", split.labels)
        write_json(description, {"validation": list(hands.validation), "details": dict(hands.details)})
        saved()
    files = [folder / f"pass-{number:02}.npy" for number in range(passes)]
    for number, file in enumerate(files):
        if not file.exists():
            hands = open_once()
            progress.note(f"draw {name}: pass {number + 1} of {passes}")
            _save(file, hands.pictures.split(number).images)
            saved()
    record = json.loads(description.read_text())
    validation = {
        part: Split(np.load(folder / f"{part}-images.npy"), np.load(folder / f"{part}-labels.npy"))
        for part in record["validation"]
    }
    return Source(
        name,
        share,
        [np.load(file, mmap_mode="r") for file in files],
        np.load(folder / "labels.npy"),
        validation,
        certifies,
        {"sha256": _digest(*map(sha256, files)), **record["details"]},
    )


def _save(path: Path, array: np.ndarray[Any, Any]) -> None:
    with replacing(path) as temporary:
        np.save(temporary, array)


@functools.cache
def _probe() -> str:
    """Returns a digest of a few drawn digits: another one where the code that draws is another."""
    stroke = np.stack([np.linspace(0, 200, 40), 300 * np.sin(np.linspace(0, 5, 40))], 1)
    character = Character("probe", "probe", Segment("7", "", None, (stroke,), (True,)))
    sources = (
        writers.strokes(np.random.default_rng(0), 1),
        writers.unipen([character], np.random.default_rng(0)),
    )
    splits = [DigitPictures(hands, papers=1).split(0) for hands in sources] + [plain_split([character])]
    return hashlib.sha256(b"".join(split.images.tobytes() for split in splits)).hexdigest()


def checksum(location: Path) -> str:
    """Computes a checksum of an archive, or of the names, sizes and times of a folder's files."""
    if location.is_file():
        return sha256(location)
    files = sorted(path for path in location.rglob("*") if path.is_file())
    return _digest(
        *(f"{path.relative_to(location)} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files)
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
