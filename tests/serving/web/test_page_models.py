"""What the page is told of the service."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from serving.decoding.amount_grammar import LOCALES
from serving.decoding.micr import COUNTRIES
from serving.manifest import Threshold
from serving.web.page_models import CHOICES, PageModels

SAMPLES: dict[str, list] = {"digits": [], "fields": [], "lines": []}
BOUND = Threshold(0.02, 0.5, 0.0, 0.0, 0.02, 0.9, 180)


def offered(*tasks: str, default: str = "a-digit") -> PageModels:
    """Describes a service that has two models, named a-TASK and b-TASK, of each task."""
    names = [(name, task) for name in "ab" for task in tasks]
    models = {
        f"{name}-{task}": SimpleNamespace(
            name=f"{name}-{task}",
            version="1",
            loaded=SimpleNamespace(model=SimpleNamespace(task=task, thresholds=[BOUND])),
        )
        for name, task in names
    }
    plane = SimpleNamespace(models=models, default=default, settings=SimpleNamespace(max_body=1000))
    return PageModels.of(plane, None, "no module", SAMPLES)


def test_models_are_those_of_a_request_that_names_none() -> None:
    models = offered("digit", "field", "micr", default="b-digit")
    assert (models.digit.model, models.field.model, models.micr.model) == ("b-digit", "a-field", "a-micr")
    assert models.micr.max_error == 0.02
    assert (models.features, models.max_body, models.no_browser) == (None, 1000, "no module")


@pytest.mark.parametrize("missing", [None, "field", "micr", "check"])
def test_checks_need_a_model_that_finds_and_those_that_read(missing: str | None) -> None:
    models = offered(*({"field", "micr", "check"} - {missing}))
    assert (models.check is not None) is (missing is None)


def test_the_choices_are_values_of_the_parameters() -> None:
    assert set(CHOICES["locale"]) <= set(LOCALES)
    assert set(CHOICES["country"]) == set(COUNTRIES) - {"auto"}
    assert "us" in CHOICES["locale"]
    assert CHOICES["scheme"] == ["aba", "luhn", "mod97"]
    assert CHOICES["order"] == ["dmy", "mdy", "ymd"]
