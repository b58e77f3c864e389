from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.release import digit, previous, release
from pipeline.run import Run
from serving.manifest import NAME
from serving.repository.store import Repository

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


def test_the_version_before_may_stay(models: Path, run: Run, real_digits: None) -> None:
    release.release(run, models, digit.RELEASE, keep_previous=True)
    repository = Repository.open(models)
    old, new = repository.manifest.previous["lenet5"], repository.manifest.models["lenet5"]
    assert (old.version, new.version) == ("1", "2")
    assert [artifact.runtime for artifact in old.artifacts] == ["onnxruntime"]
    assert repository.load("lenet5", entry=old).model.version == "1"  # held against its own golden set
    assert repository.load("lenet5").model.version == "2"
    # The next takes its place, and one that keeps nothing leaves nothing.
    release.release(run, models, digit.RELEASE, keep_previous=True)
    assert Repository.open(models).manifest.previous["lenet5"].version == "2"
    assert sorted(path.name for path in (models / "repository/lenet5").glob("*/")) == ["2", "3"]
    (models / "golden" / "previous" / "other.png").write_bytes(b"a user's")
    release.release(run, models, digit.RELEASE)
    assert Repository.open(models).manifest.previous == {}
    assert [path.name for path in (models / "repository/lenet5").glob("*/")] == ["4"]
    assert [path.name for path in (models / "golden/previous").iterdir()] == ["other.png"]


def test_a_release_that_fails_leaves_the_version_before(
    models: Path, run: Run, real_digits: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    release.release(run, models, digit.RELEASE, keep_previous=True)
    write_bytes = release.write_bytes

    def full(path: Path, content: bytes) -> None:
        if path.name == NAME:  # the last
            raise OSError(28, "No space left on device", str(path))
        write_bytes(path, content)

    monkeypatch.setattr(release, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        release.release(run, models, digit.RELEASE)
    repository = Repository.open(models)
    assert repository.load("lenet5", entry=repository.manifest.previous["lenet5"]).model.version == "1"


def test_the_golden_set_of_the_version_before_is_copied(digit_models: Path, tmp_path: Path) -> None:
    manifest = Repository.open(digit_models).manifest
    entries = previous.keep(manifest, digit_models, tmp_path, digit.RELEASE)
    assert {entry.golden.path for entry in entries.values()} == {"golden/previous/digits.json"}
    assert len(list((tmp_path / "golden" / "previous").iterdir())) == 21
