"""Reads a few pictures of whole checks and prints a prediction for each of their pages."""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from serving.cli import drawings
from serving.cli.files import each_page
from serving.images.codec import decode
from serving.recognition.annotate_check import draw_check
from serving.recognition.check import CheckPrediction
from serving.recognition.check_format import CheckFormat, CheckModels
from serving.repository import check_models
from serving.repository.store import Repository
from serving.table import format_table

Predictions: TypeAlias = Sequence[tuple[str, CheckPrediction]]
_COLUMNS: Final = (
    *("file", "page", "amount", "date", "micr", "check_number"),
    *("accepted", "reasons", "max_error", "applied_max_error"),
)


def read(options: argparse.Namespace, expected: CheckFormat) -> int:
    """Reads the files that the options name and prints the predictions.

    Args:
        options: of `checkreader read`.
        expected: what is known of the checks.

    Returns:
        1 if a file or a page could not be read, else 0.

    Raises:
        CheckreaderError: the models, the bound or the name of the drawing cannot be used.
        OSError: a drawing cannot be written.
    """
    if options.draw is not None:
        drawings.require_name(Path(options.draw), options.files)
    repository = Repository.open(options.models)
    models = check_models.choose(repository, expected, options.max_error)
    recognize = check_models.load(repository, models, expected, options.runtime)
    predictions = []
    failures = 0
    drawn: set[Path] = set()
    for file, encoded, prediction in each_page(options.files, recognize):
        if prediction is None:
            failures += 1
            continue
        predictions.append((file, prediction))
        if options.draw is not None:
            target = drawings.target(Path(options.draw), file, prediction.page, drawn)
            draw_check(decode(encoded), prediction).save(target)
            drawn.add(target)
    if options.json:
        print(_json(models, predictions))
    elif options.csv:
        print(_csv(predictions), end="")
    elif predictions:
        print(_table(predictions))
        print(models.point)
    return 1 if failures else 0


def _json(models: CheckModels, predictions: Predictions) -> str:
    about = [{"name": entry.name, "version": entry.model.version} for entry in models.all]
    entries = [{"file": file} | msgspec.to_builtins(prediction) for file, prediction in predictions]
    return msgspec.json.format(msgspec.json.encode({"models": about, "checks": entries}), indent=2).decode()


def _readings(check: CheckPrediction) -> tuple[str, str, str, str]:
    """Returns amount, date, MICR line and check number, empty where there is none."""
    fields = check.fields
    return (
        (fields.amount.amount or "") if fields.amount else "",
        (fields.date.date or "") if fields.date else "",
        fields.micr.text if fields.micr else "",
        fields.check_number.text if fields.check_number else "",
    )


def _table(predictions: Predictions) -> str:
    rows = [
        (file, str(check.page), *_readings(check), "; ".join(check.reasons) or "accepted")
        for file, check in predictions
    ]
    return format_table(
        ("file", "page", "amount", "date", "MICR line", "number", "verdict"), rows, right=False
    )


def _csv(predictions: Predictions) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for file, check in predictions:
        verdict = str(check.accepted).lower(), "; ".join(check.reasons)
        bounds = check.max_error, check.applied_max_error
        writer.writerow((file, check.page, *_readings(check), *verdict, *bounds))
    return text.getvalue()
