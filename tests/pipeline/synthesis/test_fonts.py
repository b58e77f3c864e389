import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from pipeline.synthesis import fonts
from serving.errors import CheckreaderError


def _archive(path: Path, member: str, data: bytes) -> str:
    with tarfile.open(path, "w:gz") as packed:
        info = tarfile.TarInfo(member)
        info.size = len(data)
        packed.addfile(info, io.BytesIO(data))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An npm whose `pack` delivers an archive of one font; returns the archive's SHA-256."""
    archive = tmp_path / "packed"
    sha256 = _archive(archive, "package/files/hand-latin-400-normal.woff2", b"font")
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\ncase "$3" in @fontsource/hand@*) cp {archive} hand.tgz;; *) echo "404 $3" >&2; exit 1;; esac\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return sha256


def test_fetches_once(npm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "fonts"
    (path,) = fonts.fetch(folder, {"hand": npm})
    assert path.read_bytes() == b"font"
    monkeypatch.setenv("PATH", "")  # what is there needs no npm
    assert fonts.fetch(folder, {"hand": npm}) == [path]
    assert list(folder.iterdir()) == [path]


def test_refuses_other_bytes(npm: str, tmp_path: Path) -> None:
    with pytest.raises(CheckreaderError, match="SHA-256"):
        fonts.fetch(tmp_path / "fonts", {"hand": "0" * 64})
    assert not list((tmp_path / "fonts").iterdir())


def test_says_what_npm_said(npm: str, tmp_path: Path) -> None:
    with pytest.raises(CheckreaderError, match="404 @fontsource/unknown"):
        fonts.fetch(tmp_path / "fonts", {"unknown": npm})


def test_no_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CheckreaderError, match="npm not found"):
        fonts.fetch(tmp_path, {"hand": "0" * 64})


def test_a_font_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(self))

    sha256 = _archive(tmp_path / "a.tgz", "package/files/hand-latin-400-normal.woff2", b"font")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left") as caught:
        fonts.unpack(tmp_path / "a.tgz", "hand", sha256, tmp_path / "hand.woff2")
    assert caught.value.filename == str(tmp_path / "hand.woff2")


def test_archive_without_the_font(tmp_path: Path) -> None:
    sha256 = _archive(tmp_path / "a.tgz", "package/README.md", b"")
    with pytest.raises(CheckreaderError, match="is not in it"):
        fonts.unpack(tmp_path / "a.tgz", "hand", sha256, tmp_path / "hand.woff2")


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--help"]])
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert fonts.main(arguments) == 2
    assert "usage" in capsys.readouterr().err


def test_every_font_is_pinned() -> None:
    assert len(fonts.FONTS) >= 20
    assert all(len(sha256) == 64 for sha256 in fonts.FONTS.values())
