"""What the released field model reads of numbers that are written into printed combs, boxes and cells.

    CHECKREADER_DATA=FOLDER .venv/bin/python -m benchmarks.combs    # two minutes; writes results/combs.json

The fields are drawn (`pipeline/synthesis/combs.py`) by hands that no training sees: MNIST's test writers and UNIPEN's
donors `app` and `ced`. Their number and the seed were fixed before the first model was trained that they are to judge.
`plain` are the same fields with nothing printed: what the network makes of the handwriting alone. A field is right where
every digit is, read as `kind=number`; the intervals are Clopper and Pearson's, 95 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from benchmarks import output
from benchmarks.lights import encode
from pipeline.metrics.calibration import interval
from pipeline.metrics.edit_distance import align
from pipeline.run import environment, write_json
from pipeline.synthesis.combs import KINDS, CombDrawing, CombField, unseen_hands
from serving.decoding.field_string import field_format
from serving.recognition.field_recognizer import FieldRecognizer, field_recognizer
from serving.recognition.fields import FieldPrediction
from serving.repository.store import Repository

MODEL: Final = "lenet5-field"
COUNT: Final = 200
SEED: Final = 40_000_003  # of no training, validation or test


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes JSON."""
    description = "Measures what the released field model reads of numbers in printed combs and boxes."
    options = output.parser("combs", description).parse_args(arguments)
    write_json(options.out, measure(CombDrawing(unseen_hands())) | {"environment": environment()})


def measure(drawing: CombDrawing, count: int = COUNT) -> dict[str, Any]:
    """Returns how many of `count` fields are read right, with and without the print, by kind of comb."""
    repository = Repository.open()
    loaded = repository.load(MODEL)
    read = field_recognizer(MODEL, loaded.model, loaded.network, field_format("number"))
    return {
        "model": MODEL,
        "version": repository.model(MODEL).version,
        "seed": SEED,
        "printed": readings(read, list(drawing.fields(count, SEED))),
        "plain": readings(read, list(drawing.fields(count, SEED, bare=True))),
    }


def readings(read: FieldRecognizer, fields: Sequence[CombField]) -> dict[str, Any]:
    """Reads the fields and counts them, together and by kind."""
    predictions = [read([encode(field.picture)])[0] for field in fields]
    return counts(fields, predictions) | {
        "kinds": {
            kind: counts(
                [field for field in fields if field.kind == kind],
                [
                    prediction
                    for field, prediction in zip(fields, predictions, strict=True)
                    if field.kind == kind
                ],
            )
            for kind in KINDS
        }
    }


def counts(fields: Sequence[CombField], predictions: Sequence[FieldPrediction]) -> dict[str, Any]:
    """Counts the fields that are read right, accepted, and accepted though wrong, and the digits' errors."""
    pairs = list(zip(fields, predictions, strict=True))
    right = sum(prediction.text == field.text for field, prediction in pairs)
    accepted = [pair for pair in pairs if pair[1].accepted]
    return {
        "fields": len(fields),
        "right": right,
        "accuracy": right / len(fields) if fields else None,
        "interval": interval(right, len(fields)) if fields else None,
        "digits": sum(len(field.text) for field in fields),
        "digit_errors": sum(
            true != digit for field, prediction in pairs for true, digit in align(field.text, prediction.text)
        ),
        "accepted": len(accepted),
        "accepted_wrong": sum(prediction.text != field.text for field, prediction in accepted),
    }


if __name__ == "__main__":
    main()
