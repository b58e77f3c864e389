from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipeline.release import own_data
from serving.cli.main import main
from serving.repository.store import Repository
from tests.support import tiny_field
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow


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


def test_digits(scans: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "--models", "mine", "--data", scans, "--name", "bank"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "lenet5: calibrated on 30 pictures of bank"
    assert "no error bound is certified" in lines[-3]
    assert lines[-1] == "next: checkreader evaluate --models mine --data scans --name bank"
    assert main(["evaluate", "--models", "mine", "--data", scans, "--name", "bank", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["families"]["lenet5"]["accuracy"]["n"] == 10
    accuracy = Repository.open("mine").model("lenet5").accuracy
    assert accuracy is not None
    assert accuracy.data == "bank test"


def test_the_labels_say_that_it_is_fields(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "fields").mkdir()
    tiny_field.written(here / "fields", 5)
    assert main(["evaluate", "--models", "mine", "--data", "fields"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("lenet5-field: fields: ")
    assert lines[-1] == "next: checkreader serve --models mine"


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
