from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from pipeline.release import roll_back
from serving.errors import CheckreaderError
from serving.repository.store import Repository
from tests.support.paths import ROOT
from tests.support.tiny import write_models


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and roll_back.BEFORE not in path.parts
    }


@pytest.fixture
def changed(tmp_path: Path) -> tuple[Path, dict[str, bytes], dict[str, bytes]]:
    """A folder with its second release, and the files of the first and of the second."""
    models = write_models(tmp_path / "models")
    first = files(models)
    roll_back.save(models)
    for folder in (models / "repository").glob("*/1"):
        shutil.rmtree(folder)
    write_models(models, "2")
    (models / "records" / "own" / "digit").mkdir(parents=True)
    (models / "records" / "own" / "digit" / "evaluate.json").write_text("{}")
    return models, first, files(models)


def test_back_and_forth(changed) -> None:
    models, first, second = changed
    assert roll_back.roll_back(models).models["lenet5"].version == "1"
    assert files(models) == first
    assert not (models / "records").exists()
    assert Repository.open(models).load("lenet5").model.version == "1"
    assert roll_back.roll_back(models).models["lenet5"].version == "2"
    assert files(models) == second


def test_the_manifest_changes_last(changed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash in the middle leaves the release that was served."""
    models, _, _ = changed
    replace = Path.replace

    def failing(self: Path, target: Path) -> Path:
        if target.name == "manifest.json":
            raise OSError(5, "Input/output error")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(OSError, match="Input/output"):
        roll_back.roll_back(models)
    manifest = msgspec.json.decode((models / "manifest.json").read_bytes())
    assert manifest["models"]["lenet5"]["version"] == "2"


@pytest.mark.parametrize("once", [False, True])
def test_nothing_before(tmp_path: Path, once: bool) -> None:
    models = tmp_path / "models"
    roll_back.save(models)
    if once:
        write_models(models)
    with pytest.raises(CheckreaderError, match="nothing to roll back to"):
        roll_back.roll_back(models)


def test_only_the_last_is_kept_and_can_be_forgotten(changed) -> None:
    models, _, second = changed
    roll_back.save(models)
    assert files(models) == second
    assert not (models / roll_back.BEFORE / roll_back.BEFORE).exists()
    assert {path: (models / roll_back.BEFORE / path).read_bytes() for path in second} == second
    roll_back.forget(models)
    assert not (models / roll_back.BEFORE).exists()


def test_a_user_s_files_stay_where_they_are(changed) -> None:
    """In the folder and in that of the copy, through a roll-back, the next change, and one that keeps nothing."""
    models, _, _ = changed
    kept = [models / "later.txt", models / "empty" / "folder", models / roll_back.BEFORE / "notes.txt"]
    kept[0].write_text("mine")
    kept[1].mkdir(parents=True)
    kept[2].write_text("mine")
    for change in (roll_back.roll_back, roll_back.save, roll_back.forget):
        change(models)
        assert all(path.exists() for path in kept)
        assert not (models / roll_back.BEFORE / "later.txt").exists()
    assert list((models / roll_back.BEFORE).iterdir()) == [kept[2]]


def test_a_garbled_manifest_is_mended(changed) -> None:
    models, first, _ = changed
    (models / "manifest.json").write_text("{")
    assert roll_back.roll_back(models).models["lenet5"].version == "1"
    assert {path: (models / path).read_bytes() for path in first} == first


@pytest.mark.parametrize("change", [roll_back.save, roll_back.roll_back])
def test_a_failure_names_the_folder(changed, change, monkeypatch: pytest.MonkeyPatch) -> None:
    models, _, second = changed

    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(PermissionError) as caught:
        change(models)
    assert caught.value.filename == str(models)
    assert files(models) == second


WITHOUT_EXTRAS = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        package = name.partition(".")[0]
        own = ("serving", "pipeline", "numpy", "PIL", "msgspec")
        if package in sys.stdlib_module_names or package in own or package.startswith("_"):
            return None
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from serving.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_the_command_needs_nothing_but_what_every_installation_has(changed) -> None:
    """Neither the training extra nor a runtime: where [serve] or [edge] alone is installed, it is the remedy."""
    models, _, _ = changed
    command = [sys.executable, "-c", WITHOUT_EXTRAS, "release", "--roll-back", "--models", str(models)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    bounds = "; ".join(
        f"max_error {bound} from confidence {threshold:.4f}"
        for bound, threshold in ((0.001, 0.99), (0.01, 0.9), (0.1, 0.0))
    )
    assert done.stdout.splitlines() == [
        f"{models}: as before its last change:",
        f"  lenet5 version 1: {bounds}",
        "  lenet5-features version 1",
        f"  lenet5-field version 1: {bounds}",
        f"next: checkreader serve --models {models}",
    ]
