"""The commands that write files from one `.tflite`: what they write, print and return."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.export import command
from serving.errors import CheckreaderError


def convert(tflite: bytes) -> tuple[dict[str, bytes], str]:
    if tflite == b"bad":
        raise CheckreaderError("not an integer model")
    return {"a.c": tflite, "a.h": b"header"}, "two files"


def run(file: Path, folder: Path) -> int:
    options = command.parser("pipeline.export.some", "Write some files.").parse_args([str(file), str(folder)])
    return command.run(options, convert)


def test_files_are_written_and_the_text_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.tflite").write_bytes(b"good")
    assert run(tmp_path / "model.tflite", tmp_path / "out") == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {
        "a.c": b"good",
        "a.h": b"header",
    }
    assert capsys.readouterr() == ("two files\n", "")


def test_a_refused_file_is_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"bad")
    assert run(path, tmp_path / "out") == 1
    assert capsys.readouterr() == ("", f"error: {path}: not an integer model\n")
    assert not (tmp_path / "out").exists()


def test_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "none.tflite", tmp_path / "out") == 1
    assert capsys.readouterr().err == f"error: {tmp_path / 'none.tflite'}: No such file or directory\n"


def test_a_folder_that_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"good")
    assert run(path, path) == 1
    assert capsys.readouterr().err.startswith(f"error: {path}: ")
