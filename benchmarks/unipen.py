"""What the released digit models read of the digits of each UNIPEN donor.

    CHECKREADER_DATA=FOLDER .venv/bin/python -m benchmarks.unipen    # three minutes; writes results/unipen.json

Every digit is drawn twice from its strokes and read as a posted picture is: `plain`, as it was written, with one even
pen on white paper; and `scanned`, with another pen, slant, paper and scanner for each. `donors` has all digits,
mislabeled ones too; `validation` those of the donors that no training sees, without and with the mislabeled ones. The
intervals are Clopper and Pearson's of the share read right, 95 %, as if no two digits had the same writer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from benchmarks import output
from benchmarks.lights import encode
from pipeline.data import pen_digits
from pipeline.data.pen_digits import VALIDATION_DONORS, PenDigits
from pipeline.data.unipen import Character
from pipeline.metrics.calibration import interval
from pipeline.run import environment, write_json
from pipeline.synthesis.digit_pictures import DigitPictures, plain_picture
from pipeline.synthesis.writers import unipen
from serving.decoding.thresholds import DigitPrediction, point_of
from serving.errors import CheckreaderError
from serving.recognition.digits import digit_recognizer
from serving.repository.store import Repository

MODELS: Final = ("lenet5", "lenet5-int8")
MAX_ERROR: Final = 0.002
_BATCH: Final = 256  # pictures

Read = Callable[[Sequence[bytes]], list[DigitPrediction]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes JSON."""
    description = "Measures what the released digit models read of UNIPEN's donors."
    options = output.parser("unipen", description).parse_args(arguments)
    digits = pen_digits.load()
    if digits is None:
        raise CheckreaderError("CHECKREADER_DATA: no UNIPEN in its subfolder unipen")
    write_json(options.out, measure(digits) | {"environment": environment()})


def measure(digits: PenDigits, papers: int = 48) -> dict[str, Any]:
    """Returns the counts of each model by kind of picture, donor and part; scans are drawn on `papers` papers."""
    characters = (*digits.train, *digits.validation, *digits.mislabeled)
    drawn = {"plain": plain(characters), "scanned": scanned(characters, papers)}
    repository = Repository.open()
    models: dict[str, Any] = {}
    for name in MODELS:
        loaded = repository.load(name)
        read = digit_recognizer(loaded.network, point_of(loaded.model, MAX_ERROR))
        models[name] = {kind: by_part(read, characters, pictures, digits) for kind, pictures in drawn.items()}
    return {
        "data": digits.record(),
        "max_error": MAX_ERROR,
        "versions": {name: repository.model(name).version for name in MODELS},
        "models": models,
    }


def plain(characters: Sequence[Character]) -> list[bytes]:
    """Draws each digit as it was written."""
    return [encode(plain_picture(character.segment.strokes)) for character in characters]


def scanned(characters: Sequence[Character], papers: int) -> list[bytes]:
    """Draws each digit as a scanner delivers it."""
    pictures = DigitPictures(unipen(characters, np.random.default_rng(0)), papers=papers)
    return [
        encode(pictures.picture(index, np.random.default_rng([0, index]))) for index in range(len(characters))
    ]


def by_part(
    read: Read, characters: Sequence[Character], pictures: Sequence[bytes], digits: PenDigits
) -> dict[str, Any]:
    """Reads the pictures and counts by donor and part."""
    predictions = [
        prediction
        for start in range(0, len(pictures), _BATCH)
        for prediction in read(pictures[start : start + _BATCH])
    ]
    mislabeled = set(map(id, digits.mislabeled))
    held_out = np.array([character.donor in VALIDATION_DONORS for character in characters])
    kept = np.array([id(character) not in mislabeled for character in characters])
    donors = np.array([character.donor for character in characters])
    masks = {"validation": held_out & kept, "validation_unfiltered": held_out}
    counts = {name: count(characters, predictions, np.flatnonzero(mask)) for name, mask in masks.items()}
    return counts | {
        "donors": {
            donor: count(characters, predictions, np.flatnonzero(donors == donor))
            for donor in sorted(set(donors.tolist()))
        }
    }


def count(
    characters: Sequence[Character], predictions: Sequence[DigitPrediction], index: Sequence[int]
) -> dict[str, Any]:
    """Counts the digits at `index` that are read right, accepted, and accepted though wrong."""
    right = sum(str(predictions[i].digit) == characters[i].label for i in index)
    accepted = [i for i in index if predictions[i].accepted]
    return {
        "pictures": len(index),
        "right": right,
        "accuracy": right / len(index),
        "interval": interval(right, len(index)),
        "accepted": len(accepted),
        "accepted_wrong": sum(str(predictions[i].digit) != characters[i].label for i in accepted),
    }


if __name__ == "__main__":
    main()
