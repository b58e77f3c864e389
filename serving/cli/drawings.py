"""Names the pictures that `checkreader read --draw` draws predictions into."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from serving.errors import CheckreaderError

_PICTURES: Final = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


def target(draw: Path, file: str, page: int, drawn: Collection[Path]) -> Path:
    """Returns the file that a page is drawn into.

    Pages after the first have their number in its name, and so have pictures of one name from several folders.
    """
    suffix = f"-page{page}" if page > 1 else ""
    if _is_picture(draw):
        return draw.with_stem(f"{draw.stem}{suffix}")
    draw.mkdir(parents=True, exist_ok=True)
    stem = f"{'stdin' if file == '-' else Path(file).name}{suffix}"
    numbers = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    paths = (draw / f"{stem}{number}.png" for number in numbers)
    return next(path for path in paths if path not in drawn)


def require_name(draw: Path, files: Sequence[str]) -> None:
    """Refuses a name that is neither a picture's, for one file, nor a folder's, or that is one of the files.

    Raises:
        CheckreaderError: it is such a name, or the folder above the picture is missing.
    """
    count = len(files)
    if any(draw.is_file() and Path(file).is_file() and draw.samefile(file) for file in files):
        raise CheckreaderError(f"--draw {draw}: is the picture that is read: name another file")
    if _is_picture(draw) and not draw.parent.is_dir():
        raise CheckreaderError(f"--draw {draw}: there is no folder {draw.parent}")
    if count > 1 and _is_picture(draw):
        raise CheckreaderError(f"--draw {draw}: {count} files are drawn into a folder, not into a picture")
    if draw.suffix and not _is_picture(draw) and not draw.is_dir():
        raise CheckreaderError(f"--draw {draw}: neither a folder nor a picture ({', '.join(_PICTURES)})")


def _is_picture(draw: Path) -> bool:
    return draw.suffix.lower() in _PICTURES and not draw.is_dir()
