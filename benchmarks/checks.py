"""What the service finds and reads of whole checks, what it must not accept, and how long a check takes.

    .venv/bin/python -m benchmarks.checks FOLDER [FOLDER …]     # some minutes; writes results/checks.json

`sets` are labeled folders as `checkreader draw-checks` writes them. `found` compares boxes with labels as `checkreader evaluate`
does; `read` counts exact readings of all checks: the amount's digits, its value, the date, the MICR line without blanks, the check number. Each check is read with the locale and the order of
dates of the country that its label names, or else as an American one.
`accepted` counts amounts and lines that are accepted, and those of them that are wrong. `nonchecks` are drawn pages that are no checks.
`milliseconds` are those of a drawn check of 1,300 × 600 pixels, encoded bytes → prediction, in one thread. The results hold counts alone.
"""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import numpy as np
from PIL import Image

from benchmarks import output
from benchmarks.fields import png
from pipeline.data import labeled_checks
from pipeline.data.labeled_checks import LabeledCheck
from pipeline.evaluation.check import is_found
from pipeline.evaluation.field import share
from pipeline.metrics.boxes import edges
from pipeline.run import environment, write_json
from pipeline.synthesis import nonchecks
from pipeline.synthesis.check_drawing import draw
from pipeline.synthesis.check_hands import invented_hands
from pipeline.synthesis.sampler import HandwritingSampler
from serving.recognition.check import CheckPrediction
from serving.recognition.check_format import CheckFormat
from serving.recognition.check_recognizer import check_recognizer
from serving.repository.check_models import choose
from serving.repository.store import Repository

NONCHECKS: Final = 200
TIMED: Final = 60
_SEEDS: Final = {"nonchecks": 1, "timed": 2}
_SIZE: Final = (1_300, 600)  # of a timed check
_WRITERS: Final = 40  # invented, of the fields on other pages
_WARM_UP: Final = 5
# What a user of each country names: how amounts are written, and in which order dates are.
_EXPECTED: Final = {
    "us": CheckFormat("us", "mdy"),
    "ca": CheckFormat("us"),
    "in": CheckFormat("in", "dmy"),
    "gb": CheckFormat("us", "dmy"),
}
_DATES: Final = ("%Y-%m-%d", "%m/%d/%Y", "%m-%d-%Y")  # of labels

Read = Callable[[Sequence[bytes]], Sequence[CheckPrediction]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes JSON."""
    command = output.parser("checks", "Measures what the service finds and reads of whole checks.")
    command.add_argument(
        "folders", type=Path, metavar="FOLDER", nargs="+", help="labeled checks, with labels.jsonl"
    )
    options = command.parse_args(arguments)
    write_json(options.out, measure(options.folders) | {"environment": environment()})


def measure(folders: Sequence[Path], count: int = NONCHECKS, timed: int = TIMED) -> dict[str, Any]:
    """Measures labeled folders, so many pages that are no checks, and the time of so many checks."""
    repository = Repository.open()
    models = choose(repository, CheckFormat(), None)
    networks = [repository.load(entry.name, "onnxruntime", 1).network for entry in models.all]
    readers = {
        country: check_recognizer(models, networks, expected) for country, expected in _EXPECTED.items()
    }
    return {
        "versions": {entry.name: entry.model.version for entry in models.all},
        "seeds": _SEEDS,
        "sets": [_measure_set(readers, folder) for folder in folders],
        "nonchecks": _nonchecks(readers["us"], count),
        "milliseconds": _milliseconds(readers["us"], timed),
    }


def outcomes(check: LabeledCheck, prediction: CheckPrediction) -> dict[str, bool]:
    """Compares a prediction with a check's label: by `found FIELD`, `read FIELD`, and what is accepted and wrong."""
    fields, label = prediction.fields, check.label
    table = {}
    for name, place in check.boxes.items():
        field = getattr(fields, name, None)
        if name in fields.__struct_fields__:
            table[f"found {name}"] = is_found(name, field and edges(field.box), place)
    amount, line = fields.amount, fields.micr
    value = Decimal(label["amount"])
    right = amount is not None and amount.amount is not None and Decimal(amount.amount) == value
    table["read amount"] = amount is not None and _digits(amount.text) in _written(value)
    table["amount right"] = right
    table["read date"] = fields.date is not None and fields.date.date == _day(label["date"]).isoformat()
    table["read micr"] = line is not None and line.text.replace(" ", "") == label["micr"].replace(" ", "")
    if "check_number" in check.boxes:
        number = fields.check_number
        table["read check_number"] = number is not None and number.text == label["check_number"]
    table["accepted amount"] = amount is not None and amount.accepted
    table["wrong amount"] = table["accepted amount"] and not right
    table["accepted micr"] = line is not None and line.accepted
    table["wrong micr"] = table["accepted micr"] and not table["read micr"]
    table["accepted check"] = prediction.accepted
    table["wrong check"] = prediction.accepted and not (right and table["read micr"])
    return table


def _measure_set(readers: Mapping[str, Read], folder: Path) -> dict[str, Any]:
    labeled = labeled_checks.load(folder)
    rows: list[Mapping[str, bool]] = []
    kinds = []
    for check in labeled.checks:
        read = readers[str(check.label.get("country", "us"))]
        (prediction,) = read([check.file.read_bytes()])
        rows.append(outcomes(check, prediction))
        kinds.append(str(check.label.get("kind", "picture")))
    by_kind = {
        kind: _shares([row for row, name in zip(rows, kinds, strict=True) if name == kind])
        for kind in sorted(set(kinds))
    }
    return {"data": labeled.record(), "all": _shares(rows), "by_kind": by_kind}


def _shares(rows: Sequence[Mapping[str, bool]]) -> dict[str, Any]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: share(np.array([row[name] for row in rows if name in row], np.bool_)) for name in names}


def _nonchecks(read: Read, count: int) -> dict[str, Any]:
    """Counts pages by kind, those on which a check is found, and the fields that are accepted on them."""
    field = HandwritingSampler(part="validation", invented=_WRITERS).field
    kinds: Counter[str] = Counter()
    papers, accepted = 0, 0
    for kind, picture in nonchecks.pictures(count, _SEEDS["nonchecks"], field):
        (prediction,) = read([png(picture)])
        fields = prediction.fields
        kinds[kind] += 1
        papers += prediction.corners is not None
        accepted += sum(
            field is not None and field.accepted
            for field in (fields.amount, fields.date, fields.micr, fields.check_number)
        )
    return {"pictures": count, "kinds": dict(kinds), "with_corners": papers, "accepted_fields": accepted}


def _milliseconds(read: Read, count: int) -> dict[str, Any]:
    """Measures reading one encoded check, over `count` drawn ones."""
    hands, times = invented_hands("test"), []
    for number in range(_WARM_UP + count):
        picture = Image.fromarray(draw("test", (_SEEDS["timed"], number), hands).picture)
        buffer = io.BytesIO()
        picture.resize(_SIZE).save(buffer, "JPEG", quality=85)
        start = time.perf_counter()
        read([buffer.getvalue()])
        times.append(1e3 * (time.perf_counter() - start))
    times = times[_WARM_UP:]
    return {
        "checks": count,
        "size": list(_SIZE),
        "p50": round(median(times), 2),
        "p90": round(quantiles(times, n=10)[-1], 2),
    }


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _written(value: Decimal) -> set[str]:
    """Returns the digits of an amount with cents, and of a whole one without them."""
    digits = _digits(f"{value:.2f}")
    return {digits, digits[:-2]} if value == value.to_integral_value() else {digits}


def _day(text: str) -> date:
    """Reads the date of a label: ISO, or month, day and year."""
    for form in _DATES:
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    raise ValueError(f"date {text!r} of a label: expected one as 2024-02-29 or 2/29/2024")


if __name__ == "__main__":
    main()
