from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipeline.config import QuantizeConfig
from pipeline.data.digits import Dataset
from pipeline.evaluation import compression
from pipeline.run import Run

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SHORT = QuantizeConfig(steps=8, batch=32, learning_rate=1e-3, calibration=50)


@pytest.fixture
def trained_copy(trained: Run, tmp_path: Path) -> Run:
    """The trained run, free to be changed."""
    for name in ("train.json", "float.keras"):
        shutil.copy(trained / name, tmp_path / name)
    return Run(tmp_path)


@pytest.mark.slow
def test_compare_measures_six_networks_and_pruned_weights_stay_zero(
    trained_copy: Run, digits: Dataset
) -> None:
    record = compression.compare(trained_copy, SHORT, digits)
    rows = {(row["compression"], row["quantization"]): row for row in record["rows"]}
    assert set(rows) == {(a, b) for a in ("none", "prune", "cluster") for b in ("float", "qat")}
    for method in ("float", "qat"):
        assert rows["prune", method]["gzip_bytes"] < 0.9 * rows["none", method]["gzip_bytes"]
    assert rows["cluster", "float"]["gzip_bytes"] < 0.5 * rows["none", "float"]["gzip_bytes"]
    assert json.loads((trained_copy / "compression.json").read_text())["rows"] == record["rows"]
    assert len(compression.summary(record).splitlines()) == 7
