"""Chooses the served models that read whole checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from serving.engine.served_model import ServedModel
from serving.errors import Unknown
from serving.recognition.check_format import (
    NO_LOCATOR,
    TASK,
    CheckFormat,
    CheckModels,
    NamedModel,
    check_models,
)
from serving.runtime.network import Floats


@dataclass(frozen=True)
class ServedCheckModels:
    """The served models that read checks; see `CheckModels`."""

    field: ServedModel
    line: ServedModel
    locator: ServedModel | None

    @property
    def all(self) -> list[ServedModel]:
        """Every one of them."""
        models = self.locator, self.field, self.line
        return [model for model in models if model is not None]

    @property
    def locate(self) -> Callable[[Floats], Floats] | None:
        """The network that finds the fields: one thumbnail a page, which waits for no batch; None: none does."""
        return None if self.locator is None else self.locator.loaded.network.infer


def choose_models(models: Mapping[str, ServedModel], expected: CheckFormat) -> ServedCheckModels:
    """Chooses the first served model of each kind.

    Args:
        models: all that are served, by name.
        expected: what is known of the checks; with a layout no model has to find their fields.

    Raises:
        Unknown: one that is needed is not served.
    """

    def first(task: str, serves: str) -> ServedModel:
        for served in models.values():
            if served.loaded.model.task == task:
                return served
        raise Unknown(f"no served model {serves}, or start checkreader serve with one, by --models")

    locator = first(TASK, NO_LOCATOR) if expected.layout is None else None
    return ServedCheckModels(first("field", "reads fields"), first("micr", "reads MICR lines"), locator)


def named_models(served: ServedCheckModels, max_error: float | None) -> CheckModels:
    """Returns what reads and what is accepted; raises CheckreaderError if the bound is no share."""

    def named(model: ServedModel) -> NamedModel:
        return NamedModel(model.name, model.loaded.model)

    locator = None if served.locator is None else named(served.locator)
    return check_models(named(served.field), named(served.line), locator, max_error)
