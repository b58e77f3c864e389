"""The models that read checks, as a repository has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from serving.errors import CheckreaderError
from serving.recognition.check_format import CheckFormat
from serving.repository import check_models
from serving.repository.store import Repository
from tests.support.whole_checks import layout_text

LAYOUT = CheckFormat(layout=layout_text())


def test_a_layout_needs_no_finder(micr_models: Path) -> None:
    repository = Repository.open(micr_models)
    models = check_models.choose(repository, LAYOUT, 0.02)
    assert [entry.name for entry in models.all] == ["lenet5-field", "lenet5-micr"]
    assert models.point.max_error == 0.04
    recognize = check_models.load(repository, models, LAYOUT, threads=1)
    assert recognize.models == models


def test_without_a_layout_one_is_needed(micr_models: Path) -> None:
    with pytest.raises(
        CheckreaderError, match=r"no model finds the fields of checks: .*; name their places by a layout"
    ):
        check_models.choose(Repository.open(micr_models), CheckFormat())


def test_the_first_that_finds_fields_is_chosen(micr_models: Path) -> None:
    repository = Repository.open(micr_models)
    finder = msgspec.structs.replace(repository.model("lenet5-features"), task="check")
    entries = {"check-fields": finder, "check-fields-int8": finder, **repository.manifest.models}
    manifest = msgspec.structs.replace(repository.manifest, models=entries)
    models = check_models.choose(replace(repository, manifest=manifest), CheckFormat())
    assert [entry.name for entry in models.all] == ["check-fields", "lenet5-field", "lenet5-micr"]
    assert models.locator is not None
    without = check_models.choose(replace(repository, manifest=manifest), LAYOUT)
    assert without.locator is None


def test_models_that_are_missing_are_named(models: Path) -> None:
    with pytest.raises(CheckreaderError, match="no model reads MICR lines"):
        check_models.choose(Repository.open(models), LAYOUT)


def test_the_bound_is_checked(micr_models: Path) -> None:
    with pytest.raises(CheckreaderError, match="max_error must be"):
        check_models.choose(Repository.open(micr_models), LAYOUT, 2.0)
