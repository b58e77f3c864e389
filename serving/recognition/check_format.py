"""Describes what is known of checks before they are read, which models read them, and what is accepted."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from serving.decoding.field_string import FieldFormat, field_format
from serving.decoding.micr import AUTO, require_country
from serving.decoding.thresholds import OperatingPoint, point_of
from serving.errors import CheckreaderError
from serving.manifest import Model
from serving.recognition import check_layout
from serving.recognition.check_layout import Place
from serving.recognition.fields import require_sliding
from serving.recognition.micr import require_micr

TASK: Final = "check"  # of the model that finds the fields


@dataclass(frozen=True)
class CheckFormat:
    """What is known of checks before they are read, by the names of the parameters.

    Attributes:
        locale: how the amount is written, see `field_format`; None = any.
        order: how day, month and year follow each other in the date; None = any.
        country: whose layout the MICR line has, one of `serving.decoding.micr.COUNTRIES`.
        after: the first day that the date may be, as 2024-02-29; None = any.
        before: the last one.
        layout: where the fields lie, as `check_layout.to_text` writes it; None = they are found.

    Raises:
        CheckreaderError: one is unknown or makes no sense.
    """

    locale: str | None = None
    order: str | None = None
    country: str = AUTO
    after: str | None = None
    before: str | None = None
    layout: str | None = None
    kind: Literal["check"] = "check"

    def __post_init__(self) -> None:
        require_country(self.country)
        _ = self.amount, self.date, self.places  # each raises where it makes no sense

    @functools.cached_property
    def amount(self) -> FieldFormat:
        """The format of the amount."""
        return field_format("amount", locale=self.locale)

    @functools.cached_property
    def date(self) -> FieldFormat:
        """The format of the date."""
        return field_format("date", order=self.order, after=self.after, before=self.before)

    @property
    def number(self) -> FieldFormat:
        """The format of the check's number."""
        return FieldFormat("number")

    @property
    def is_window(self) -> bool:
        """Whether the date has to lie between days that were named."""
        return self.after is not None or self.before is not None

    @functools.cached_property
    def places(self) -> Mapping[str, Place]:
        """The layout; empty where the fields are found."""
        return {} if self.layout is None else check_layout.parse(self.layout)


@dataclass(frozen=True)
class NamedModel:
    """A model's name and its entry in the manifest."""

    name: str
    model: Model


@dataclass(frozen=True)
class CheckPoint:
    """What is accepted of checks, at the wanted bound for each field.

    Attributes:
        field: for amount, date and number.
        line: for the MICR line.
    """

    field: OperatingPoint
    line: OperatingPoint

    @property
    def max_error(self) -> float:
        """The check's own wanted bound: the sum of the amount's and the MICR line's, as either may be wrong."""
        return _sum(self.field.max_error, self.line.max_error)

    @property
    def applied_max_error(self) -> float | None:
        """The sum of the certified bounds that are applied; None: nothing is accepted."""
        field, line = self.field.applied_max_error, self.line.applied_max_error
        return None if field is None or line is None else _sum(field, line)

    @property
    def bounds(self) -> dict[str, float | None]:
        """Both under the names that every answer gives them."""
        return {"max_error": self.max_error, "applied_max_error": self.applied_max_error}

    @property
    def least_confidence(self) -> str | None:
        """The thresholds of the field and the line; None: nothing is accepted."""
        thresholds = self.field.threshold, self.line.threshold
        if thresholds[0] is None or thresholds[1] is None:
            return None
        return f"{thresholds[0].threshold},{thresholds[1].threshold}"

    def __str__(self) -> str:
        return f"amount, date, number: {self.field}; MICR line: {self.line}"


@dataclass(frozen=True)
class CheckModels:
    """The models that read checks; made by `check_models`.

    Attributes:
        field: reads amount, date and number.
        line: reads the MICR line.
        locator: finds the fields; None where a layout names their places.
        point: what is accepted.
    """

    field: NamedModel
    line: NamedModel
    locator: NamedModel | None
    point: CheckPoint

    @property
    def all(self) -> tuple[NamedModel, ...]:
        """Every one of them."""
        models = self.locator, self.field, self.line
        return tuple(model for model in models if model is not None)


def check_models(
    field: NamedModel, line: NamedModel, locator: NamedModel | None, max_error: float | None = None
) -> CheckModels:
    """Makes `CheckModels`.

    Args:
        field, line, locator: the models.
        max_error: the wanted error bound of each field; None = each model's default.

    Raises:
        CheckreaderError: a model is of another task, or the bound is no share.
    """
    require_sliding(field.name, field.model)
    require_micr(line.name, line.model)
    if locator is not None and locator.model.task != TASK:
        raise CheckreaderError(f"model {locator.name!r} does not find fields on checks")
    point = CheckPoint(point_of(field.model, max_error), point_of(line.model, max_error))
    return CheckModels(field, line, locator, point)


def _sum(first: float, second: float) -> float:
    return round(min(first + second, 1.0), 9)  # 0.1 + 0.2 is 0.3
