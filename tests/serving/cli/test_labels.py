"""`checkreader labels`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from serving.cli import labels
from serving.cli.main import main
from tests.support.command_line import failed
from tests.support.reviews import review, write_review


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_review(tmp_path / "review", review())


def saved(tmp_path: Path, **texts: str) -> str:
    path = tmp_path / "corrections.jsonl"
    lines = [
        {"review": review().id, "key": f"{key[-1]}-{key[:-1]}", "text": text} for key, text in texts.items()
    ]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return str(path)


def test_what_was_labeled_and_what_is_next(folder: Path, tmp_path: Path, capsys) -> None:
    path = saved(tmp_path, amount1="1.250", date1="24112019", micr2="A1A", micr3="A2A")
    target = tmp_path / "to"
    assert main(["labels", path, "--review", str(folder), "--to", str(target)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"labeled 1 amounts in {target / 'amounts'}",
        f"labeled 1 dates in {target / 'dates'}",
        f"labeled 1 MICR lines in {target / 'micr'}",
        "of 1 amounts the marks leave open what they mean: labeled by their digits alone",
        "left out 1 that were not found on their checks, and have no picture",
        "calibrate takes 59 amounts or more, of those that were accepted, too: with fewer nothing is accepted",
        f"next: checkreader evaluate --models mine --data {target / 'amounts'}",
    ]
    assert "not empty" in failed(capsys, "labels", path, "--review", str(folder), "--to", str(target))


@pytest.mark.parametrize(
    ("texts", "next_command"),
    [
        ({"micr2": "A1A"}, "calibrate --run micr --data"),
        ({"date1": "24112019"}, "evaluate --models mine --data"),
    ],
)
def test_the_next_command_fits(
    folder: Path, tmp_path: Path, capsys, texts: dict[str, str], next_command: str
) -> None:
    assert (
        main(["labels", saved(tmp_path, **texts), "--review", str(folder), "--to", str(tmp_path / "to")]) == 0
    )
    assert next_command in capsys.readouterr().out.splitlines()[-1]


def test_enough_amounts_calibrate(
    folder: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "FEWEST", 1)
    path = saved(tmp_path, amount1="5")
    assert main(["labels", path, "--review", str(folder), "--to", str(tmp_path / "to")]) == 0
    assert "next: checkreader calibrate --models mine --data" in capsys.readouterr().out.splitlines()[-1]


def test_json(folder: Path, tmp_path: Path, capsys) -> None:
    path = saved(tmp_path, amount1="5")
    assert main(["labels", path, "--review", str(folder), "--to", str(tmp_path / "to"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"labeled": {"amount": 1}, "unclear": 0, "without_crop": 0}


def test_mistakes(folder: Path, tmp_path: Path, capsys) -> None:
    path = saved(tmp_path, amount1="5")
    target = str(tmp_path / "to")
    assert "no review in it" in failed(capsys, "labels", path, "--review", str(tmp_path), "--to", target)
    message = failed(capsys, "labels", str(folder / "none"), "--review", str(folder), "--to", target)
    assert "No such file" in message
