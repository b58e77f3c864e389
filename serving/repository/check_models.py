"""Chooses a repository's models that read whole checks, and loads them."""

from __future__ import annotations

from serving.errors import CheckreaderError
from serving.recognition.check_format import (
    TASK,
    CheckFormat,
    CheckModels,
    NamedModel,
    check_models,
)
from serving.recognition.check_recognizer import CheckRecognizer, check_recognizer
from serving.repository.store import Repository


def choose(repository: Repository, expected: CheckFormat, max_error: float | None = None) -> CheckModels:
    """Chooses the manifest's first model of each kind; none is loaded.

    Args:
        repository: the models.
        expected: what is known of the checks; with a layout no model has to find their fields.
        max_error: the wanted error bound of each field; None = each model's default.

    Raises:
        CheckreaderError: a model is missing, or the bound is no share.
    """

    def first(task: str, objects: str) -> NamedModel:
        name = repository.first(task, objects)
        return NamedModel(name, repository.model(name))

    locator = None
    if expected.layout is None:
        if all(model.task != TASK for model in repository.manifest.models.values()):
            raise CheckreaderError(
                f"no model finds the fields of checks: {repository.folder} has {', '.join(repository.manifest.models)}; "
                "name their places by a layout, or the folder of a release that has one by --models or "
                "$CHECKREADER_MODELS"
            )
        locator = first(TASK, "checks")
    return check_models(first("field", "fields"), first("micr", "MICR lines"), locator, max_error)


def load(
    repository: Repository,
    models: CheckModels,
    expected: CheckFormat,
    runtime: str = "auto",
    threads: int | None = None,
) -> CheckRecognizer:
    """Loads models that `choose` chose; arguments and errors as for `Repository.load`."""
    networks = [repository.load(entry.name, runtime, threads).network for entry in models.all]
    return check_recognizer(models, networks, expected)
