import contextlib
import csv
import dataclasses
import gzip
import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.data import digits as data
from pipeline.data import download
from pipeline.data.digits import Split
from pipeline.synthesis import digit_drawing
from serving.errors import CheckreaderError
from serving.images.codec import decode
from serving.images.digit import normalize
from tests.support.tiny import seven, tiff

NAMES = data.MNIST


def rows(split: Split) -> set[bytes]:
    return {image.tobytes() for image in split.images}


def check_contract(found: data.Dataset) -> None:
    for split in (found.train, found.validation, found.test):
        assert split.images.shape == (len(split.labels), 28, 28)
        assert split.images.dtype == split.labels.dtype == np.uint8
        assert set(split.labels) <= set(range(10))
        assert (split.images.max((1, 2)) == 255).all()


def test_unknown_name() -> None:
    with pytest.raises(
        CheckreaderError, match="--data: 'letters' is neither a folder or CSV file nor one of digits, mnist"
    ):
        data.load("letters")


@pytest.fixture(scope="module")
def digits() -> data.Dataset:
    return data.load("digits")


def test_digits(digits: data.Dataset) -> None:
    check_contract(digits)
    record = digits.record()
    assert (record["name"], record["validation_by"]) == ("digits", "class")
    assert (record["train"], record["validation"], record["test"]) == (1265, 177, 355)
    assert record["train"] + record["validation"] + record["test"] == 1797


def test_digits_are_the_real_ones(digits: data.Dataset) -> None:
    """Shrunk back to 8×8 they correlate with scikit-learn's own, picture by picture."""
    from sklearn.datasets import load_digits

    raw = load_digits()
    together = np.concatenate([digits.train.labels, digits.validation.labels, digits.test.labels])
    assert np.bincount(together).tolist() == np.bincount(raw.target).tolist()
    expected = hashlib.sha256(raw.images.tobytes() + raw.target.tobytes()).hexdigest()
    assert digits.sha256 == {"sklearn.datasets.load_digits": expected}
    body = digits.train.images[:, 4:24, 4:24].reshape(-1, 5, 4, 5, 4).mean((2, 4))
    means = np.stack([body[digits.train.labels == digit].mean(0).ravel() for digit in range(10)])
    small = raw.images.repeat(5, 1).repeat(5, 2).reshape(-1, 5, 8, 5, 8).mean((2, 4))
    theirs = np.stack([small[raw.target == digit].mean(0).ravel() for digit in range(10)])
    assert (np.corrcoef(means, theirs)[:10, 10:].argmax(1) == np.arange(10)).sum() >= 9


def test_same_split_every_time(digits: data.Dataset) -> None:
    again = data.load("digits")
    assert again.record() == digits.record()
    for part in ("train", "validation", "test"):
        assert np.array_equal(getattr(again, part).images, getattr(digits, part).images)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=120), st.integers(2, 12))
@settings(deadline=None)
def test_split_by_class(labels: list[int], part: int) -> None:
    count = len(labels)
    images = np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((1, 28, 28), np.uint8)
    everything = Split(images, np.array(labels, np.uint8))
    rest, part_split = data.split_by_class(everything, part)
    pairs = [
        (int(i[0, 0]), int(k)) for s in (rest, part_split) for i, k in zip(s.images, s.labels, strict=True)
    ]
    assert sorted(pairs) == list(enumerate(labels))
    for digit in set(labels):
        share = labels.count(digit)
        assert (part_split.labels == digit).sum() == max(share // part, share > 1)


# MNIST, small and made up, with its own checksums


def idx(array: np.ndarray) -> bytes:
    kind = {"uint8": 0x08, ">i4": 0x0C, "int32": 0x0C}[str(array.dtype)]
    head = struct.pack(f">BBBB{array.ndim}i", 0, 0, kind, array.ndim, *array.shape)
    return gzip.compress(head + array.tobytes(), mtime=0)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with four IDX files of 600 + 50 pictures that count as MNIST."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data"
    folder.mkdir()
    images = [rng.integers(0, 256, (n, 28, 28), np.uint8) for n in (600, 50)]
    labels = [(np.arange(n) % 10).astype(np.uint8) for n in (600, 50)]
    content = dict(zip(NAMES, map(idx, (images[0], labels[0], images[1], labels[1])), strict=True))
    for name, raw in content.items():
        (folder / name).write_bytes(raw)
    sums = {name: hashlib.sha256(raw).hexdigest() for name, raw in content.items()}
    monkeypatch.setattr(data, "SHA256", data.SHA256 | sums)
    monkeypatch.setattr(data, "VALIDATION", 60)
    monkeypatch.delenv(data.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "fetch", lambda *_: pytest.fail("went to the network"))
    return folder


def add_writers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """QMNIST's label file: 100 writers of two to ten pictures each, in the third column."""
    writers = np.sort(np.random.default_rng(1).integers(0, 100, 600))
    table = np.zeros((600, 8), ">i4")
    table[:, 2] = writers
    raw = idx(table)
    folder.mkdir(exist_ok=True)
    (folder / data.WRITERS).write_bytes(raw)
    monkeypatch.setitem(data.SHA256, data.WRITERS, hashlib.sha256(raw).hexdigest())
    return writers


def test_mnist_from_a_folder(small: Path) -> None:
    found = data.load("mnist", small)
    assert (len(found.train.labels), len(found.validation.labels), len(found.test.labels)) == (540, 60, 50)
    assert np.bincount(found.validation.labels).tolist() == [6] * 10
    assert not rows(found.train) & rows(found.validation)
    assert found.record()["sha256"] == {name: data.SHA256[name] for name in NAMES}
    assert found.record()["validation_by"] == "class"
    assert found.test.labels.tolist() == [i % 10 for i in range(50)]


@pytest.mark.parametrize("how", ["variable", "cache"])
def test_mnist_is_found(small: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "variable":
        monkeypatch.setenv(data.VARIABLE, str(small))
    else:
        data.cache().parent.mkdir()
        small.rename(data.cache())
    assert len(data.load("mnist").train.labels) == 540


def test_mnist_in_subfolders_without_a_writer_on_both_sides(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = data.load("mnist", small)
    (small / "mnist").mkdir()
    for name in NAMES:
        (small / name).rename(small / "mnist" / name)
    writers = add_writers(small / "qmnist", monkeypatch)
    images = data.read_idx(small / "mnist" / NAMES[0])
    owner = {image.tobytes(): writer for image, writer in zip(images, writers, strict=True)}
    found = data.load("mnist", small)
    sides = [{owner[key] for key in rows(split)} for split in (found.train, found.validation)]
    assert not sides[0] & sides[1]
    assert len(found.train.labels) + len(found.validation.labels) == 600
    assert 48 <= len(found.validation.labels) <= 60
    for part in ("train", "validation"):
        owners = [owner[image.tobytes()] for image in getattr(found, part).images]
        assert data.mnist_writers(small, part).tolist() == owners
    assert rows(found.train) | rows(found.validation) == rows(everything.train) | rows(everything.validation)
    record = found.record()
    assert record["validation_by"] == "writer"
    assert record["sha256"] == {name: data.SHA256[name] for name in (*NAMES, data.WRITERS)}


def test_mnist_missing(tmp_path: Path) -> None:
    with pytest.raises(CheckreaderError, match="MNIST not found: expected train-images-idx3-ubyte"):
        data.load("mnist", tmp_path)


def test_mnist_is_downloaded_once_into_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(data.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked = []

    def fetch(url: str, path: Path, sha256: str) -> Path:
        asked.append((url, sha256))
        path.parent.mkdir(parents=True)
        labels = (np.arange(10_000) % 10).astype(np.uint8)
        images = np.ones((10_000, 28, 28), np.uint8)
        np.savez(path, x_train=images, y_train=labels, x_test=images[:20], y_test=labels[:20])
        monkeypatch.setitem(data.SHA256, data.NPZ, hashlib.sha256(path.read_bytes()).hexdigest())
        return path

    monkeypatch.setattr(download, "fetch", fetch)
    first, second = data.load("mnist"), data.load("mnist")
    assert asked == [(data.NPZ_URL, "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1")]
    assert second.record() == first.record() | {"sha256": {"mnist.npz": data.SHA256[data.NPZ]}}
    assert len(first.validation.labels) == 5_000


@pytest.mark.parametrize(
    "spoil",
    [lambda raw: raw[:-1], lambda raw: raw[:30] + bytes([raw[30] ^ 1]) + raw[31:], lambda raw: b""],
    ids=["truncated", "one bit", "empty"],
)
@pytest.mark.parametrize("name", [*NAMES, data.WRITERS])
def test_damaged_file(small: Path, monkeypatch, name: str, spoil) -> None:
    add_writers(small, monkeypatch)
    file = small / name
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(CheckreaderError, match=f"{name}: truncated or changed: .*: get the file anew"):
        data.load("mnist", small)


@given(st.binary(max_size=40), st.booleans())
@settings(deadline=None)
def test_rubbish_is_an_array_or_a_clear_error(tmp_path_factory, raw: bytes, packed: bool) -> None:
    file = tmp_path_factory.getbasetemp() / "rubbish.gz"
    file.write_bytes(gzip.compress(raw) if packed else raw)
    with contextlib.suppress(CheckreaderError):  # and no other error
        assert isinstance(data.read_idx(file), np.ndarray)


def test_real_mnist() -> None:
    if not os.environ.get(data.VARIABLE):
        pytest.skip(f"MNIST is only tested where ${data.VARIABLE} names its folder")
    found = data.load("mnist")
    assert len(found.train.labels) + len(found.validation.labels) == 60_000
    assert len(found.test.labels) == 10_000
    assert np.bincount(found.test.labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    assert 4_500 <= len(found.validation.labels) <= 5_500
    if found.validation_by == "writer":
        assert data.WRITERS in found.sha256


# A folder of one's own


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Four pictures of every digit, LABEL/*.png."""
    rng = np.random.default_rng(0)
    for digit in range(10):
        folder = tmp_path / "own" / str(digit)
        folder.mkdir(parents=True)
        for number in range(4):
            Image.fromarray(digit_drawing.digit(digit, rng)).save(folder / f"{number}.png")
    return tmp_path / "own"


def write_csv(folder: Path, lines: list[tuple[str, str]], name: str = "list.csv") -> Path:
    path = folder / name
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("file", "label"), *lines])
    return path


def test_folder(own: Path) -> None:
    (own / "notes.txt").write_text("not a label")
    (own / "3" / "notes.txt").write_text("not a picture")
    found = data.load("folder", own)
    check_contract(found)
    assert [len(s.labels) for s in (found.train, found.validation, found.test)] == [20, 10, 10]
    for split in (found.validation, found.test):
        assert split.labels.tolist() == list(range(10))
    expected = {(digit, normalize(decode(f.read_bytes())).tobytes()) for digit in range(10) for f in (own / str(digit)).glob("*.png")}  # fmt: skip
    got = {(int(label), image.tobytes()) for s in (found.train, found.validation, found.test) for label, image in zip(s.labels, s.images, strict=True)}  # fmt: skip
    assert got == expected
    assert found.name == found.record()["name"] == "own"


def test_csv_is_the_same_set(own: Path) -> None:
    files = sorted(own.glob("*/*.png"))
    path = write_csv(own, [(str(file.relative_to(own)), f" {file.parent.name}") for file in files])
    tree, listed = data.load("folder", own), data.load("folder", path)
    assert list(listed.sha256) == ["list.csv"]
    assert list(listed.sha256.values()) == list(tree.sha256.values())
    assert np.array_equal(listed.train.images, tree.train.images)


def test_checksum_follows_the_pictures(own: Path) -> None:
    before = data.load("folder", own).sha256
    (own / "3" / "0.png").write_bytes((own / "3" / "1.png").read_bytes())
    after = data.load("folder", own).sha256
    assert list(before) == list(after) == ["own"]
    assert before != after


def test_what_systems_leave_in_folders_is_passed_over(own: Path) -> None:
    before = data.load("folder", own).record()
    for name in (
        ".DS_Store",
        "Thumbs.db",
        "3/._0.png",
        "3/.DS_Store",
        "3/Thumbs.db",
        "._3",
        "__MACOSX/._x.png",
    ):
        put(own / name, b"\0\5\x16\7 no picture")
    put(own / ".Trashes" / "0.png", b"")
    assert data.load("folder", own).record() == before


def test_own_pictures_are_called_by_their_folder_or_as_one_says(own: Path) -> None:
    assert data.load(str(own)).name == "own"
    assert data.load(str(own), name="bank").name == data.load("folder", own, "bank").name == "bank"
    own.rename(own.with_name("digits"))
    assert data.load(str(own.with_name("digits"))).name == "own-digits"


@pytest.mark.parametrize("source", ["digits", "folder"])
def test_the_name_of_a_built_in_set_is_taken(own: Path, source: str) -> None:
    with pytest.raises(CheckreaderError, match="--name: "):
        data.load(source, own, "mnist")


def put(path: Path, content: bytes | str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda own: put(own / "x" / "0.png", b""), r"0.png: label 'x' is not a digit 0–9"),
        (lambda own: put(own / "10" / "0.png", b""), r"label '10' is not a digit 0–9"),
        (lambda own: put(own / "٣" / "0.png", b""), r"is not a digit 0–9"),
        (lambda own: put(own / "3" / "z.png", "no picture"), r"3/z.png: not a picture"),
        (lambda own: put(own / "3" / "z.png", ""), r"3/z.png: "),
        (lambda own: put(own / "3" / "z.tif", tiff(seven(), seven())), r"3/z.tif: 2 pages where one picture"),
        (lambda own: put(own / "3" / "z.png", (own / "3/0.png").read_bytes()[:200]), r"3/z.png: .*damaged"),
        (
            lambda own: Image.new("L", (40, 40), 255).save(own / "7" / "9.png"),
            r"7/9.png: blank: no ink found",
        ),
        (
            lambda own: [(own / "6" / f"{i}.png").unlink() for i in (0, 1)],
            r"own: 2 pictures of the digit 6: at least 3 of every digit",
        ),
    ],
)
def test_folder_mistakes(own: Path, spoil, message: str) -> None:
    spoil(own)
    with pytest.raises(CheckreaderError, match=message) as caught:
        data.load("folder", own)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: expected a header with the columns file and label"),
        ("file;label\na.png;3\n", "line 1: expected a header"),
        ("file,label\n", "no pictures found"),
        ("file,label\n3/0.png,12\n", r"line 2: label '12' is not a digit 0–9"),
        ("file,label\n3/0.png,3\n3/0.png\n", r"line 3: label '' is not a digit 0–9"),
        ("file,label\n3/99.png,3\n", r"line 2: cannot read .*99.png: No such file"),
        ("file,label\ntext.csv,3\n", "text.csv: not a picture"),
        (b"file,label\n\xff\xfe,3\n", "not a readable CSV file"),
        (b"\xef\xbb\xbffile,label\n3/0.png,x\n", "line 2: label 'x'"),
    ],
)
def test_csv_mistakes(own: Path, content: str | bytes, message: str) -> None:
    put(own / "text.csv", content)
    with pytest.raises(CheckreaderError, match=message) as caught:
        data.load("folder", own / "text.csv")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (None, "--data folder needs --data-dir"),
        ("nowhere", "nowhere: no such folder or CSV file"),
        ("empty", "empty: no pictures found: expected LABEL/"),
        ("picture.png", "picture.png: not a CSV file; pictures .* go into LABEL/ folders"),
    ],
)
def test_no_folder(tmp_path: Path, path: str | None, message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "picture.png").write_bytes(b"")
    with pytest.raises(CheckreaderError, match=message):
        data.load("folder", tmp_path / path if path else None)


def test_other_data_is_another_record(digits: data.Dataset) -> None:
    renamed = dataclasses.replace(digits, sha256={"a": "b"})
    assert renamed.record() != digits.record()
