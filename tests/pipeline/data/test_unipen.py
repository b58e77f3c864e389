from __future__ import annotations

import hashlib
import os
from collections import Counter
from pathlib import Path

import pytest

from pipeline.data import digits, unipen
from pipeline.synthesis import stroke_styles
from serving.errors import CheckreaderError
from tests.support import unipen_files

WANTED = {"1a": unipen.DIGITS, "1d": ("-",)}


@pytest.fixture
def distribution(tmp_path: Path) -> Path:
    folder = tmp_path / "distribution"
    unipen_files.write_digits(folder, ["ab", "cd"], copies=1)
    return folder


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tar.xz"])
def test_folder_and_archive_hold_the_same(distribution: Path, tmp_path: Path, name: str) -> None:
    archive = unipen_files.pack(distribution, tmp_path / name)
    for packed, lying in zip(
        unipen.open_collection(archive, WANTED), unipen.open_collection(distribution, WANTED), strict=True
    ):
        assert not packed.problems
        assert packed.sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
        assert len(packed.characters) == len(lying.characters) > 0
        for a, b in zip(packed.characters, lying.characters, strict=True):
            assert (a.donor, a.file, a.label, a.writer) == (b.donor, b.file, b.label, b.writer)
            assert all((x == y).all() for x, y in zip(a.segment.strokes, b.segment.strokes, strict=True))


def test_characters_know_their_donor_and_writer(distribution: Path) -> None:
    (read,) = unipen.open_collection(distribution, {"1a": unipen.DIGITS})
    assert Counter(character.donor for character in read.characters) == {"ab": 10, "cd": 10}
    assert {character.writer for character in read.characters} == {"ab/ab1", "cd/cd1"}
    assert [character.label for character in read.characters[:10]] == list("0123456789")


def test_the_checksum_of_a_folder_is_that_of_what_was_read(distribution: Path) -> None:
    before = unipen.open_collection(distribution, WANTED)[0].sha256
    (distribution / "include" / "unused.doc").write_text("unused")
    assert unipen.open_collection(distribution, WANTED)[0].sha256 == before
    (distribution / "include" / "ab" / "ab.doc").write_text(".COORD X Y\n")
    assert unipen.open_collection(distribution, WANTED)[0].sha256 != before


def test_includes_may_be_spelled_otherwise(distribution: Path, tmp_path: Path) -> None:
    file = distribution / "data" / "1a" / "ab" / "ab1.dat"
    file.write_text(file.read_text().replace("ab/data/", "./INCLUDE\\AB\\Data/"))
    for source in (distribution, unipen_files.pack(distribution, tmp_path / "a.tar")):
        assert not unipen.open_collection(source, WANTED)[0].problems


def test_other_labels_are_named(distribution: Path) -> None:
    style = unipen_files.strokes(stroke_styles.DIGITS[1][0])
    unipen_files.write_file(distribution, "ef", "ef1", [("7", style), ("l", style)])
    read, marks = unipen.open_collection(distribution, WANTED)
    assert [str(problem) for problem in read.problems] == [
        "data/1a/ef/ef1.dat: line 5: label 'l' is not a digit 0–9"
    ]
    assert [character.label for character in read.characters if character.donor == "ef"] == ["7"]
    assert not marks.problems


def test_a_missing_include_costs_its_file_alone(distribution: Path) -> None:
    (distribution / "include" / "ab" / "ab.doc").unlink()
    (read,) = unipen.open_collection(distribution, {"1a": unipen.DIGITS})
    assert {character.donor for character in read.characters} == {"cd"}
    assert [str(problem) for problem in read.problems] == [
        "data/1a/ab/ab1.dat: include ab/ab.doc: no such file"
    ]


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tar.xz"])
def test_damaged_archives(distribution: Path, tmp_path: Path, name: str) -> None:
    """An archive that is cut off or changed anywhere ends in one line."""
    archive = unipen_files.pack(distribution, tmp_path / name)
    content = archive.read_bytes()
    middle = len(content) // 2
    for damaged in (
        content[:middle],
        b"",
        b"no archive",
        content[:middle] + b"?" * 600 + content[middle + 600 :],
    ):
        archive.write_bytes(damaged)
        if name == "a.tar" and len(damaged) == len(content):
            continue  # without a checksum over its contents, a tar cannot show this
        with pytest.raises(CheckreaderError, match=r"a\.tar.*: .*get the file anew$") as error:
            unipen.open_collection(archive, WANTED)
        assert "\n" not in str(error.value)


def test_sources_that_hold_no_unipen(tmp_path: Path) -> None:
    with pytest.raises(CheckreaderError, match=r"nowhere\.tar: No such file or directory"):
        unipen.open_collection(tmp_path / "nowhere.tar", WANTED)
    with pytest.raises(CheckreaderError, match="no files in data/1a: not a UNIPEN distribution"):
        unipen.open_collection(tmp_path, WANTED)


def test_where_it_is_looked_for(distribution: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "sets"
    (data / "unipen").mkdir(parents=True)
    monkeypatch.setenv(digits.VARIABLE, str(data))
    assert unipen.locate(None) is None
    archive = unipen_files.pack(distribution, data / "unipen" / "a.tar.xz")
    assert unipen.locate(None) == unipen.locate(data) == archive
    assert unipen.locate(distribution) == distribution
    assert unipen.locate(tmp_path) is None
    (data / "unipen" / "b.tgz").touch()
    with pytest.raises(CheckreaderError, match="2 archives: keep one of them"):
        unipen.locate(None)
    monkeypatch.delenv(digits.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert unipen.locate(None) is None


@pytest.mark.skipif(not os.environ.get(digits.VARIABLE), reason=f"{digits.VARIABLE} is not set")
def test_the_published_distribution() -> None:
    """Every digit of the 13 donors is read; `ced` and `app` have 2,415."""
    source = unipen.locate(None)
    if source is None:
        pytest.skip("no UNIPEN there")
    (read,) = unipen.open_collection(source, {"1a": unipen.DIGITS})
    donors = Counter(character.donor for character in read.characters)
    assert not read.problems
    assert donors.total() == 14_150
    assert donors["ced"] + donors["app"] == 2_415
    assert min(len(character.segment.strokes) for character in read.characters) == 1
