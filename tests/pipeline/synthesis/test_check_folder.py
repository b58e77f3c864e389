"""`checkreader draw-checks` writes whole pictures with labels, or one clear line of what is wrong."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from pipeline import progress
from pipeline.synthesis import check_folder, check_hands
from pipeline.synthesis.check_drawing import draw
from pipeline.synthesis.check_folder import LABELS
from pipeline.synthesis.check_hands import Hands, invented_hands
from serving.cli.main import main


@pytest.fixture(scope="module")
def hands() -> Hands:
    return invented_hands("train", 2)


@pytest.fixture(autouse=True)
def quick(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opens two writers only, and shows no progress however slow the machine is."""
    monkeypatch.setattr(check_hands, "open_hands", lambda part, data_dir, fonts: hands)
    monkeypatch.setattr(progress, "shown", lambda text: contextlib.nullcontext())


def test_a_folder_of_checks(tmp_path: Path, capsys, hands: Hands) -> None:
    folder = tmp_path / "new" / "checks"
    assert main(["draw-checks", "2", str(folder), "--seed", "5"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"2 checks in {folder}, labels in {folder / LABELS}\n"
    assert captured.err == ""
    labels = [json.loads(line) for line in (folder / LABELS).read_text().splitlines()]
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [LABELS, *(label["file"] for label in labels)]
    )
    assert [label["seed"] for label in labels] == [[5, 0], [5, 1]]
    assert {label["part"] for label in labels} == {"train"}
    check = draw("train", (5, 1), hands)
    assert labels[1]["micr"] == check.label()["micr"]
    for label in labels:
        with Image.open(folder / label["file"]) as picture:
            left, top, right, bottom = label["boxes"]["amount"]
            assert 0 <= left < right <= picture.width
            assert 0 <= top < bottom <= picture.height


def test_equal_seeds_write_equal_files(tmp_path: Path) -> None:
    for name in "ab":
        assert main(["draw-checks", "1", str(tmp_path / name), "--part", "test"]) == 0
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in "ab")
    assert first == second


def test_missing_collections_are_said(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch, hands: Hands
) -> None:
    noted = replace(hands, note="data: UNIPEN not found")
    monkeypatch.setattr(check_hands, "open_hands", lambda part, data_dir, fonts: noted)
    assert main(["draw-checks", "1", str(tmp_path / "checks")]) == 0
    assert capsys.readouterr().err == "note: data: UNIPEN not found: drawn without its writers\n"


def error_of(arguments: list[str], capsys) -> str:
    assert main(["draw-checks", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("error: ")
    return str(captured.err)


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, capsys) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert f"{tmp_path}: not empty" in error_of(["1", str(tmp_path)], capsys)
    assert f"{tmp_path / 'mine.txt'}: not a folder" in error_of(["1", str(tmp_path / "mine.txt")], capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    folder = tmp_path / "checks"
    assert error_of(["1", str(folder)], capsys) == f"error: {folder}: Permission denied\n"


def test_a_folder_without_permission(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_folder.os, "access", lambda path, mode: False)  # root may write everywhere
    assert f"{tmp_path}: no permission to write there" in error_of(["1", str(tmp_path)], capsys)


def test_a_disk_that_is_full(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, _: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(check_folder, "write_bytes", refuse)
    message = error_of(["2", str(tmp_path / "checks")], capsys)
    assert "No space left on device" in message
    assert list((tmp_path / "checks").iterdir()) == []  # no labels of pictures that are not there


def test_the_test_part_has_no_fonts(tmp_path: Path, capsys) -> None:
    message = error_of(["1", str(tmp_path / "checks"), "--part", "test", "--fonts", str(tmp_path)], capsys)
    assert message.startswith("error: --fonts: ")
    assert not (tmp_path / "checks").exists()


@pytest.mark.parametrize(
    "arguments",
    [["0", "x"], ["-3", "x"], ["many", "x"], ["2"], ["2", "x", "--seed", "-1"], ["2", "x", "--part", "both"]],
)
def test_usage_mistakes(arguments: list[str], capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["draw-checks", *arguments])
    assert "usage: checkreader draw-checks " in capsys.readouterr().err


def test_help_shows_examples(capsys) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["draw-checks", "--help"])
    assert capsys.readouterr().out.endswith(f"example:\n  {check_folder.EXAMPLE}\n")
