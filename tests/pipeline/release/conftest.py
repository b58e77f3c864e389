"""A finished digit run and its release, for all tests of this folder; nobody may change them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.release import digit, release
from pipeline.run import Run
from tests.support import tiny_run
from tests.support.tiny_release import finish, training_pictures_as_drawings


@pytest.fixture(scope="session")
def digit_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with the record of every stage."""
    return finish(tiny_run.copied(tmp_path_factory.mktemp("finished")), "digit")


@pytest.fixture(scope="session")
def digit_models(digit_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its release."""
    folder = tmp_path_factory.mktemp("released") / "models"
    with training_pictures_as_drawings():
        release.release(digit_run, folder, digit.RELEASE)
    return folder


@pytest.fixture
def run(digit_run: Run, tmp_path: Path) -> Run:
    """A copy of the run, to spoil."""
    shutil.copytree(digit_run.path, tmp_path / "runs" / "mine")
    return Run(tmp_path / "runs" / "mine")


@pytest.fixture
def models(digit_models: Path, tmp_path: Path) -> Path:
    """A copy of the release, to change."""
    shutil.copytree(digit_models, tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def real_digits() -> Iterator[None]:
    with training_pictures_as_drawings():
        yield
