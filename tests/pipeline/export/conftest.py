from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.run import Run


@pytest.fixture
def copy(quantized: Run, tmp_path: Path) -> Run:
    """The quantized run, free to be changed."""
    shutil.copytree(quantized.path, tmp_path / "run", ignore=shutil.ignore_patterns("export*", "tensorboard"))
    return Run(tmp_path / "run")
