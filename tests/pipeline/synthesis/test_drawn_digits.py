from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.data import pen_digits
from pipeline.data.mixture import Source
from pipeline.synthesis import drawn_digits
from pipeline.synthesis.drawn_digits import invented_source, pen_source
from tests.support import unipen_files


@pytest.fixture(scope="module")
def unipen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    unipen_files.write_digits(folder / "unipen", ["abc", "app", "ced"], copies=1)
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(drawn_digits, "WRITERS", 1)
    monkeypatch.setattr(drawn_digits, "VALIDATION_WRITERS", 1)
    monkeypatch.setattr(drawn_digits, "PAPERS", 1)
    return tmp_path / "checkreader"


def equal(first: Source, second: Source) -> bool:
    return all(map(np.array_equal, first.passes, second.passes)) and first.details == second.details


def test_unipen(unipen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn in two calls, of which the first is interrupted; later calls read nothing of the collection."""

    def stop() -> None:
        raise KeyboardInterrupt

    saves: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        pen_source(unipen, 0.2, 2, stop)
    source = pen_source(unipen, 0.2, 2, lambda: saves.append(1))
    assert source is not None
    assert len(saves) == 2  # the two passes; the first call saved the validation digits
    digits = pen_digits.load(unipen)
    assert digits is not None
    assert (source.name, source.share, source.certifies) == ("unipen", 0.2, True)
    assert source.details["unipen"] == digits.record()
    assert np.bincount(source.labels).tolist() == [1] * 10
    assert [images.shape for images in source.passes] == [(10, 28, 28)] * 2
    assert not np.array_equal(*source.passes)
    assert {name: len(split.labels) for name, split in source.validation.items()} == {
        "unipen": len(digits.validation),
        "unipen_unfiltered": len(digits.unfiltered_validation),
    }
    monkeypatch.setattr(pen_digits, "load", stop)
    again = pen_source(unipen, 0.2, 2, stop)
    assert again is not None
    assert equal(source, again)


def test_another_collection_is_drawn_anew(unipen: Path, cache: Path) -> None:
    pen_source(unipen, 0.2, 0)
    file = unipen / "unipen" / "data" / "1a" / "abc" / "abc1.dat"
    os.utime(file, (0, 0))
    pen_source(unipen, 0.2, 0)
    assert len(list(cache.iterdir())) == 2


def test_no_unipen(tmp_path: Path) -> None:
    assert pen_source(tmp_path, 0.2, 1) is None


def test_invented_writers() -> None:
    source = invented_source(0.1, 1)
    assert not source.certifies
    assert np.bincount(source.labels).tolist() == [2] * 10
    validation = source.validation["invented"]
    assert len(validation.labels) == 20
    assert not np.array_equal(source.passes[0], validation.images)  # another writer
    assert equal(source, invented_source(0.1, 1))
