"""What the released models read of the golden digits and fields under fourteen lights.

    .venv/bin/python -m benchmarks.lights    # half a minute; writes results/lights.json

Margins, light from a side, dark corners, shadows and noise are put on each picture
(`pipeline/evaluation/lights.py`), which is then read as a posted one is: `right` of `pictures`, and `accepted_wrong`,
those read wrongly and accepted at the error bound `max_error`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any, Final

from PIL import Image

from benchmarks import output
from pipeline.evaluation.lights import KINDS, relight
from pipeline.run import environment, write_json
from serving.decoding.field_string import field_format
from serving.decoding.thresholds import point_of
from serving.images.codec import Gray, decode
from serving.recognition import digits
from serving.recognition.field_recognizer import field_recognizer
from serving.repository.store import Repository

DIGITS: Final = ("lenet5", "lenet5-int8")
FIELDS: Final = ("lenet5-field", "lenet5-field-int8")
DIGIT_ERROR: Final = 0.01
FIELD_ERROR: Final = 0.05

# Encoded pictures → the digits of each, and whether they are accepted.
Reader = Callable[[Sequence[bytes]], list[tuple[str, bool]]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes JSON."""
    description = "Measures what the released models read under fourteen lights."
    options = output.parser("lights", description).parse_args(arguments)
    write_json(options.out, measure() | {"environment": environment()})


def measure(kinds: Sequence[str] = tuple(KINDS)) -> dict[str, Any]:
    """Returns the counts of each model, in all and under each light; `kinds` are keys of `KINDS`."""
    repository = Repository.open()
    folder = repository.folder / "golden"
    golden_digits = [
        (str(golden.digit), decode((folder / golden.file).read_bytes())) for golden in repository.golden[0]
    ]
    golden_fields = [
        ("".join(filter(str.isdigit, golden.text)), decode((folder / golden.file).read_bytes()))
        for golden, _ in repository.golden_fields
    ]
    return {
        "digits": {name: count(digit_reader(repository, name), golden_digits, kinds) for name in DIGITS}
        | {"max_error": DIGIT_ERROR},
        "fields": {name: count(field_reader(repository, name), golden_fields, kinds) for name in FIELDS}
        | {"max_error": FIELD_ERROR},
        "versions": {name: repository.model(name).version for name in (*DIGITS, *FIELDS)},
    }


def count(reader: Reader, golden: Sequence[tuple[str, Gray]], kinds: Sequence[str]) -> dict[str, Any]:
    """Counts what a reader reads of pictures under lights.

    Args:
        reader: a model's.
        golden: the text and the gray levels of each picture.
        kinds: keys of `KINDS`.
    """
    by_kind = {}
    for kind in kinds:
        lit = [encode(relight(gray, kind, seed)) for seed, (_, gray) in enumerate(golden)]
        readings = list(zip(reader(lit), (text for text, _ in golden), strict=True))
        by_kind[kind] = {
            "pictures": len(readings),
            "right": sum(text == truth for (text, _), truth in readings),
            "accepted_wrong": sum(accepted and text != truth for (text, accepted), truth in readings),
        }
    total = {
        key: sum(counts[key] for counts in by_kind.values())
        for key in ("pictures", "right", "accepted_wrong")
    }
    return {**total, "lights": by_kind}


def digit_reader(repository: Repository, name: str) -> Reader:
    """Returns the reader of a digit model at `DIGIT_ERROR`."""
    loaded = repository.load(name)
    recognizer = digits.digit_recognizer(loaded.network, point_of(loaded.model, DIGIT_ERROR))

    def read(pictures: Sequence[bytes]) -> list[tuple[str, bool]]:
        return [(str(prediction.digit), prediction.accepted) for prediction in recognizer(pictures)]

    return read


def field_reader(repository: Repository, name: str) -> Reader:
    """Returns the reader of a field model, for numbers, at `FIELD_ERROR`."""
    loaded = repository.load(name)
    recognizer = field_recognizer(name, loaded.model, loaded.network, field_format("number"), FIELD_ERROR)

    def read(pictures: Sequence[bytes]) -> list[tuple[str, bool]]:
        return [(prediction.text, prediction.accepted) for prediction in recognizer(pictures)]

    return read


def encode(gray: Gray) -> bytes:
    """Encodes a picture as PNG."""
    file = io.BytesIO()
    Image.fromarray(gray).save(file, "PNG")
    return file.getvalue()


if __name__ == "__main__":
    main()
