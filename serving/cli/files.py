"""Reads a few pictures and prints a prediction for each of their pages."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from serving.bulk.folder import read_file
from serving.cli import drawings
from serving.decoding.micr import MicrFormat
from serving.decoding.thresholds import DigitPrediction, OperatingPoint
from serving.errors import CheckreaderError
from serving.images.codec import decode
from serving.images.crop import Crop
from serving.images.pages import split
from serving.recognition import annotate
from serving.recognition.fields import FieldPrediction
from serving.recognition.micr import MicrPrediction
from serving.recognition.recognizer import Format, Prediction, point_of, recognizer
from serving.repository.store import Repository
from serving.table import format_table

P = TypeVar("P", bound=msgspec.Struct)
Predictions: TypeAlias = Sequence[tuple[str, Prediction]]
_DIGIT_COLUMNS: Final = ("digit", "confidence", "accepted", "reason")
_FIELD_COLUMNS: Final = ("text", "raw", "amount", "date", "confidence", "accepted", "reason")
_MICR_COLUMNS: Final = (
    *("text", "country", "routing", "account", "serial", "amount", "transaction_code"),
    *("confidence", "accepted", "reason"),
)


def read(options: argparse.Namespace, model: str, expected: Format | None, crop: Crop | None) -> int:
    """Reads the files that the options name and prints the predictions.

    Args:
        options: of `checkreader read`.
        model: the name of the model that reads.
        expected: the format of fields or lines; None = single digits.
        crop: the part to read, in every page alike.

    Returns:
        1 if a file or a page could not be read, else 0.

    Raises:
        CheckreaderError: the model, the bound or the name of the drawing cannot be used.
        OSError: a drawing cannot be written.
    """
    repository = Repository.open(options.models)
    # Refused before the model is loaded, and once, not for every file.
    if options.draw is not None:
        drawings.require_name(Path(options.draw), options.files)
    point = point_of(model, repository.model(model), expected, options.max_error)
    loaded = repository.load(model, options.runtime)
    recognize = recognizer(loaded.model, loaded.network, expected, point, crop)
    predictions: list[tuple[str, Prediction]] = []
    failures = 0
    drawn: set[Path] = set()
    for file, encoded, prediction in each_page(options.files, recognize):
        if prediction is None:
            failures += 1
            continue
        predictions.append((file, prediction))
        if options.draw is not None and not isinstance(prediction, DigitPrediction):
            target = drawings.target(Path(options.draw), file, prediction.page, drawn)
            annotate.draw(decode(encoded), prediction, crop).save(target)
            drawn.add(target)
    key, columns = _form(expected)
    if options.json:
        about = {"model": {"name": model, "version": loaded.model.version}, **point.bounds}
        print(_json(about, key, predictions))
    elif options.csv:
        print(_csv(columns, predictions, point), end="")
    elif predictions:
        print(_table(predictions, "date" if expected is not None and expected.kind == "date" else "amount"))
        print(point)
    return 1 if failures else 0


def each_page(
    names: Sequence[str], recognize: Callable[[Sequence[bytes]], Sequence[P]]
) -> Iterator[tuple[str, bytes, P | None]]:
    """Reads the pages of files, one after the other; says on standard error what cannot be read.

    Args:
        names: of the files; "-" is standard input.
        recognize: makes a prediction of an encoded picture of one page.

    Yields:
        A file's name, a page, and its prediction; no page and None for a file or a page that cannot be read.
    """
    for file in names:
        try:
            pages = split(sys.stdin.buffer.read() if file == "-" else read_file(Path(file)))
        except (CheckreaderError, OSError) as error:
            print(f"error: {file}: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
            yield file, b"", None
            continue
        for number, outcome in pages.each(lambda page: recognize([page])[0]):
            if isinstance(outcome, CheckreaderError):
                print(f"error: {file}: {outcome}", file=sys.stderr)
                yield file, b"", None
            else:
                yield file, pages.page(number), msgspec.structs.replace(outcome, page=number)


def _form(expected: Format | None) -> tuple[str, Sequence[str]]:
    """Returns the key of the predictions in JSON, and their columns in CSV."""
    if expected is None:
        return "digits", _DIGIT_COLUMNS
    return ("lines", _MICR_COLUMNS) if isinstance(expected, MicrFormat) else ("fields", _FIELD_COLUMNS)


def _json(about: dict[str, Any], task: str, predictions: Predictions) -> str:
    entries = [{"file": file} | msgspec.to_builtins(prediction) for file, prediction in predictions]
    return msgspec.json.format(msgspec.json.encode(about | {task: entries}), indent=2).decode()


def _table(predictions: Predictions, meaning: str) -> str:
    """Returns a table for people; `meaning` is the kind of what is written in fields."""
    head, rows = ["digit"], []
    for file, prediction in predictions:
        if isinstance(prediction, FieldPrediction):
            head, cells = ["reading", meaning], [prediction.raw, prediction.amount or prediction.date or ""]
        elif isinstance(prediction, MicrPrediction):
            head, cells = ["line", "country"], [prediction.text, prediction.country or ""]
        else:
            cells = [str(prediction.digit)]
        verdict = (f"{prediction.confidence:.3f}", prediction.reason or "accepted")
        rows.append((file, str(prediction.page), *cells, *verdict))
    return format_table(("file", "page", *head, "confidence", "verdict"), rows, right=False)


def _csv(columns: Sequence[str], predictions: Predictions, point: OperatingPoint) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("file", "page", *columns, *point.bounds))
    for file, prediction in predictions:
        cells = msgspec.to_builtins(prediction) | {"accepted": str(prediction.accepted).lower()}
        if isinstance(prediction, MicrPrediction):
            cells |= {name: field.text for name, field in prediction.fields.items()}
        writer.writerow(
            (file, prediction.page, *(cells.get(column) for column in columns), *point.bounds.values())
        )
    return text.getvalue()
