from __future__ import annotations

import functools
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.release import own_data
from pipeline.synthesis import nondigits
from serving.cli.main import main
from serving.repository.store import Repository
from tests.support import tiny_field
from tests.support.command_line import failed
from tests.support.paths import ROOT


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHECKREADER_MODELS", raising=False)
    return tmp_path


@pytest.fixture
def scans(here: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The released golden digits, twice, as a user's pictures."""
    for path in (ROOT / "models" / "golden").glob("[0-9]?.png"):
        (here / "scans" / path.name[0]).mkdir(parents=True, exist_ok=True)
        for name in ("a", "b"):
            shutil.copyfile(path, here / "scans" / path.name[0] / f"{name}{path.name}")
    monkeypatch.setattr(own_data, "NONDIGITS", 50)
    return "scans"


def blank_pictures(count: int, wanted: int, part: object) -> np.ndarray:
    """Returns fewer pictures that are no digit, and takes no time to draw them."""
    return np.zeros((count, 28, 28), np.uint8)


@pytest.mark.slow
def test_digits(scans: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "--models", "mine", "--data", scans, "--name", "bank"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "lenet5: calibrated on 30 pictures of bank"
    assert lines[1].startswith("  no threshold for max_error ")
    assert any(line.startswith("lenet5: no longer certified: max_error 0.0") for line in lines)
    assert "`checkreader release --roll-back --models mine` brings that back" in lines
    assert "no error bound is certified" in lines[-3]
    assert lines[-1] == "next: checkreader evaluate --models mine --data scans --name bank"
    assert main(["evaluate", "--models", "mine", "--data", scans, "--name", "bank", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["families"]["lenet5"]["accuracy"]["n"] == 10
    accuracy = Repository.open("mine").model("lenet5").accuracy
    assert accuracy is not None
    assert accuracy.data == "bank test"


@pytest.mark.slow
def test_the_labels_say_that_it_is_fields(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "fields").mkdir()
    tiny_field.written(here / "fields", 5)
    assert main(["evaluate", "--models", "mine", "--data", "fields"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("lenet5-field: fields: ")
    assert lines[-1] == "next: checkreader serve --models mine"


def test_a_folder_that_cannot_be_written(
    scans: str, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calibrating is refused before it begins, and what was measured is shown all the same."""

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(30, "Read-only file system", "mine/records")

    own_data.open_models(here / "mine")
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    monkeypatch.setattr(own_data, "write_json", refuse)
    monkeypatch.setattr(nondigits, "pictures", functools.partial(blank_pictures, 20))
    assert main(["evaluate", "--models", "mine", "--data", scans]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("lenet5: ")
    assert "mine: cannot be written (Read-only file system): its manifest and card do not say so" in lines
    assert failed(capsys, "calibrate", "--models", "mine", "--data", scans) == (
        "error: mine: cannot be written: Read-only file system"
    )
    assert failed(capsys, "calibrate", "--models", "new", "--data", scans) == (
        "error: new: cannot be written: Read-only file system"
    )
    assert not (here / "new").exists()


@pytest.mark.parametrize("stage", ["evaluate", "calibrate"])
def test_a_folder_of_other_files(stage: str, scans: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(Path(scans).rglob("*"))
    assert failed(capsys, stage, "--models", scans, "--data", scans) == (
        "error: scans: has files in it, and no models (manifest.json): name a new or an empty folder"
    )
    assert sorted(Path(scans).rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "mine", "--run", "x", "--data", "y"], "--models and --run: choose one"),
        (["--models", "mine"], "needs --data"),
        (["--models", "mine", "--data", "nowhere"], "--data: 'nowhere' is neither a folder or CSV file"),
        (["--models", "mine", "--data", "nowhere", "--task", "field"], "nowhere: no such folder"),
    ],
)
@pytest.mark.parametrize("stage", ["evaluate", "calibrate"])
def test_mistakes(stage: str, arguments: list[str], message: str, here: Path, capsys) -> None:
    assert main([stage, *arguments]) == 1
    assert message in capsys.readouterr().err
    assert list(here.iterdir()) == []
