from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.data import pen_digits, unipen
from pipeline.synthesis import pen_glyphs as module
from pipeline.synthesis.pen_glyphs import pen_glyphs
from tests.support import unipen_files


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """UNIPEN with one writer each of two donors for training and of one for validation."""
    folder = tmp_path_factory.mktemp("data")
    unipen_files.write_digits(folder / "unipen", ["abc", "abd", "ced"], copies=1)
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_drawn_once(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stored glyphs are those that were drawn, and opening them reads nothing of the collection."""
    first = pen_glyphs(data, "train")

    def stop(*arguments: object) -> None:
        raise AssertionError

    monkeypatch.setattr(pen_digits, "load", stop)
    monkeypatch.setattr(unipen, "open_collection", stop)
    again = pen_glyphs(data, "train")
    assert first is not None
    assert again is not None
    assert first.writers == again.writers
    assert [writer.source for writer in first.writers] == ["unipen"] * 2
    assert all(set(writer.glyphs) == set("0123456789-") for writer in first.writers)
    for name in ("maps", "boxes", "bases", "pens"):
        assert np.array_equal(getattr(first.bank, name), getattr(again.bank, name))


def test_parts_share_no_writer(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD_OUT", 2)
    digits = pen_digits.load(data)
    assert digits is not None
    characters = (*digits.train, *digits.validation)
    donors = {
        part: {character.donor for character in characters if belongs(character)}
        for part, belongs in module.split(digits).items()
    }
    assert donors == {"train": {"abc"}, "validation": {"abd"}, "test": {"ced"}}
    parts = [pen_glyphs(data, part) for part in module.PARTS]
    assert [len(part.writers) for part in parts if part] == [1, 1, 1]


def test_writers_of_a_few_digits_are_left_out(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_CLASSES", 11)
    assert all(pen_glyphs(data, part) is None for part in module.PARTS)


def test_no_unipen(tmp_path: Path) -> None:
    assert pen_glyphs(tmp_path, "train") is None
