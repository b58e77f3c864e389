"""Measures and calibrates released models on a user's own data, and writes the results into their models folder.

No training and no run goes before. The manifest gets the accuracy and the thresholds, which the service follows; the
records lie in `records/own/TASK/`, and the card speaks of them. A folder without models is filled with the released
ones first, so that those of a checkout or an installed package stay as they are. What changes the thresholds can be
rolled back; a measurement belongs to the models as they are, and leaves the way back as it was.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from pipeline import progress
from pipeline.data.digits import Dataset, Split
from pipeline.data.labeled_fields import Labeled
from pipeline.evaluation import digit as digit_evaluation
from pipeline.evaluation import field_run
from pipeline.evaluation.field import anonymized
from pipeline.evaluation.field_calibration import explain_refusals
from pipeline.evaluation.field_readings import FieldRecognizer, field_recognizer
from pipeline.metrics import calibration
from pipeline.records import Calibration
from pipeline.release import margins, models_folder, roll_back
from pipeline.release.artifacts import OWN_RECORDS
from pipeline.release.card import render_card
from pipeline.release.release import encoded
from pipeline.run import environment, write_bytes, write_json
from pipeline.synthesis import nondigits
from serving.decoding import alphabet as alphabets
from serving.errors import CheckreaderError
from serving.images.digit import tensor
from serving.manifest import NAME, Accuracy, Confidence, Model, Sliding, Threshold
from serving.recognition.fields import require_sliding
from serving.repository.golden import LoadedModel
from serving.repository.store import Repository

NONDIGITS: Final = 4_000  # pictures that are no digit, for the minimum of the thresholds
_BATCH: Final = 1_000
_SEED: Final = 0  # of the folds

Record = dict[str, Any]
Change = Callable[[Model, Record], Model]  # a model, what a record says of it → the model with that


def open_models(folder: Path) -> Repository:
    """Opens a models folder; a new or an empty one is filled with the released models.

    Raises:
        CheckreaderError: there are no models to be had, or the folder has other files in it.
    """
    if not (folder / NAME).exists():
        models_folder.require_room(folder)
        released = Repository.open().folder
        with models_folder.staged(folder) as new:
            models_folder.copy(released, new, models_folder.files(released))
    return Repository.open(folder)


def calibrate_digits(repository: Repository, dataset: Dataset, nondigit_count: int = NONDIGITS) -> Record:
    """Finds thresholds of the digit models by all but the test part of a user's pictures; temperatures stay.

    Args:
        repository: the models.
        dataset: the pictures.
        nondigit_count: how many pictures without a digit the minimum threshold is fitted on.

    Returns:
        The record; `families` holds for each model its `calibration`, with `lost`, see `_lost`.

    Raises:
        CheckreaderError: there is no digit model, or the folder cannot be written.
    """
    models_folder.require_writable(repository.folder)
    models = _loaded(repository, "digit")
    pictures = _joined(dataset.train, dataset.validation)
    others = nondigits.pictures(nondigit_count, nondigits.VALIDATION)
    families: dict[str, Any] = {}
    for name, loaded in models.items():
        progress.note(
            f"{name}: reading {len(pictures.labels):,} digits and {nondigit_count:,} pictures that are none"
        )
        probabilities = _infer(loaded, pictures.images)
        fitted = calibration.fit_acceptance(
            probabilities, pictures.labels, _infer(loaded, others), loaded.model.temperature or 1.0
        )
        refusals = explain_refusals(
            calibration.accepted_score(probabilities, fitted.least_evidence),
            probabilities.argmax(1) != pictures.labels,
            fitted.thresholds,
            0.0,
            calibration.ERROR_RATES,
            "digit",
            f"show evidence of at least {fitted.least_evidence:.3f}" if fitted.least_evidence else None,
        )
        families[name] = {
            "calibration": {
                **msgspec.to_builtins(fitted),
                "refusals": refusals,
                "lost": _lost(loaded.model.thresholds, fitted.thresholds),
            }
        }
    record = _record("calibrate", "digit", dataset.record(), families, pictures=len(pictures.labels))
    return _write(repository, record, lambda model, family: _with_calibration(model, family))


def evaluate_digits(
    repository: Repository, dataset: Dataset, nondigit_count: int = digit_evaluation.NONDIGITS
) -> Record:
    """Measures the digit models on a user's pictures: on the test part if the others calibrated them, else on all.

    Args:
        repository: the models.
        dataset: the pictures.
        nondigit_count: how many pictures without a digit are read.

    Returns:
        The record; `families` holds for each model what `evaluation.digit.measure` returns. `unwritten` says why it
        was not written into the folder, where that failed.

    Raises:
        CheckreaderError: there is no digit model.
    """
    models = _loaded(repository, "digit")
    seen = _calibrated_on(repository, "digit").get("sha256") == dataset.sha256
    pictures = dataset.test if seen else _joined(dataset.train, dataset.validation, dataset.test)
    others = tensor(nondigits.pictures(nondigit_count, nondigits.TEST))
    families: dict[str, Any] = {}
    for name, loaded in models.items():
        progress.note(
            f"{name}: reading {len(pictures.labels):,} digits and {nondigit_count:,} pictures that are none"
        )
        fitted = Calibration(temperature=loaded.model.temperature, thresholds=loaded.model.thresholds)
        label = f"{dataset.name} test" if seen else dataset.name
        families[name] = {
            **digit_evaluation.measure(_infer(loaded, pictures.images), pictures.labels, fitted, label),
            "nondigits": digit_evaluation.nondigits_accepted(loaded.network.infer(others), others, fitted),
        }
    record = _record("evaluate", "digit", dataset.record(), families)
    return _write_measured(
        repository, record, lambda model, family: _with_accuracy(model, family["accuracy"])
    )


def calibrate_fields(
    repository: Repository, labeled: Labeled, vetoes: Sequence[Labeled] = (), **options: Any
) -> Record:
    """Fits views, confidence and thresholds of the field models to a user's labeled fields.

    Args:
        repository: the models.
        labeled: the fields.
        vetoes: sets of fields that may contradict a threshold, and certify none.
        options: see `field_run.fit`.

    Returns:
        The record; `families` holds for each model its `calibration`, with `lost`, see `_lost`.

    Raises:
        CheckreaderError: there is no field model, it was trained on these fields, none of them could be read, or the
            folder cannot be written.
    """
    models_folder.require_writable(repository.folder)
    for fields in (labeled, *vetoes):
        if _trained_on(repository, fields):
            raise CheckreaderError(
                f"{fields.name}: the network was trained on these fields: `train` has calibrated it, by cross-validation"
            )
    families: dict[str, Any] = {}
    for name, loaded in _loaded(repository, "field").items():
        alphabet = alphabets.parse(loaded.model.labels)
        own, *others = (fields.translated(alphabet) for fields in (labeled, *vetoes))
        recognizer = functools.partial(_recognizer, loaded, None)
        sliding = require_sliding(name, loaded.model)
        fitted = field_run.fit(name, recognizer, sliding, own, _SEED, vetoes=others, **options)["calibration"]
        lost = _lost(loaded.model.thresholds, msgspec.convert(fitted["thresholds"], list[Threshold]))
        families[name] = {"calibration": {**fitted, "lost": lost}}
    record = _record(
        "calibrate",
        "field",
        labeled.record(),
        families,
        vetoes=[fields.record() for fields in vetoes],
        pictures=len(labeled),
        seed=_SEED,
    )
    return _write(repository, record, lambda model, family: _with_calibration(model, family))


def evaluate_fields(repository: Repository, labeled: Labeled, **options: Any) -> Record:
    """Measures the field models on a user's labeled fields.

    Args:
        repository: the models.
        labeled: the fields; if they calibrated the models, confidences are taken out of fold.
        options: see `field_run.measure`.

    Returns:
        The record; `families` holds for each model what `evaluation.field.evaluate` returns. `unwritten` is as for
        digits.

    Raises:
        CheckreaderError: there is no field model.
    """
    seen = _calibrated_on(repository, "field").get("sha256") == labeled.sha256
    families: dict[str, Any] = {}
    for name, loaded in _loaded(repository, "field").items():
        fields = labeled.translated(alphabets.parse(loaded.model.labels))
        sliding = require_sliding(name, loaded.model)
        recognizer = _recognizer(loaded, loaded.model.confidence, fields.kind, sliding)
        families[name] = field_run.measure(
            name, recognizer, fields, loaded.model.thresholds, _SEED if seen else None, **options
        )
    difference, trained_on = field_run.difference(families), _trained_on(repository, labeled)
    record = _record(
        "evaluate", "field", labeled.record(), families, difference=difference, trained_on=trained_on
    )
    return _write_measured(
        repository,
        record,
        lambda model, family: _with_accuracy(model, {**family["exact"], "data": labeled.name}),
    )


def _joined(*parts: Split) -> Split:
    return Split(
        np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts])
    )


def _loaded(repository: Repository, task: str) -> dict[str, LoadedModel]:
    """Loads the models of a task, each checked against its golden set."""
    names = [name for name, model in repository.manifest.models.items() if model.task == task]
    if not names:
        raise CheckreaderError(f"{repository.folder}: no {task} model in it: release one there first")
    return {name: repository.load(name) for name in names}


def _infer(loaded: LoadedModel, images: Any) -> Any:
    batches = range(0, len(images), _BATCH)
    return np.concatenate([loaded.network.infer(tensor(images[start : start + _BATCH])) for start in batches])


def _recognizer(
    loaded: LoadedModel, confidence: Confidence | None, kind: str, sliding: Sliding
) -> FieldRecognizer:
    alphabet = alphabets.parse(loaded.model.labels)
    return field_recognizer(loaded.network.infer, alphabet, confidence, kind, sliding=sliding)


def _trained_on(repository: Repository, labeled: Labeled) -> bool:
    own = repository.manifest.data.get("field", {}).get("own") or {}
    return bool(own.get("sha256") == labeled.sha256)


def _with_calibration(model: Model, family: Record) -> Model:
    fitted = family["calibration"]
    confidence = fitted.get("confidence")
    sliding = model.sliding and msgspec.structs.replace(model.sliding, sure=fitted["sure"])
    return msgspec.structs.replace(
        model,
        sliding=sliding,
        thresholds=msgspec.convert(fitted["thresholds"], list[Threshold]),
        least_evidence=fitted.get("least_evidence"),
        confidence=model.confidence if confidence is None else msgspec.convert(confidence, Confidence),
    )


def _lost(before: Sequence[Threshold], after: Sequence[Threshold]) -> list[float]:
    """Returns the bounds that were certified before and no longer are; a smaller one certifies the larger."""
    smallest = min((entry.max_error for entry in after), default=math.inf)
    return [entry.max_error for entry in before if entry.max_error < smallest]


def _with_accuracy(model: Model, accuracy: Record) -> Model:
    return msgspec.structs.replace(model, accuracy=msgspec.convert(accuracy, Accuracy))


def _record(stage: str, task: str, data: Any, families: Record, **content: Any) -> Record:
    return {
        "stage": stage,
        "task": task,
        "data": data,
        **content,
        "families": {name: anonymized(family) for name, family in families.items()},
        "environment": environment(),
    }


def _calibrated_on(repository: Repository, task: str) -> Record:
    """Returns the record of the data that calibrated a task's models here; empty: none did."""
    path = repository.folder / OWN_RECORDS / task / "calibrate.json"
    return dict(json.loads(path.read_bytes())["data"]) if path.exists() else {}


def _write_measured(repository: Repository, record: Record, change: Change) -> Record:
    """Writes a measurement where that can be done; it took its time, and is worth showing anyway."""
    try:
        return _write(repository, record, change)
    except OSError as error:
        return {**record, "unwritten": error.strerror or str(error)}


def _write(repository: Repository, record: Record, change: Change) -> Record:
    """Writes the record, the changed models into the manifest, their margins and the card; the manifest last.

    What was before is kept for a roll-back where readings or what is accepted of them changes.
    """
    folder = repository.folder
    models, files = dict(repository.manifest.models), dict[str, bytes]()
    for name, family in record["families"].items():
        before, models[name] = models[name], change(models[name], family)
        changed = models[name]
        if (changed.thresholds, changed.least_evidence) != (before.thresholds, before.least_evidence):
            # C and WebAssembly hold them as whole numbers.
            models[name], rendered = margins.render(folder, models[name])
            files |= rendered
    manifest = msgspec.structs.replace(repository.manifest, models=models)
    if _unmeasured(models) != _unmeasured(repository.manifest.models):
        roll_back.save(folder)
    write_json(folder / OWN_RECORDS / record["task"] / f"{record['stage']}.json", record)
    for path, content in files.items():
        write_bytes(folder / path, content)
    write_bytes(folder / models_folder.CARD, render_card(manifest, folder, folder).encode())
    write_bytes(folder / NAME, encoded(manifest))
    return record


def _unmeasured(models: Mapping[str, Model]) -> dict[str, Model]:
    """Returns models without what was measured of them."""
    return {name: msgspec.structs.replace(model, accuracy=None) for name, model in models.items()}
