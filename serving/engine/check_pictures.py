"""Reads pictures of whole checks with several served models."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from serving.engine.dataplane import DataPlane
from serving.engine.served_model import ServedModel
from serving.errors import Unknown
from serving.recognition import check_recognizer
from serving.recognition.check import CheckPrediction
from serving.recognition.check_format import (
    TASK,
    CheckFormat,
    CheckModels,
    NamedModel,
    check_models,
)
from serving.recognition.check_recognizer import FieldPredictions
from serving.recognition.located_check import locate_pictures
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

    def first(task: str, does: str, advice: str = "") -> ServedModel:
        for served in models.values():
            if served.loaded.model.task == task:
                return served
        raise Unknown(
            f"no model that {does} is served: {advice}start checkreader serve with one, by --models"
        )

    locator = None
    if expected.layout is None:
        locator = first(TASK, "finds the fields of checks", "name their places by layout, or ")
    return ServedCheckModels(first("field", "reads fields"), first("micr", "reads MICR lines"), locator)


def named_models(served: ServedCheckModels, max_error: float | None) -> CheckModels:
    """Returns what reads and what is accepted; raises CheckreaderError if the bound is no share."""

    def named(model: ServedModel) -> NamedModel:
        return NamedModel(model.name, model.loaded.model)

    locator = None if served.locator is None else named(served.locator)
    return check_models(named(served.field), named(served.line), locator, max_error)


async def read_checks(
    plane: DataPlane,
    pictures: Sequence[bytes],
    max_error: float | None = None,
    expected: CheckFormat = CheckFormat(),
) -> tuple[list[ServedModel], list[CheckPrediction]]:
    """Reads pictures of one check each.

    The fields of one kind are read together, and the kinds at the same time, so that they share batches.

    Args:
        plane: runs the models.
        pictures: encoded, as `images.codec.decode` takes them.
        max_error: the wanted error bound of each field, as for `operating_point`.
        expected: what is known of the checks.

    Returns:
        The models that read, and a reading of each page of each picture.

    Raises:
        Unknown: a model that is needed is not served.
        Busy, Expired: as `DataPlane.infer`.
        CheckreaderError: a picture cannot be read, or a parameter makes no sense.
    """
    start = time.perf_counter_ns()
    served = choose_models(plane.models, expected)
    try:
        models = named_models(served, max_error)
        locate = check_recognizer.locator(expected, served.locate)
        checks = await plane.offload(partial(locate_pictures, pictures, locate, plane.page_limit))
        readings = check_recognizer.start(checks, models, expected)
        *fields, (lines, computed) = await asyncio.gather(
            plane.finish(served.field, readings.amounts, start),
            plane.finish(served.field, readings.dates, start),
            plane.finish(served.field, readings.numbers, start),
            plane.finish(served.line, readings.lines, start),
        )
        computed = max(computed, *(moment for _, moment in fields))
        amounts, dates, numbers = (predictions for predictions, _ in fields)
        read = FieldPredictions(amounts, dates, numbers, lines)
        combined = check_recognizer.combine(checks, read, models, expected)
    except BaseException:
        for model in served.all:
            model.statistics.fail.add(time.perf_counter_ns() - start)
        raise
    for model in served.all:
        model.statistics.record_success(start, computed, time.perf_counter_ns())
    return served.all, combined
