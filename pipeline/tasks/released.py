"""`evaluate` and `calibrate` on released models, which need no run: `--models DIR` in the place of `--run`."""

from __future__ import annotations

import shlex
from argparse import Namespace
from pathlib import Path
from typing import Any

from pipeline.data import digits, labeled_fields
from pipeline.tasks.stages import Answer, lines, serve_command, uncertified
from serving.errors import CheckreaderError


def run(options: Namespace) -> Answer:
    """Measures or calibrates the models in a folder on a user's data.

    Raises:
        CheckreaderError: options contradict each other, there are no data or no models, or the data cannot be read.
    """
    if options.run is not None:
        raise CheckreaderError("--models and --run: choose one: released models, or a run")
    if options.data is None:
        raise CheckreaderError(
            f"'checkreader {options.stage} --models' needs --data: a folder of LABEL/*.png, or of fields with "
            "labels.csv or labels.jsonl"
        )
    record, text = _fields(options) if _task(options) == "field" else _digits(options)
    thresholds = {
        name: family["calibration"]["thresholds"] if "calibration" in family else family["thresholds"]
        for name, family in record["families"].items()
    }
    written = f"{options.models}: the manifest and the card say so"
    if "unwritten" in record:
        written = f"{options.models}: cannot be written ({record['unwritten']}): its manifest and card do not say so"
    return record, lines(text, _lost_bounds(record, options.models), uncertified(thresholds), written)


def next_command(options: Namespace) -> str:
    """Returns the command that comes after a stage."""
    if options.stage == "calibrate":
        models, data = shlex.quote(str(options.models)), shlex.quote(options.data)
        name = f" --name {shlex.quote(options.name)}" if options.name else ""
        kind = f" --as {options.read_as}" if options.read_as else ""
        return f"checkreader evaluate --models {models} --data {data}{kind}{name}"
    return serve_command(options.models)


def _task(options: Namespace) -> str:
    """Returns the task that was asked for, else the one whose labels the data have."""
    if options.task is not None:
        return str(options.task)
    labels = (Path(options.data) / name for name in labeled_fields.NAMES)
    return "field" if any(path.is_file() for path in labels) else "digit"


def _digits(options: Namespace) -> Answer:
    if getattr(options, "veto", None):
        raise CheckreaderError("--veto: only labeled fields may contradict others")
    if options.read_as is not None:
        raise CheckreaderError(f"--as {options.read_as}: these are single digits")
    if getattr(options, "views", None) is not None:
        raise CheckreaderError("--views: a digit has one")
    dataset = digits.load(options.data, options.data_dir, options.name)
    from pipeline.evaluation import digit as evaluation
    from pipeline.release import own_data

    repository = own_data.open_models(options.models)
    if options.stage == "calibrate":
        record = own_data.calibrate_digits(repository, dataset)
        return record, _calibration_summary(record)
    record = own_data.evaluate_digits(repository, dataset)
    return record, evaluation.summary(record)


def _fields(options: Namespace) -> Answer:
    labeled = labeled_fields.load(Path(options.data), options.name, options.read_as)
    from pipeline.evaluation import field_run
    from pipeline.release import own_data

    repository = own_data.open_models(options.models)
    if options.stage == "calibrate":
        vetoes = [labeled_fields.load(folder) for folder in options.veto]
        record = own_data.calibrate_fields(repository, labeled, vetoes, most_views=options.views)
        return record, field_run.calibration_summary(record)
    record = own_data.evaluate_fields(repository, labeled)
    return record, field_run.summary(record)


def _lost_bounds(record: dict[str, Any], models: Path) -> str:
    """Says which error bounds the models had before a calibration, and have no more."""
    lost = {
        name: ", ".join(map(str, family["calibration"]["lost"]))
        for name, family in record["families"].items()
        if "calibration" in family and family["calibration"]["lost"]
    }
    back = f"`checkreader release --roll-back --models {shlex.quote(str(models))}` brings that back"
    return lines(
        *(f"{name}: no longer certified: max_error {bounds}" for name, bounds in lost.items()),
        back if lost else None,
    )


def _calibration_summary(record: dict[str, Any]) -> str:
    """Formats the record of digits' calibration in lines for the screen."""
    text = []
    for name, family in record["families"].items():
        text.append(f"{name}: calibrated on {record['pictures']:,} pictures of {record['data']['name']}")
        text += [
            f"  max_error {entry['max_error']}: accepted from confidence {entry['threshold']:.4f}, "
            f"which is {entry['accepted']:.1%}, {entry['error']:.2%} of them wrong"
            for entry in family["calibration"]["thresholds"]
        ]
        text += [f"  no threshold for max_error {line}" for line in family["calibration"]["refusals"]]
    return "\n".join(text)
