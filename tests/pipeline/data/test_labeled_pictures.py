from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data import labeled_pictures
from pipeline.synthesis import digit_drawing
from serving.errors import CheckreaderError


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Three pictures of every digit, LABEL/*.png."""
    rng = np.random.default_rng(0)
    for number in range(30):
        path = tmp_path / "own" / str(number % 10) / f"{number // 10}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digit_drawing.digit(number % 10, rng)).save(path)
    return tmp_path / "own"


def test_pictures_and_labels(own: Path) -> None:
    images, labels = labeled_pictures.read(own)
    assert (images.shape, images.dtype, labels.dtype) == ((30, 28, 28), np.uint8, np.uint8)
    assert labels.tolist() == sorted(list(range(10)) * 3)
    assert images.any((1, 2)).all()


def test_all_that_cannot_be_used_is_named_at_once(own: Path) -> None:
    for number in range(12):
        (own / "3" / f"x{number:02}.png").write_bytes(b"no picture")
    with pytest.raises(CheckreaderError) as caught:
        labeled_pictures.read(own)
    message = str(caught.value)
    assert [f"x{number:02}.png: not a picture" in message for number in range(12)] == [True] * 10 + [
        False
    ] * 2
    assert message.endswith("; and 2 more (12 of 42 pictures cannot be used)")


def test_a_folder_that_cannot_be_read_is_no_empty_one(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = Path.iterdir

    def iterdir(folder: Path) -> Iterator[Path]:
        if folder.name == "7":
            raise PermissionError(13, "Permission denied", str(folder))
        return entries(folder)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with pytest.raises(CheckreaderError, match=r"own/7: Permission denied$"):
        labeled_pictures.read(own)
