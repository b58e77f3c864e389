from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pipeline.release import roll_back
from serving.errors import CheckreaderError
from serving.repository.store import Repository
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
    write_models(models, "2")
    (models / "new").mkdir()
    (models / "new" / "file").write_text("of the second")
    return models, first, files(models)


def test_back_and_forth(changed) -> None:
    models, first, second = changed
    assert roll_back.roll_back(models).models["lenet5"].version == "1"
    assert files(models) == first
    assert not (models / "new").exists()
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
