from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.data import pen_digits
from pipeline.data.unipen import Character
from pipeline.synthesis import stroke_styles, writers
from pipeline.synthesis.digit_pictures import DigitPictures, main, plain_picture, plain_split, sheet
from serving.images.digit import normalize, tensor
from serving.repository.store import Repository
from tests.support import unipen_files

Source = tuple[list[Character], DigitPictures]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Two writers' digits in no order, and what draws them."""
    folder = tmp_path_factory.mktemp("unipen")
    unipen_files.write_digits(folder, ["ab", "cd"], copies=3)
    digits = pen_digits.load(folder)
    assert digits is not None
    rng = np.random.default_rng(0)
    characters = [digits.train[index] for index in rng.permutation(len(digits.train))]
    return characters, DigitPictures(writers.unipen(characters, rng), papers=6)


def accuracy(images: np.ndarray, labels: np.ndarray) -> float:
    probabilities = Repository.open().load("lenet5").network.infer(tensor(images))
    return float((probabilities.argmax(1) == labels).mean())


def test_every_digit_is_drawn_in_order(source: Source) -> None:
    characters, pictures = source
    assert pictures.labels.tolist() == [int(character.label) for character in characters]
    names = list(dict.fromkeys(character.writer for character in characters))
    assert pictures.writers.tolist() == [names.index(character.writer) for character in characters]


def test_a_split_can_be_read(source: Source) -> None:
    """The released model reads nine in ten of what it never saw drawn like this; no two passes are equal."""
    _, pictures = source
    first, second = pictures.split(1), pictures.split(2)
    assert (first.images.shape, first.images.dtype) == ((60, 28, 28), np.uint8)
    assert accuracy(first.images, first.labels) > 0.85
    assert all((a != b).any() for a, b in zip(first.images, second.images, strict=True))


def test_equal_seeds_draw_equal_pictures(source: Source) -> None:
    _, pictures = source
    first, second = (pictures.picture(7, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_invented_writers_are_drawn_alike() -> None:
    """Of their characters only the single digits."""
    source = writers.strokes(np.random.default_rng(0), 2)
    pictures = DigitPictures(source, papers=1)
    assert np.bincount(pictures.labels).tolist() == [4] * 10
    assert normalize(pictures.picture(0, np.random.default_rng(0))).any()


def test_a_plain_picture_shows_what_was_written() -> None:
    drawn = [
        plain_picture([stroke.astype(np.float32) for stroke in unipen_files.strokes(styles[0])])
        for styles in stroke_styles.DIGITS.values()
    ]
    assert all(picture.max() == 255 and picture.min() == 0 for picture in drawn)
    assert accuracy(np.stack([normalize(picture) for picture in drawn]), np.arange(10)) == 1


def test_a_plain_split_keeps_the_order(source: Source) -> None:
    characters, pictures = source
    split = plain_split(characters)
    np.testing.assert_array_equal(split.labels, pictures.labels)
    np.testing.assert_array_equal(split.images[3], normalize(plain_picture(characters[3].segment.strokes)))
    assert accuracy(split.images, split.labels) > 0.95


def test_a_sheet_has_a_row_for_each_digit(source: Source) -> None:
    drawn = np.asarray(sheet(source[1], columns=1))
    assert drawn.shape == (840, 168)
    assert all(np.ptp(row) > 100 for row in np.split(drawn[:, :84], 10))


def test_errors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "unipen").mkdir()
    (tmp_path / "unipen" / "a.tar").write_bytes(b"no archive")
    assert main([str(tmp_path / "sheet.png"), "--data-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
