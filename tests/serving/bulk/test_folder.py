"""What is a picture among the files of a folder, and in which order they come."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from serving.bulk import folder as bulk
from serving.bulk.folder import display_name, one_line, read_file, walk
from serving.errors import CheckreaderError
from tests.support.tiny import png, seven, tiff


def pictures(folder: Path) -> list[str]:
    return [entry.name for entry in walk(str(folder)) if entry.is_picture]


def passed_over(folder: Path) -> list[str]:
    return [entry.name for entry in walk(str(folder)) if not entry.is_picture]


def test_order(folder: Path) -> None:
    (folder / ".hidden").write_bytes(b"")
    (folder / ".git").mkdir()
    (folder / ".git" / "picture.png").write_bytes(png(seven()))
    (folder / "a" / "around").symlink_to(folder)
    (folder / "a" / "nowhere.png").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.png")
    names = pictures(folder)
    assert names[:8] == [*(f"{index:02}.png" for index in range(0, 20, 3)), "a/nowhere.png"]
    assert names[8] == "a/deep/02.png"
    assert len(names) == len(set(names)) == 22
    assert passed_over(folder) == [".git", ".hidden", "pipe.png", "a/around"]


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        list(walk(str(tmp_path / "nowhere")))


@pytest.mark.parametrize(
    "name",
    [
        "README.txt",
        "labels.csv",
        "Thumbs.db",
        "desktop.ini",
        "._scan.png",
        ".DS_Store",
        "letter",
        "a.png.txt",
    ],
)
def test_files_that_are_no_pictures(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x00\x05\x16\x07 no picture")
    (tmp_path / f"{name}.empty.txt").write_bytes(b"")
    assert (pictures(tmp_path), passed_over(tmp_path)) == ([], sorted([name, f"{name}.empty.txt"]))


@pytest.mark.parametrize(
    "name", ["cut.png", "CUT.PNG", "cut.JPeG", "cut.tif", "scan.heic", "scan.pdf", "scan.gif", "a b.webp"]
)
def test_damaged_and_foreign_pictures_are_no_clutter(tmp_path: Path, name: str) -> None:
    """They are read, which says what is wrong with them; nothing that may be a check is passed over."""
    (tmp_path / name).write_bytes(b"")
    assert pictures(tmp_path) == [name]


@pytest.mark.parametrize("name", ["scan", "scan.001", "scan.dat", "scan.png~", "scan.txt"])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "WEBP", "TIFF"])
def test_pictures_by_their_first_bytes(tmp_path: Path, name: str, form: str) -> None:
    (tmp_path / name).write_bytes(tiff(seven()) if form == "TIFF" else png(seven(), form))
    assert pictures(tmp_path) == [name]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything")
def test_a_directory_that_cannot_be_listed(folder: Path) -> None:
    (folder / "a").chmod(0)
    try:
        assert "a" in pictures(folder)
    finally:
        (folder / "a").chmod(0o700)


def test_a_link_to_itself_hides_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "around.png").symlink_to("around.png")
    (tmp_path / "seven.png").write_bytes(png(seven()))
    assert pictures(tmp_path) == ["around.png", "seven.png"]


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MAX_BYTES", 3)
    (tmp_path / "a.png").write_bytes(b"1234")
    with pytest.raises(CheckreaderError, match="file too large for a picture: at most 3 bytes are read"):
        read_file(tmp_path / "a.png")


def test_names_are_text_of_one_line() -> None:
    assert display_name(os.fsdecode(b"\xff\xc3\xbc.png")) == "\\xffü.png"
    assert display_name("a\r\nb\x00\x1b[31m\u2028.png") == "a\\r\\nb\\x00\\x1b[31m\\u2028.png"
    assert one_line("Screenshot 10.00\u202fAM, 10 €") == "Screenshot 10.00\u202fAM, 10 €"
