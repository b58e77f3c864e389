"""Query parameters of `POST /checks` and its reply."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from serving.decoding.micr import AUTO
from serving.engine.served_model import ServedModel
from serving.protocol.pictures import Model, parse_max_error, unique_parameters
from serving.recognition.check import CheckPrediction
from serving.recognition.check_format import CheckFormat

PARAMETERS: Final = ("locale", "order", "country", "after", "before", "max_error", "layout")


@dataclass(frozen=True)
class CheckQuery:
    """The URL's parameters.

    Attributes:
        expected: what is known of the checks.
        max_error: the wanted error bound of each field; None: each model's default.
    """

    expected: CheckFormat
    max_error: float | None


def parse_query(parameters: Iterable[tuple[str, str]]) -> CheckQuery:
    """Reads the URL's parameters, names and values; one that is misspelled is refused, not ignored.

    Raises:
        CheckreaderError: one is unknown, given twice or makes no sense.
    """
    values = unique_parameters(parameters, PARAMETERS)
    expected = CheckFormat(
        locale=values.get("locale"),
        order=values.get("order"),
        country=values.get("country", AUTO),
        after=values.get("after"),
        before=values.get("before"),
        layout=values.get("layout"),
    )
    return CheckQuery(expected, parse_max_error(values["max_error"]) if "max_error" in values else None)


class ChecksResponse(msgspec.Struct, frozen=True):
    """The reply of `/checks`: the models that read, and a reading for each page of each picture."""

    models: list[Model]
    checks: list[CheckPrediction]


def render(served: Sequence[ServedModel], readings: list[CheckPrediction]) -> bytes:
    """Returns the reply as JSON."""
    models = [Model(model.name, model.version) for model in served]
    return msgspec.json.encode(ChecksResponse(models, readings))
