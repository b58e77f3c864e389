"""Loads labeled digits, split into training, validation and test.

    digits   1,797 real digits that scikit-learn brings along (8×8, enlarged): the embedded default
    mnist    60,000 + 10,000, from a folder or, once, from the network
    folder   your own: LABEL/*.png, or a CSV of file,label; it is called by its folder's name

Every set is a `Dataset` that carries its name and checksums; they go into each
record, so that one set is never passed off as another. Validation is split off
the training pictures: no writer on both sides where writers are known (MNIST,
with QMNIST's label file in its folder), by class in equal shares otherwise. The
split does not depend on the training seed.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import os
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.data import labeled_pictures
from serving.errors import CheckreaderError
from serving.images.digit import normalize

BUILT_IN: Final = ("digits", "mnist")
NAMES: Final = (*BUILT_IN, "folder")
VARIABLE: Final = "CHECKREADER_DATA"
VALIDATION: Final = 5_000  # pictures of MNIST's training set, to the nearest whole writer

_TEST: Final = 10_000  # pictures of MNIST's test set

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint8]

# The original files as they are mirrored everywhere; their MD5s are those of the torchvision list.
MNIST: Final = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
NPZ: Final = "mnist.npz"
NPZ_URL: Final = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
WRITERS: Final = "qmnist-train-labels-idx2-int.gz"
TEST_WRITERS: Final = "qmnist-test-labels-idx2-int.gz"
SHA256: Final = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    NPZ: "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    WRITERS: "2c05dc77f6b916b38e455e97ab129a42a444f3dbef09b278a366f82904e0dd9f",
    TEST_WRITERS: "9fbcbe594c3766fdf4f0b15c5165dc0d1e57ac604e01422608bb72c906030d06",
}


@dataclasses.dataclass(frozen=True)
class Split:
    """Pictures uint8 [N, 28, 28] (0 = paper) and labels uint8 [N]."""

    images: Pixels
    labels: Labels

    def take(self, index: npt.NDArray[np.intp]) -> Split:
        """Returns the pictures at `index`, in that order."""
        return Split(self.images[index], self.labels[index])


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A named set of digits in three parts.

    `sha256` holds the checksum of every file or array that it was made of,
    `validation_by` says how validation was split off: "writer" or "class".
    """

    name: str
    train: Split
    validation: Split
    test: Split
    sha256: dict[str, str]
    validation_by: str

    def record(self) -> dict[str, object]:
        """Describes the data for a run's records."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "train": len(self.train.labels),
            "validation": len(self.validation.labels),
            "validation_by": self.validation_by,
            "test": len(self.test.labels),
        }


def load(source: str, folder: Path | None = None, name: str | None = None) -> Dataset:
    """Loads a data set.

    Args:
        source: one of `NAMES`, or the path of a user's folder or CSV.
        folder: where the files lie; for mnist the default is $CHECKREADER_DATA,
            then the user's cache, then a download into that cache.
        name: what a user calls the own set (default: its folder's name).

    Raises:
        CheckreaderError: unknown name; a file that is missing, damaged, changed, or no picture.
    """
    if source in BUILT_IN:
        if name not in (None, source):
            raise CheckreaderError(f"--name: {source} has its name already: own pictures can be named")
        return _digits() if source == "digits" else _mnist(folder)
    path = own_folder(source, folder)
    pictures = Split(*labeled_pictures.read(path))
    return _split(own_name(path, name), pictures, {path.name: _digest(pictures.images, pictures.labels)})


def own_folder(source: str, folder: Path | None) -> Path:
    """Returns where a user's own pictures lie: `folder` for the source "folder", else the source is the path itself.

    Raises:
        CheckreaderError: there is neither.
    """
    if source == "folder":
        if folder is None:
            raise CheckreaderError(
                "--data folder needs --data-dir: a folder of LABEL/*.png or a CSV of file,label"
            )
        if not folder.exists():
            raise CheckreaderError(f"{folder}: no such folder or CSV file")
        return folder
    path = Path(source)
    if not path.exists():
        raise CheckreaderError(
            f"--data: {source!r} is neither a folder or CSV file nor one of {', '.join(NAMES)}"
        )
    return path


def own_name(path: Path, name: str | None = None) -> str:
    """Returns the name of a user's own set: the given one, else that of its folder or CSV.

    Raises:
        CheckreaderError: the given name is that of a built-in set.
    """
    if name in BUILT_IN:
        raise CheckreaderError(f"--name: {name} is a built-in set: choose another name")
    name = name or (path.stem if path.is_file() else path.resolve().name)
    return f"own-{name}" if name in BUILT_IN else name


def _digits() -> Dataset:
    from sklearn.datasets import load_digits  # costs a second that no other set needs

    raw = load_digits()
    # Its digits fill all of their 8×8: a margin of paper, as a picture would have.
    margin = np.pad(raw.images, ((0, 0), (2, 2), (2, 2)))
    grays = np.rint(255 - margin * (255 / 16)).astype(np.uint8)
    pictures = Split(np.stack([normalize(gray) for gray in grays]), raw.target.astype(np.uint8))
    return _split("digits", pictures, {"sklearn.datasets.load_digits": _digest(raw.images, raw.target)})


def _split(name: str, pictures: Split, sha256: dict[str, str]) -> Dataset:
    """Takes a fifth for testing and an eighth of the rest for validation, by class."""
    rest, test = split_by_class(pictures, 5)
    train, validation = split_by_class(rest, 8)
    return Dataset(name, train, validation, test, sha256, "class")


def split_by_class(pictures: Split, part: int) -> tuple[Split, Split]:
    """Splits off one `part`-th of every class, at least one picture where a class has two.

    Returns:
        The rest, and the part.
    """
    held_out = np.zeros(len(pictures.labels), bool)
    rng = np.random.default_rng(0)
    for label in np.unique(pictures.labels):
        index = rng.permutation(np.flatnonzero(pictures.labels == label))
        held_out[index[: max(len(index) // part, int(len(index) > 1))]] = True
    return pictures.take(np.flatnonzero(~held_out)), pictures.take(np.flatnonzero(held_out))


def _digest(*arrays: npt.NDArray[np.generic]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def cache() -> Path:
    """Returns the user's cache folder for downloaded data."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "checkreader"


def _mnist(folder: Path | None) -> Dataset:
    folder = _mnist_folder(folder)
    files = _mnist_files(folder)
    if all(name in files for name in MNIST):
        sha256 = {name: SHA256[name] for name in MNIST}
        arrays: list[npt.NDArray[Any]] = [read_idx(_checked(files[name])) for name in MNIST]
    else:
        if NPZ not in files:
            if folder:
                raise CheckreaderError(
                    f"{folder}: MNIST not found: expected {', '.join(MNIST)} there or in its subfolder mnist"
                )
            from pipeline.data.download import fetch  # by packages that no other command needs

            files[NPZ] = fetch(NPZ_URL, cache() / NPZ, SHA256[NPZ])
        sha256 = {NPZ: SHA256[NPZ]}
        with np.load(_checked(files[NPZ])) as file:
            arrays = [file[key] for key in ("x_train", "y_train", "x_test", "y_test")]
    everything, test = Split(arrays[0], arrays[1]), Split(arrays[2], arrays[3])
    if WRITERS in files:
        sha256 = {**sha256, WRITERS: SHA256[WRITERS]}
        held_out = _held_out(_read_writers(files[WRITERS]))
        train, validation = (everything.take(np.flatnonzero(part)) for part in (~held_out, held_out))
        return Dataset("mnist", train, validation, test, sha256, "writer")
    train, validation = split_by_class(everything, len(everything.labels) // VALIDATION)
    return Dataset("mnist", train, validation, test, sha256, "class")


def mnist_writers(folder: Path | None, part: str) -> npt.NDArray[Any]:
    """Returns the writer of each picture of MNIST's `part`, "train", "validation" or "test", as `load` orders them.

    QMNIST's label file must lie in MNIST's folder: `load` says `validation_by` "writer".

    Raises:
        CheckreaderError: there is no label file for the test pictures.
    """
    if part == "test":
        file = _mnist_files(_mnist_folder(folder)).get(TEST_WRITERS)
        if file is None:
            raise CheckreaderError(f"{TEST_WRITERS}: not found: put QMNIST's label files beside MNIST's")
        return _read_writers(file)[:_TEST]  # QMNIST restores the other 50,000 as well
    writers = _read_writers(_mnist_files(_mnist_folder(folder))[WRITERS])
    held_out = _held_out(writers)
    return writers[held_out if part == "validation" else ~held_out]


def _mnist_folder(folder: Path | None) -> Path | None:
    if folder is None and os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    return folder


def _mnist_files(folder: Path | None) -> dict[str, Path]:
    """Finds MNIST's and QMNIST's files in the folder, or in the cache, or in their usual subfolders there."""
    root = folder or cache()
    places = (root, root / "mnist", root / "qmnist")
    paths = {
        name: next((place / name for place in places if (place / name).is_file()), None) for name in SHA256
    }
    return {name: path for name, path in paths.items() if path}


def _checked(path: Path) -> Path:
    expected, sha256 = SHA256[path.name], hashlib.sha256(path.read_bytes()).hexdigest()
    if sha256 != expected:
        raise CheckreaderError(
            f"{path}: truncated or changed: its SHA-256 is {sha256[:12]}…, expected {expected[:12]}…: get the file anew"
        )
    return path


def read_idx(path: Path) -> npt.NDArray[Any]:
    """Reads an IDX file: two zero bytes, type, rank, big-endian dimensions, values.

    Raises:
        CheckreaderError: damaged, or of a type that MNIST has not.
    """
    try:
        raw = gzip.decompress(path.read_bytes())
        kind = {0x08: "u1", 0x0C: ">i4"}[raw[2]]
        shape = np.frombuffer(raw, ">i4", raw[3], 4)
        return np.frombuffer(raw, kind, offset=4 + 4 * raw[3]).reshape(shape)
    except (OSError, EOFError, zlib.error, KeyError, IndexError, ValueError) as error:
        raise CheckreaderError(f"{path}: not a readable IDX file ({error}): get the file anew") from None


def _read_writers(path: Path) -> npt.NDArray[Any]:
    return read_idx(_checked(path))[:, 2]


def _held_out(writers: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Chooses validation writers who wrote about `VALIDATION` pictures; True for each of their pictures."""
    names, counts = np.unique(writers, return_counts=True)
    order = np.random.default_rng(0).permutation(len(names))
    return np.isin(writers, names[order[np.cumsum(counts[order]) <= VALIDATION]])
