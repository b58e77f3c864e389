from __future__ import annotations

from pathlib import Path

import pytest

from serving.cli import drawings
from serving.errors import CheckreaderError


def test_pages_and_equal_names_get_files_of_their_own(tmp_path: Path) -> None:
    first = drawings.target(tmp_path / "seen", "a/check.jpg", 1, ())
    assert first == tmp_path / "seen" / "check.jpg.png"
    assert drawings.target(tmp_path / "seen", "b/check.jpg", 1, {first}).name == "check.jpg-2.png"
    assert drawings.target(tmp_path / "seen", "-", 2, ()).name == "stdin-page2.png"
    assert drawings.target(tmp_path / "seen.png", "a.tif", 3, ()).name == "seen-page3.png"


def test_names_that_are_refused(tmp_path: Path) -> None:
    drawings.require_name(tmp_path / "seen.png", ["a.png"])
    drawings.require_name(tmp_path / "seen", ["a.png"] * 5)
    with pytest.raises(CheckreaderError, match="5 files are drawn into a folder, not into a picture"):
        drawings.require_name(tmp_path / "seen.png", ["a.png"] * 5)
    with pytest.raises(CheckreaderError, match="neither a folder nor a picture"):
        drawings.require_name(tmp_path / "seen.txt", ["a.png"])
    with pytest.raises(CheckreaderError, match="there is no folder"):
        drawings.require_name(tmp_path / "none" / "seen.png", ["a.png"])
    (tmp_path / "a.png").write_bytes(b"scan")
    with pytest.raises(CheckreaderError, match="is the picture that is read: name another file"):
        drawings.require_name(tmp_path / "a.png", [str(tmp_path / "a.png")])
