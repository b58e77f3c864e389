"""Opens the UNIPEN collection of pen trajectories (train_r01_v07, doi 10.5281/zenodo.1195803, CC BY 4.0).

The distribution is a folder or an archive of it (tar, tar.gz, tar.xz):

    data/1a/DONOR/…       segments of isolated digits (1d: of marks), which include
    include/DONOR/…       documentation and trajectories
"""

from __future__ import annotations

import hashlib
import lzma
import os
import tarfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.data.digits import VARIABLE, cache
from pipeline.data.unipen_format import Problem, Segment, read_segments
from serving.errors import CheckreaderError

NAME: Final = "unipen"
DOI: Final = "10.5281/zenodo.1195803"
DIGITS: Final = tuple("0123456789")
_BLOCK: Final = 2**20
_DAMAGED: Final = "not a tar archive, or a damaged one: get the file anew"
_ARCHIVES: Final = (".tar", ".tar.gz", ".tgz", ".tar.xz")


@dataclass(frozen=True)
class Character:
    """A character of a donor: the file that names it, and its segment."""

    donor: str
    file: str
    segment: Segment

    @property
    def label(self) -> str:
        """What was written."""
        return self.segment.label

    @property
    def writer(self) -> str:
        """The writer's name with the donor's, since two donors may use the same name."""
        return f"{self.donor}/{self.segment.writer or self.file}"


@dataclass(frozen=True)
class Collection:
    """The characters of a category in the order of their files, what was passed over, and the source's SHA-256."""

    characters: tuple[Character, ...]
    problems: tuple[Problem, ...]
    sha256: str


def locate(folder: Path | None) -> Path | None:
    """Returns where the collection lies: folder or archive; None where there is none.

    Args:
        folder: where the data sets lie, default $CHECKREADER_DATA, else the user's cache; the collection in it, or
            in its subfolder `unipen`, as a folder with `data/1a` or as the only archive there.

    Raises:
        CheckreaderError: several archives, of which one would have to be chosen.
    """
    root = folder or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else cache())
    for place in (root, root / NAME):
        if (place / "data" / "1a").is_dir():
            return place
    archives = sorted(path for path in (root / NAME).glob("*") if path.name.endswith(_ARCHIVES))
    if len(archives) > 1:
        raise CheckreaderError(f"{root / NAME}: {len(archives)} archives: keep one of them")
    return archives[0] if archives else None


def open_collection(source: Path, wanted: Mapping[str, Sequence[str] | None]) -> tuple[Collection, ...]:
    """Reads the characters of some categories.

    Args:
        source: a folder or an archive, as `locate` returns it. An archive's files are held in memory.
        wanted: by category, a folder below `data` such as "1a" for digits or "1d" for marks, the labels to read;
            None = any. Digits with another label are problems, marks are left out silently.

    Returns:
        A collection for each category, in their order.

    Raises:
        CheckreaderError: the source is missing, damaged, or has no file of a category.
    """
    files, read, sha256 = (_open_folder if source.is_dir() else _open_archive)(source, tuple(wanted))
    parts: list[tuple[tuple[Character, ...], tuple[Problem, ...]]] = []
    for category, labels in wanted.items():
        characters, problems = [], []
        names = [file for file in files if file.startswith(f"data/{category}/")]
        if not names:
            raise CheckreaderError(f"{source}: no files in data/{category}: not a UNIPEN distribution")
        for file in names:
            segments, passed_over = read_segments(file, read)
            problems += passed_over
            for segment in segments:
                if labels is None or segment.label in labels:
                    characters.append(Character(file.split("/")[2], file, segment))
                elif labels == DIGITS:
                    reason = f"label {segment.label!r} is not a digit 0–9"
                    problems.append(Problem(file, segment.line, reason))
        parts.append((tuple(characters), tuple(problems)))
    return tuple(Collection(*part, sha256()) for part in parts)


# Names of files below `data`, a function that reads a file by any spelling of its name, and one for the SHA-256.
_Opened = tuple[list[str], Callable[[str], str | None], Callable[[], str]]


def _open_folder(source: Path, categories: tuple[str, ...]) -> _Opened:
    """Opens a folder; its SHA-256 is that of the files that were read."""
    digest = hashlib.sha256()
    paths = {
        path.relative_to(source).as_posix(): path
        for folder in ("include", *(f"data/{category}/*" for category in categories))
        for path in sorted(source.glob(f"{folder}/**/*"))
        if path.is_file()
    }
    texts: dict[str, str] = {}

    def read_file(name: str) -> str:
        if name not in texts:
            try:
                content = paths[name].read_bytes()
            except OSError as error:
                raise CheckreaderError(f"{paths[name]}: cannot read it: {error.strerror}") from None
            digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
            texts[name] = content.decode("latin-1")
        return texts[name]

    return _data_files(paths), _by_spelling(paths, read_file), digest.hexdigest


def _open_archive(source: Path, categories: tuple[str, ...]) -> _Opened:
    """Opens an archive; its SHA-256 is that of the archive itself."""
    contents: dict[str, bytes] = {}
    try:
        with source.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        with tarfile.open(source) as archive:
            for member in archive:
                name = _inside(member.name, categories)
                if name and (stream := archive.extractfile(member)):
                    contents[name] = stream.read()
            # `tarfile` ends at a damaged header as at the end, where nothing but zeros follows. Checksums come last.
            if archive.fileobj is None or any(map(any, iter(lambda: archive.fileobj.read(_BLOCK), b""))):
                raise tarfile.ReadError
    except OSError as error:
        raise CheckreaderError(f"{source}: {error.strerror or _DAMAGED}") from None
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError):
        raise CheckreaderError(f"{source}: {_DAMAGED}") from None
    read = _by_spelling(contents, lambda name: contents[name].decode("latin-1"))
    return _data_files(contents), read, lambda: sha256


def _inside(member: str, categories: tuple[str, ...]) -> str | None:
    """Returns a member's name from `data/CATEGORY/` or `include/` on, whatever folders the archive puts before."""
    parts = member.split("/")
    for index, part in enumerate(parts):
        if part == "include" or (part == "data" and "".join(parts[index + 1 : index + 2]) in categories):
            return "/".join(parts[index:])
    return None


def _data_files(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith("data/") and name.count("/") > 2)


def _by_spelling(names: Iterable[str], read_file: Callable[[str], str]) -> Callable[[str], str | None]:
    """Returns a function that reads a file by a name as statements spell it: from `include` on, letters of either case."""
    exact = set(names)
    folded = {name.lower(): name for name in exact}

    def read(name: str) -> str | None:
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
        path = "/".join(parts if parts and parts[0].lower() in ("data", "include") else ["include", *parts])
        spelled = path if path in exact else folded.get(path.lower())
        return None if spelled is None else read_file(spelled)

    return read
