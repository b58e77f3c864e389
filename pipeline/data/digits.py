"""Labeled digits, cut into training, validation and test.

    digits   1,797 real digits that scikit-learn brings along (8×8, enlarged): the embedded default
    mnist    60,000 + 10,000, from a folder or, once, from the network
    folder   your own: LABEL/*.png, or a CSV of file,label

Every set is a `Dataset` that carries its name and checksums; they go into each
record, so that one set is never passed off as another. Validation is cut from
the training pictures: no writer on both sides where writers are known (MNIST,
with QMNIST's label file beside it), by class in equal shares otherwise. The
cut does not depend on the training seed.
"""

from __future__ import annotations

import csv
import dataclasses
import gzip
import hashlib
import os
import zlib
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.data.download import fetch
from serving.errors import CheckreaderError
from serving.images.codec import FORMATS, decode
from serving.images.digit import normalize

NAMES: Final = ("digits", "mnist", "folder")
VARIABLE: Final = "CHECKREADER_DATA"
VALIDATION: Final = 5_000  # pictures of MNIST's training set, to the nearest whole writer

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint8]

# The original files as they are mirrored everywhere; their MD5s are those of the torchvision list.
_MNIST: Final = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
_NPZ: Final = "mnist.npz"
_NPZ_SHA256: Final = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
_NPZ_URL: Final = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
_WRITERS: Final = "qmnist-train-labels-idx2-int.gz"
_WRITERS_SHA256: Final = "2c05dc77f6b916b38e455e97ab129a42a444f3dbef09b278a366f82904e0dd9f"
_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")


@dataclasses.dataclass(frozen=True)
class Split:
    """Pictures uint8 [N, 28, 28] (0 = paper) and labels uint8 [N]."""

    images: Pixels
    labels: Labels

    def take(self, index: npt.NDArray[np.intp]) -> Split:
        """The pictures at `index`, in that order."""
        return Split(self.images[index], self.labels[index])


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A named set of digits in three parts.

    `sha256` holds the checksum of every file or array it was made of,
    `validation_by` how validation was cut: "writer" or "class".
    """

    name: str
    train: Split
    validation: Split
    test: Split
    sha256: dict[str, str]
    validation_by: str

    def record(self) -> dict[str, object]:
        """What a run's records say about the data."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "train": len(self.train.labels),
            "validation": len(self.validation.labels),
            "validation_by": self.validation_by,
            "test": len(self.test.labels),
        }


def load(name: str, folder: Path | None = None) -> Dataset:
    """A data set by name.

    Args:
        name: one of `NAMES`.
        folder: where the files lie; for mnist the default is $CHECKREADER_DATA,
            then the user's cache, then a download into that cache.

    Raises:
        CheckreaderError: unknown name; a file that is missing, damaged, changed, or no picture.
    """
    if name == "digits":
        return _digits()
    if name == "mnist":
        return _mnist(folder)
    if name == "folder":
        if folder is None:
            raise CheckreaderError(
                "--data folder needs --data-dir: a folder of LABEL/*.png or a CSV of file,label"
            )
        return _folder(folder)
    raise CheckreaderError(f"unknown data set {name!r}: choose one of {', '.join(NAMES)}")


def _digits() -> Dataset:
    from sklearn.datasets import load_digits  # costs a second that no other set needs

    raw = load_digits()
    # Its digits fill all of their 8×8: a margin of paper, as a picture would have.
    margin = np.pad(raw.images, ((0, 0), (2, 2), (2, 2)))
    grays = np.rint(255 - margin * (255 / 16)).astype(np.uint8)
    pictures = Split(np.stack([normalize(gray) for gray in grays]), raw.target.astype(np.uint8))
    return _cut("digits", pictures, {"sklearn.datasets.load_digits": _digest(raw.images, raw.target)})


def _cut(name: str, pictures: Split, sha256: dict[str, str]) -> Dataset:
    """A fifth for testing and an eighth of the rest for validation, by class."""
    rest, test = _stratified(pictures, 5)
    train, validation = _stratified(rest, 8)
    return Dataset(name, train, validation, test, sha256, "class")


def _stratified(pictures: Split, part: int) -> tuple[Split, Split]:
    """(rest, one `part`-th of every class, at least one picture where a class has two)."""
    chosen = np.zeros(len(pictures.labels), bool)
    rng = np.random.default_rng(0)
    for label in np.unique(pictures.labels):
        index = rng.permutation(np.flatnonzero(pictures.labels == label))
        chosen[index[: max(len(index) // part, int(len(index) > 1))]] = True
    return pictures.take(np.flatnonzero(~chosen)), pictures.take(np.flatnonzero(chosen))


def _digest(*arrays: npt.NDArray[np.generic]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def cache() -> Path:
    """The user's cache folder for downloaded data."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "checkreader"


def _mnist(folder: Path | None) -> Dataset:
    if folder is None and os.environ.get(VARIABLE):
        folder = Path(os.environ[VARIABLE])
    roots = (folder,) if folder else (cache(),)
    places = [place for root in roots for place in (root, root / "mnist", root / "qmnist")]
    files = {name: path for name in (*_MNIST, _NPZ, _WRITERS) if (path := _find(name, places))}
    if all(name in files for name in _MNIST):
        sha256 = _MNIST
        arrays = [_idx(_checked(files[name], _MNIST[name])) for name in _MNIST]
    else:
        if _NPZ not in files:
            if folder:
                raise CheckreaderError(
                    f"{folder}: MNIST not found: expected {', '.join(_MNIST)} there or in its subfolder mnist"
                )
            files[_NPZ] = fetch(_NPZ_URL, cache() / _NPZ, _NPZ_SHA256)
        sha256 = {_NPZ: _NPZ_SHA256}
        _checked(files[_NPZ], _NPZ_SHA256)
        with np.load(files[_NPZ]) as file:
            arrays = [file[key] for key in ("x_train", "y_train", "x_test", "y_test")]
    everything, test = Split(arrays[0], arrays[1]), Split(arrays[2], arrays[3])
    if _WRITERS in files:
        sha256 = {**sha256, _WRITERS: _WRITERS_SHA256}
        writers = _idx(_checked(files[_WRITERS], _WRITERS_SHA256))[:, 2]
        train, validation = _by_writer(everything, writers)
        return Dataset("mnist", train, validation, test, sha256, "writer")
    train, validation = _stratified(everything, len(everything.labels) // VALIDATION)
    return Dataset("mnist", train, validation, test, sha256, "class")


def _find(name: str, places: list[Path]) -> Path | None:
    return next((place / name for place in places if (place / name).is_file()), None)


def _checked(path: Path, sha256: str) -> Path:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise CheckreaderError(
            f"{path}: truncated or changed: its SHA-256 is {found[:12]}…, expected {sha256[:12]}…: get the file anew"
        )
    return path


def _idx(path: Path) -> npt.NDArray[np.generic]:
    """An IDX file: two zero bytes, type, rank, big-endian dimensions, values."""
    try:
        raw = gzip.decompress(path.read_bytes())
        kind = {0x08: np.dtype(np.uint8), 0x0C: np.dtype(">i4")}[raw[2]]
        shape = np.frombuffer(raw, ">i4", raw[3], 4)
        return np.frombuffer(raw, kind, offset=4 + 4 * raw[3]).reshape(shape)
    except (OSError, EOFError, zlib.error, KeyError, IndexError, ValueError) as error:
        raise CheckreaderError(f"{path}: not a readable IDX file ({error}): get the file anew") from None


def _by_writer(pictures: Split, writers: npt.NDArray[np.generic]) -> tuple[Split, Split]:
    """(training, validation) with no writer in both, about `VALIDATION` pictures in the second."""
    names, counts = np.unique(writers, return_counts=True)
    order = np.random.default_rng(0).permutation(len(names))
    chosen = names[order[np.cumsum(counts[order]) <= VALIDATION]]
    held = np.isin(writers, chosen)
    return pictures.take(np.flatnonzero(~held)), pictures.take(np.flatnonzero(held))


def _folder(path: Path) -> Dataset:
    rows = list(_csv_rows(path) if path.is_file() else _tree_rows(path))
    if not rows:
        raise CheckreaderError(f"{path}: no pictures found: expected LABEL/*.png or a CSV of file,label")
    images, labels = [], []
    for file, label, where in rows:
        if label not in tuple("0123456789"):
            raise CheckreaderError(f"{where}: label {label!r} is not a digit 0–9")
        try:
            pixels = normalize(decode(file.read_bytes()))
        except OSError as error:
            raise CheckreaderError(f"{where}: cannot read {file}: {error.strerror}") from None
        except CheckreaderError as error:
            raise CheckreaderError(f"{file}: {error}") from None
        if not pixels.any():
            raise CheckreaderError(f"{file}: blank: no ink found: remove it or mend it")
        images.append(pixels)
        labels.append(int(label))
    pictures = Split(np.stack(images), np.array(labels, np.uint8))
    counts = np.bincount(pictures.labels, minlength=10)
    if (counts < 3).any():
        digit = int(np.argmin(counts))
        raise CheckreaderError(
            f"{path}: {counts[digit]} pictures of the digit {digit}: at least 3 of every digit are needed, "
            "one each for training, validation and test"
        )
    return _cut("folder", pictures, {path.name: _digest(pictures.images, pictures.labels)})


def _tree_rows(folder: Path) -> list[tuple[Path, str, str]]:
    if not folder.is_dir():
        raise CheckreaderError(f"{folder}: no such folder or CSV file")
    return [
        (file, file.parent.name, str(file))
        for file in sorted(folder.glob("*/*"))
        if file.suffix.lower() in _SUFFIXES
    ]


def _csv_rows(path: Path) -> list[tuple[Path, str, str]]:
    if path.suffix.lower() != ".csv":
        raise CheckreaderError(
            f"{path}: not a CSV file; pictures ({', '.join(FORMATS)}) go into LABEL/ folders"
        )
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not {"file", "label"} <= set(reader.fieldnames or ()):
                raise CheckreaderError(f"{path}: line 1: expected a header with the columns file and label")
            return [
                (
                    path.parent / (row["file"] or ""),
                    (row["label"] or "").strip(),
                    f"{path}: line {reader.line_num}",
                )
                for row in reader
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise CheckreaderError(f"{path}: not a readable CSV file ({error})") from None
