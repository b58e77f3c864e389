"""Folders that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.bulk.new_folder import require_new, writing
from serving.errors import CheckreaderError


@pytest.mark.parametrize("exists", [False, True])
def test_it_is_there_at_the_end(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "deep" / "new"
    if exists:
        folder.mkdir(parents=True)
    with writing(folder) as hidden:
        (hidden / "a").write_text("1")
        assert not folder.exists() or not any(folder.iterdir())
    assert (folder / "a").read_text() == "1"
    assert [path.name for path in folder.parent.iterdir()] == ["new"]
    assert folder.stat().st_mode & 0o077 == 0


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with writing(tmp_path / "new") as hidden:
            (hidden / "a").write_text("1")
            (hidden / "missing" / "b").write_text("2")

    with pytest.raises(FileNotFoundError) as failure:
        fail()
    assert failure.value.filename == str(tmp_path / "new" / "missing" / "b")
    assert not any(tmp_path.iterdir())


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".new.new").mkdir()
    (tmp_path / ".new.new" / "old").write_text("half")
    with writing(tmp_path / "new"):
        pass
    assert not any((tmp_path / "new").iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for folder, message in ((tmp_path, "not empty"), (tmp_path / "file", "not a folder")):
        with pytest.raises(CheckreaderError, match=message):
            require_new(folder)
        with pytest.raises(CheckreaderError, match=message), writing(folder):
            pass
    assert (tmp_path / "file").read_text() == "mine"
