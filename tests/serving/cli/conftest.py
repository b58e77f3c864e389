"""Fixtures for the commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tiny import png, seven


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "seven.png"
    file.write_bytes(png(seven()))
    return file


@pytest.fixture
def released(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command uses the tiny models."""
    monkeypatch.setenv("CHECKREADER_MODELS", str(models))
