import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import ceiling
from pipeline.data import digits as data
from pipeline.metrics import calibration
from tests.support import tiny_run


def test_means_over_seeds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Measured a second time, a run keeps the seconds of its training."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file = tmp_path / "ceiling.json"
    digits = data.load("digits")
    ceiling.add(file, "labels", 0, {"log_loss": 0.5, "seconds": 7.0}, digits)
    ceiling.add(file, "labels", 1, {"log_loss": 0.25, "seconds": 9.0}, digits)
    ceiling.add(file, "labels", 0, {"log_loss": 0.75}, digits)
    record = json.loads(file.read_text())
    assert record["validation_pictures"] == 177
    labels = record["recipes"]["labels"]
    assert labels["seeds"] == {
        "0": {"log_loss": 0.75, "seconds": 7.0},
        "1": {"log_loss": 0.25, "seconds": 9.0},
    }
    assert (labels["mean"], labels["mean_over_seeds"]) == ({"log_loss": 0.5}, 2)


@pytest.mark.slow
def test_measured_as_training_calibrated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calibration gives what the run's training gave; so small a run supports no threshold."""
    run, validation = tiny_run.trained(), tiny_run.digits().validation
    fitted, fit = [], calibration.fit
    monkeypatch.setattr(calibration, "fit", lambda *arguments: fitted.append(fit(*arguments)) or fitted[-1])
    point = SimpleNamespace(threshold=SimpleNamespace(accepted=0.5))
    monkeypatch.setattr(ceiling, "operating_point", lambda *_: point)
    scores, record = ceiling.measure(run, validation), run.require("train")
    assert scores["validation_accuracy"] == pytest.approx(record["metrics"]["validation_accuracy"])
    assert (scores["accepted"], 0 < scores["log_loss"] < 1) == (0.5, True)
    assert fitted[0].least_evidence == pytest.approx(record["calibration"]["least_evidence"], rel=1e-3)
    assert fitted[0].temperature == pytest.approx(record["calibration"]["temperature"], rel=1e-3)


def test_scores() -> None:
    """Of ten answers nine are right; the temperature that fits them gives the log-loss."""
    labels = np.arange(10, dtype=np.uint8)
    logits = 9 * np.eye(10, dtype=np.float32)
    logits[3] = np.roll(logits[3], 1)
    scores = ceiling.scores(logits, labels)
    assert scores["validation_accuracy"] == pytest.approx(0.9)
    expected = -0.9 * np.log(0.9) - 0.1 * np.log(0.1 / 9)  # each wrong digit as likely as the errors say
    assert scores["log_loss"] == pytest.approx(expected, abs=1e-3)
