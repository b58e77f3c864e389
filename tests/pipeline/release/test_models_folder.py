from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest

from pipeline.release import models_folder
from pipeline.run import write_bytes
from serving.errors import CheckreaderError
from tests.support.paths import ROOT
from tests.support.tiny import write_models


def paths(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


def test_every_file_of_the_release_is_a_release_s() -> None:
    assert models_folder.files(ROOT / "models") == paths(ROOT / "models")


def test_a_user_s_files_are_none(tmp_path: Path) -> None:
    models = write_models(tmp_path / "models")
    release = models_folder.files(models)
    assert release == paths(models)
    for name in ("later.txt", "golden/mine.png", "records/notes.json", "repository/lenet5/1/model.txt"):
        (models / name).parent.mkdir(exist_ok=True)
        (models / name).write_text("mine")
    assert models_folder.files(models) == release


def test_a_manifest_that_leads_elsewhere(tmp_path: Path) -> None:
    models = write_models(tmp_path / "models")
    release = models_folder.files(models)
    (tmp_path / "outside").write_text("somebody's")
    manifest = json.loads((models / "manifest.json").read_text())
    artifacts = manifest["models"]["lenet5"]["artifacts"]
    artifacts += [{**artifacts[0], "path": path} for path in ("../outside", str(tmp_path / "outside"))]
    (models / "manifest.json").write_text(json.dumps(manifest))
    assert models_folder.files(models) == release


def test_a_golden_set_that_is_gone(tmp_path: Path) -> None:
    models = write_models(tmp_path / "models")
    (models / "golden" / "digits.json").write_text("{")
    left = {Path("golden/7a.png"), Path("golden/7b.png")}
    assert models_folder.files(models) == paths(models) - left


def test_no_place_for_models(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    models_folder.require_room(folder)
    (folder / "lost+found").mkdir(parents=True)
    models_folder.require_room(folder)
    (folder / "README.md").write_text("mine")
    with pytest.raises(CheckreaderError, match=r"project: has files in it, and no models \(manifest\.json\)"):
        models_folder.require_room(folder)
    with pytest.raises(CheckreaderError, match=r"project/README\.md: is a file"):
        models_folder.require_room(folder / "README.md")
    write_models(folder)
    models_folder.require_room(folder)


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(dir: Path) -> None:
        raise OSError(30, "Read-only file system", f"{dir}/tmp1234")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(CheckreaderError, match=r"models: cannot be written: Read-only file system$"):
        models_folder.require_writable(tmp_path / "models")


@pytest.mark.parametrize("there", [True, False])
def test_staged_files_take_their_places_together(tmp_path: Path, there: bool) -> None:
    models = tmp_path / "some" / "models"
    if there:
        models.mkdir(parents=True)
    with models_folder.staged(models) as new:
        write_bytes(new / "golden" / "a", b"new")
        write_bytes(new / "manifest.json", b"{}")
        assert not (models / "manifest.json").exists()
    assert paths(models) == {Path("golden/a"), Path("manifest.json")}
    assert {path.name for path in models.iterdir()} == {"golden", "manifest.json"}


def test_a_failure_names_the_file_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(self))

    def write() -> None:
        with models_folder.staged(tmp_path / "some" / "models") as new:
            write_bytes(new / "golden" / "a", b"new")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write()
    assert caught.value.filename == str(tmp_path / "some" / "models" / "golden" / "a")
    assert list(tmp_path.iterdir()) == []


def test_folders_that_become_empty_go(tmp_path: Path) -> None:
    models, target = tmp_path / "models", tmp_path / "target"
    write_models(models)
    (models / "golden" / "mine.png").write_bytes(b"mine")
    models_folder.move(models, target, models_folder.files(models))
    assert paths(models) == {Path("golden/mine.png")}
    assert not (models / "repository").exists()
    (target / "mine").mkdir()
    models_folder.remove(target, models_folder.files(target))
    assert list(target.iterdir()) == [target / "mine"]
    shutil.rmtree(target)
    models_folder.remove(target, [Path("a/b")])  # nothing more to do
