"""The model card as a command writes it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.release import card, models_folder
from tests.support.paths import ROOT


def test_the_committed_card_is_the_command_s(tmp_path: Path) -> None:
    """`python -m pipeline.release.card models` would change nothing."""
    models = tmp_path / "models"
    models.mkdir()
    for name in ("records", "manifest.json"):
        (shutil.copytree if name == "records" else shutil.copy)(ROOT / "models" / name, models / name)
    shutil.copytree(ROOT / "benchmarks/results", tmp_path / "benchmarks/results")
    assert card.main([str(models)]) == 0
    assert (models / models_folder.CARD).read_text() == (ROOT / "models" / models_folder.CARD).read_text()


def test_a_folder_without_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert card.main([str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"error: no models in {tmp_path}")
    assert not any(tmp_path.iterdir())
