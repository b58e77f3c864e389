"""The whole report of the tiny run."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.digits import Dataset
from pipeline.run import Run
from serving.errors import CheckreaderError
from tests.support import tiny_run
from tests.support.html import Checked
from tests.support.tiny_report import BUDGET, VARIANTS

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Keras, of its own use of NumPy
    from pipeline.report import architecture_training, report


def test_every_chapter(html: str) -> None:
    found = Checked.of(html)
    assert found.titles[0] == "LeNet-5, run run"
    chapters = [title for title in found.titles if title[1:3] == ". "]
    assert chapters == [
        "1. The network",
        "2. What it learned",
        "3. What its parts buy",
        "4. How good it is",
        "5. How it fails",
    ]


def test_nothing_is_fetched(html: str) -> None:
    found = Checked.of(html)
    assert found.addresses == []
    assert found.images > 100
    assert "<script" not in html
    for scheme in ("http://", "https://", "//cdn", "file:"):
        rest = html.replace("http://www.w3.org/2000/svg", "")
        assert scheme not in rest


def test_light_dark_and_print(html: str) -> None:
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html
    assert 'name="viewport"' in html


def test_every_picture_is_in_the_page_and_beside_it(finished: Run, reported: dict, html: str) -> None:
    names = {Path(name).name for name in reported["files"] if "/pictures/" in name}
    assert {"feature-maps.png", "filters-c1.png", "misread.png", "codes.png", "corrupted.png"} <= names
    assert {"parts.svg", "confusion.svg", "formats.svg", "agreement-int8.svg", "rotation.svg"} <= names
    assert html.count("<svg") == sum(name.endswith(".svg") for name in names)
    for name in names:
        assert (finished / "report" / "pictures" / name).stat().st_size > 100


def test_the_record_holds_the_numbers(finished: Run, reported: dict, digits: Dataset) -> None:
    assert finished.require("report") == json.loads(json.dumps(reported))
    corruptions = reported["failures"]["corruptions"]
    assert len(corruptions["kinds"]) == 15
    assert corruptions["n"] == len(digits.test.labels)
    raw = [one["raw"] for one in corruptions["kinds"].values()]
    assert corruptions["mean"]["raw"] == pytest.approx(np.mean(raw))
    evaluated = finished.require("evaluate")["families"]["lenet5"]
    assert corruptions["clean"] == pytest.approx(evaluated["accuracy"]["value"])
    assert reported["quality"]["calibration_error"] == pytest.approx(
        evaluated["calibration_error"]["after"], abs=1e-6
    )
    assert set(reported["parts"]["comparisons"]) == {variant.name for variant in VARIANTS}
    assert next(one["layer"] for one in reported["quality"]["int8_layers"]) == "c1"


def test_numbers_in_the_page_are_the_records(reported: dict, html: str) -> None:
    mean = reported["failures"]["corruptions"]["mean"]
    assert f"{mean['raw']:.1%}" in html
    assert f"{mean['normalized']:.1%}" in html
    for one in reported["parts"]["comparisons"].values():
        assert f"{one['accuracy']:.2%}" in html


def test_trains_nothing_twice(finished: Run, reported: dict, digits: Dataset, monkeypatch) -> None:
    monkeypatch.setattr(architecture_training, "train_variant", lambda *_: pytest.fail("trained again"))
    monkeypatch.setattr(report, "CHAPTERS", ())
    monkeypatch.setattr(report.overview, "sentences", lambda *_: [])
    monkeypatch.setattr(report.page, "write", lambda *_: [])
    monkeypatch.setattr(Run, "record", lambda *_, **content: content)
    report.report(finished, digits, BUDGET, VARIANTS)


def test_summary(finished: Run, reported: dict) -> None:
    assert "mean accuracy under 15 corruptions" in report.summary(reported, finished)


def test_before_it_is_measured(exported: Run, digits: Dataset, tmp_path: Path) -> None:
    with pytest.raises(CheckreaderError, match=r"train.json: not found"):
        report.report(Run(tmp_path), digits)
    run = tiny_run.copied(tmp_path)
    (run / "verify.json").unlink(missing_ok=True)  # where another test has verified the run
    with pytest.raises(CheckreaderError, match=r"verify.json: not found: run `checkreader verify --run"):
        report.report(run, digits)


def test_training_facts() -> None:
    assert report.training_facts({"distillation": 0.0, "defects": 0.0}) == []
    assert report.training_facts({"distillation": 0.9, "defects": 0.3}) == [
        ("training", "a teacher for 90% of the loss, defects on 30% of the pictures")
    ]
