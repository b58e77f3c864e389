import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import ceiling
from pipeline import data


def test_means_over_seeds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Measured a second time, a run keeps the seconds of its training."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(ceiling, "RESULT", tmp_path / "ceiling.json")
    digits = data.load("digits")
    ceiling.add("labels", 0, {"log_loss": 0.5, "seconds": 7.0}, digits)
    ceiling.add("labels", 1, {"log_loss": 0.25, "seconds": 9.0}, digits)
    ceiling.add("labels", 0, {"log_loss": 0.75}, digits)
    found = json.loads(ceiling.RESULT.read_text())
    assert found["validation_pictures"] == 177
    labels = found["recipes"]["labels"]
    assert labels["seeds"] == {
        "0": {"log_loss": 0.75, "seconds": 7.0},
        "1": {"log_loss": 0.25, "seconds": 9.0},
    }
    assert (labels["mean"], labels["mean_over_seeds"]) == ({"log_loss": 0.5}, 2)


def test_scores() -> None:
    """Of ten answers nine are right; the temperature that fits them gives the log-loss."""
    labels = np.arange(10, dtype=np.uint8)
    logits = 9 * np.eye(10, dtype=np.float32)
    logits[3] = np.roll(logits[3], 1)
    found = ceiling.scores(logits, labels)
    assert found["validation_accuracy"] == pytest.approx(0.9)
    expected = -0.9 * np.log(0.9) - 0.1 * np.log(0.1 / 9)  # each wrong digit as likely as the errors say
    assert found["log_loss"] == pytest.approx(expected, abs=1e-3)
