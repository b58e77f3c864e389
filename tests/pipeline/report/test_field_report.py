"""The whole report of the tiny field run."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.data import labeled_fields
from pipeline.data.labeled_fields import Labeled
from pipeline.evaluation import field_run
from pipeline.report import field_report
from pipeline.run import Run
from serving.errors import CheckreaderError
from tests.support import tiny_field
from tests.support.html import Checked

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

LABEL = r"(?<![\d.])90807(?!\d)"  # no part of a coordinate


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that was evaluated on `fields`, twelve printed fields, of which two labels are wrong."""
    folder = tmp_path_factory.mktemp("fields")
    (folder / "fields").mkdir()
    tiny_field.written(folder / "fields", 12)
    labels = folder / "fields" / "labels.csv"
    lines = labels.read_text().splitlines()
    lines[1:3] = [f"{line.split(',')[0]},90807" for line in lines[1:3]]
    labels.write_text("\n".join(lines) + "\n")
    (folder / "runs").mkdir()
    shutil.move(tiny_field.copied(folder).path, folder / "runs" / "field")
    return folder


@pytest.fixture(scope="module")
def labeled(folder: Path) -> Labeled:
    return labeled_fields.load(folder / "fields")


@pytest.fixture(scope="module")
def run(folder: Path, labeled: Labeled) -> Run:
    run = Run(folder / "runs" / "field")
    field_run.evaluate(run, labeled, nonfield_count=6, invented=3)
    return run


def page(run: Run) -> str:
    return (run / "report" / "index.html").read_text()


def test_without_a_name_nothing_of_the_fields_is_in_it(run: Run, labeled: Labeled) -> None:
    record = field_report.report(run)
    html = page(run)
    titles = Checked.of(html).titles
    assert titles[0] == "LeNet-5 for fields, run field"
    assert [title for title in titles if title[1:3] == ". "] == [
        "1. The network",
        "2. How well it reads",
        "3. fields",
    ]
    assert (Checked.of(html).addresses, Checked.of(html).images) == ([], 0)
    assert not re.search(LABEL, html)
    assert not re.search(LABEL, str(record))
    assert not any(f">{file}<" in html for file in labeled.files)
    assert "`checkreader report --run field --pictures FOLDER` shows the" in html
    assert run.require("report")["pictures"] == []
    exact = record["sets"]["fields"]["lenet5-field"]["exact"]
    assert f"{exact:.1%}" in html
    assert "set-1-length.svg" in {Path(name).name for name in record["files"]}


def test_with_their_pictures(run: Run, labeled: Labeled) -> None:
    record = field_report.report(run, [labeled])
    html = page(run)
    worst = run.require("evaluate")["families"]["lenet5-field"]["worst"]
    assert Checked.of(html).images == 2 * len(worst)  # as they are and normalized
    assert html.count("90807 read as") == 2
    assert "It shows pictures and labels of fields: keep it as private as these are." in html
    assert record["pictures"] == ["fields"]
    assert (run / "report" / "pictures" / "set-1-worst.png").exists()
    field_report.report(run)
    assert not (run / "report" / "pictures" / "set-1-worst.png").exists()


def test_the_command(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert cli.main(["report", "--run", "field", "--pictures", "fields"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"runs{os.sep}field{os.sep}report{os.sep}index.html: fields",
        "next: checkreader verify --run field",
    ]
    assert "90807 read as" in page(run)
    tiny_field.written(folder / "fields", 3)
    with pytest.raises(
        CheckreaderError,
        match="--pictures fields: runs/field was not evaluated on these fields as they are now",
    ):
        cli.main(["report", "--run", "field", "--pictures", "fields"])
