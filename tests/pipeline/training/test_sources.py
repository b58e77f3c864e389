from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import TrainConfig
from pipeline.data import digits
from pipeline.synthesis import drawn_digits
from pipeline.training import sources
from tests.support import unipen_files

CONFIG = TrainConfig(data="digits", unipen=0.2, invented=0.1, passes=1)


def test_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(drawn_digits, "WRITERS", 1)
    monkeypatch.setattr(drawn_digits, "VALIDATION_WRITERS", 1)
    monkeypatch.setattr(drawn_digits, "PAPERS", 1)
    unipen_files.write_digits(tmp_path / "unipen", ["abc", "app", "ced"], copies=1)
    data = digits.load("digits")
    mixture = sources.load(CONFIG, data, tmp_path)
    assert {source.name: source.share for source in mixture.sources} == pytest.approx(
        {"digits": 0.7, "unipen": 0.2, "invented": 0.1}
    )
    certifying = len(data.validation.labels) + len(mixture.validations["unipen"].labels)
    assert len(mixture.validation.labels) == certifying
    assert capsys.readouterr().err == ""


def test_other_hands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same validation digits, without drawing any to train on; without UNIPEN the invented ones."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(drawn_digits, "WRITERS", 1)
    monkeypatch.setattr(drawn_digits, "VALIDATION_WRITERS", 1)
    monkeypatch.setattr(drawn_digits, "PAPERS", 1)
    assert sources.other_hands(CONFIG, tmp_path).keys() == {"invented"}
    unipen_files.write_digits(tmp_path / "unipen", ["abc", "app", "ced"], copies=1)
    hands = sources.other_hands(CONFIG, tmp_path)
    assert not list(tmp_path.rglob("pass-*.npy"))
    validations = sources.load(CONFIG, digits.load("digits"), tmp_path).validations
    assert hands.keys() == {"unipen", "unipen_unfiltered", "invented"} == validations.keys() - {"digits"}
    for name, split in hands.items():
        np.testing.assert_array_equal(split.images, validations[name].images)
    assert sources.other_hands(dataclasses.replace(CONFIG, unipen=0.0, invented=0.0), tmp_path) == {}
    assert capsys.readouterr().err == ""


def test_without_unipen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = digits.load("digits")
    mixture = sources.load(CONFIG, data, tmp_path)
    assert [(source.name, source.share) for source in mixture.sources] == [("digits", 1.0)]
    assert capsys.readouterr().err.startswith("UNIPEN not found: training on DIGITS alone, so crossed sevens")


def test_without_shares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Own data are trained on as they are."""
    alone = dataclasses.replace(CONFIG, unipen=0.0, invented=0.0)
    assert len(sources.load(alone, digits.load("digits"), tmp_path).sources) == 1
    assert capsys.readouterr().err == ""
