"""What must not be accepted is what it is said to be, and everything is counted through the recognizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import micr
from pipeline.data.labeled_lines import LabeledLines
from serving.decoding import check_digits
from serving.decoding.micr import parse
from serving.manifest import Threshold
from serving.recognition.micr import MicrCheckDigit, MicrPrediction
from tests.support import tiny_micr
from tests.support.micr_lines import NAME, TEXT, write_micr_models

WHOLE = np.full((40, 200), 255, np.uint8)
POINT = Threshold(0.02, 0.5, 0.0, 0.0, 0.0, 1.0, 10)


def prediction(text: str, confidence: float, reason: str | None = None, before: str = "") -> MicrPrediction:
    check = MicrCheckDigit("aba", False, before) if before else None
    return MicrPrediction(1, text, "", None, {}, check, confidence, reason is None, reason, [])


def test_counts() -> None:
    labeled = LabeledLines("lines", (), ("12", "34", "56"), ("a", "b", "b"), "")
    predictions = [
        prediction("1 2", 0.9),
        prediction("34", 0.8, "corrected", before="35"),  # what was read counts
        prediction("56", 0.7, "a part of a line"),
    ]
    record = micr.counts(labeled, [WHOLE] * 3, predictions, [POINT])
    assert record["exact"]["value"] == pytest.approx(2 / 3)
    accepted = {entry["name"]: (entry["accepted"], entry["wrong"]) for entry in record["sets"]}
    assert accepted == {
        "lines": (3, 1),
        "groups": (2, 1),
        "lines, by the service": (1, 0),
        "groups, by the service": (1, 0),
    }


def test_altered_lines_fail_their_check_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = []
    draw = micr.micr_lines.draw_line

    def draw_line(rng, stock, text):
        texts.append(text)
        return draw(rng, stock, text)

    monkeypatch.setattr(micr.micr_lines, "draw_line", draw_line)
    assert len(list(micr.altered_lines(5))) == 5
    for text in texts:
        parsed = parse(text, "us")
        routing = next(field.text for field in parsed.fields if field.name == "routing")
        assert not check_digits.satisfies(routing, check_digits.aba())


def test_pictures_without_line_are_of_three_sources() -> None:
    kinds = [kind for kind, _ in micr.pictures_without_line(12)]
    assert (kinds.count("handwritten field"), kinds.count("printed")) == (4, 4)


def test_through_the_recognizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHECKREADER_MODELS", str(write_micr_models(tmp_path / "models")))
    monkeypatch.setattr(micr, "MODELS", (NAME,))
    (tmp_path / "lines").mkdir()
    tiny_micr.written(tmp_path / "lines", [TEXT, TEXT.replace("A021000021A", "A021000022A")])
    record = micr.measure(tmp_path / "lines", altered=2, nonlines=6, timed=2)
    lines = record["lines"]["models"][NAME]
    assert lines["exact"]["value"] == 1.0
    accepted = {entry["name"]: entry["accepted"] for entry in lines["sets"]}
    assert (accepted["lines"], accepted["lines, by the service"]) == (2, 1)
    assert record["nonlines"]["models"][NAME]["accepted"] == [{"max_error": 0.02, "accepted": 0}]
    assert sum(record["nonlines"]["kinds"].values()) == record["nonlines"]["pictures"] == 6
    assert record["altered"]["pictures"] == 2
    assert record["milliseconds"][NAME]["p50"] > 0
    assert "021000021" not in str(record)
