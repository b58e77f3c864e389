"""What the released field models read of labeled fields, set by set.

    .venv/bin/python -m benchmarks.field_sets FOLDER    # five minutes; writes results/field_sets.json

The sets are those of `SETS` that lie in the folder. *Exact* are the digits, whatever the marks; what is accepted is wrong if
the amount is, where the label has one, and else if the digits are. `thresholds` are the model's own; `counted` are the largest
shares that could be accepted with so many wrong among these very fields, which certify nothing. The intervals are Clopper
and Pearson's, 95 %. The results hold counts alone, no reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import output
from pipeline.data import labeled_fields
from pipeline.data.labeled_fields import Labeled
from pipeline.evaluation.field_calibration import uncertified_thresholds
from pipeline.metrics.calibration import interval
from pipeline.metrics.certification import Scored
from pipeline.run import environment, write_json
from serving.decoding.field_string import FieldFormat, field_format
from serving.decoding.thresholds import operating_point
from serving.manifest import Threshold
from serving.recognition.field_recognizer import field_recognizer
from serving.recognition.fields import FieldPrediction
from serving.repository.store import Repository

MODELS: Final = ("lenet5-field", "lenet5-field-int8")
RATES: Final = (0.05, 0.01)
_ALL: Final = operating_point([Threshold(1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0)], 1.0)


@dataclass(frozen=True)
class FieldSet:
    """A folder of labeled fields, below the data's, and the format that its fields are read in."""

    folder: str
    expected: FieldFormat


SETS: Final = (
    FieldSet("orand-car-a", field_format("number")),
    FieldSet("orand-car-a", field_format("amount")),
    FieldSet("orand-car-a", field_format("amount", locale="cl")),
    FieldSet("meza", field_format("number")),
    FieldSet("cheques-in/amounts-hand", field_format("amount")),
    FieldSet("cheques-in/dates-boxed", field_format("date", order="dmy")),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes JSON."""
    description = "Measures what the released field models read of labeled fields, set by set."
    command = output.parser("field_sets", description)
    command.add_argument("folder", type=Path, metavar="FOLDER", help="holds the sets, each in a folder")
    options = command.parse_args(arguments)
    write_json(options.out, measure(options.folder) | {"environment": environment()})


def measure(data: Path, sets: Sequence[FieldSet] = SETS) -> dict[str, Any]:
    """Reads the sets that lie in the folder by both released models."""
    repository = Repository.open()
    loaded = {name: repository.load(name) for name in MODELS}
    records = []
    for field_set in sets:
        if not (data / field_set.folder).is_dir():
            continue
        labeled, expected = labeled_fields.load(data / field_set.folder), field_set.expected
        models = {}
        for name, served in loaded.items():
            recognizer = replace(field_recognizer(name, served.model, served.network, expected), point=_ALL)
            # One by one, as posted pictures are.
            predictions = [recognizer([encoded])[0] for encoded in labeled.encoded]
            models[name] = counts(labeled, predictions, served.model.thresholds)
        restriction = {"kind": expected.kind, "locale": expected.locale, "order": expected.order}
        records.append({"set": field_set.folder, **restriction, "fields": len(labeled), "models": models})
    return {"version": repository.model(MODELS[0]).version, "sets": records}


def counts(
    labeled: Labeled, predictions: Sequence[FieldPrediction], thresholds: Sequence[Threshold]
) -> dict[str, Any]:
    """Counts what is right and what thresholds accept.

    Args:
        labeled: the fields.
        predictions: accepted wherever confidence alone would decide.
        thresholds: the model's.
    """
    exact = [
        prediction.text == digits for prediction, digits in zip(predictions, labeled.digits, strict=True)
    ]
    right = np.array(list(_right(labeled, predictions, exact)), np.bool_)
    score = np.array([prediction.confidence if prediction.accepted else 0.0 for prediction in predictions])
    scored = Scored(labeled.name, score, ~right)
    amounts = [amount is not None for amount in labeled.amounts]
    return {
        "exact": sum(exact),
        "accuracy": sum(exact) / len(exact),
        "interval": interval(sum(exact), len(exact)),
        "amounts_right": int(right[amounts].sum()) if any(amounts) else None,
        "thresholds": [_accepted(scored, entry) for entry in thresholds],
        "counted": [
            _accepted(scored, entry) for entry in uncertified_thresholds(score, scored.wrong, 0.0, RATES)
        ],
    }


def _right(labeled: Labeled, predictions: Sequence[FieldPrediction], exact: Sequence[bool]) -> Iterator[bool]:
    for prediction, amount, same in zip(predictions, labeled.amounts, exact, strict=True):
        if amount is None:
            yield same
        else:
            yield prediction.amount is not None and Decimal(prediction.amount) == Decimal(amount)


def _accepted(scored: Scored, entry: Threshold) -> dict[str, Any]:
    wrong, accepted = scored.counts(entry.threshold)
    return {"max_error": entry.max_error, "accepted": accepted, "wrong": wrong}


if __name__ == "__main__":
    main()
