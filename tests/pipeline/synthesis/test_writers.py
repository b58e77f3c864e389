import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from pipeline.data import digits, unipen
from pipeline.synthesis import glyph_bank, stroke_styles
from pipeline.synthesis import writers as handwriting
from serving.errors import CheckreaderError
from tests.support import unipen_files


@pytest.fixture(scope="module")
def invented() -> glyph_bank.GlyphSource:
    return handwriting.strokes(np.random.default_rng(0), count=6)


def test_every_writer_has_every_character(invented: glyph_bank.GlyphSource) -> None:
    characters = {*"0123456789", *stroke_styles.SEPARATORS, *stroke_styles.MARKS, "00", "000"}
    assert all(set(writer.glyphs) == characters for writer in invented.writers)
    used = [i for writer in invented.writers for index in writer.glyphs.values() for i in index]
    assert sorted(used) == list(range(len(invented.bank.maps)))


def test_boxes_are_those_of_the_ink(invented: glyph_bank.GlyphSource) -> None:
    bank = invented.bank
    for image, (x0, y0, x1, y1) in zip(bank.maps, bank.boxes.astype(int), strict=True):
        inked = np.argwhere(image > 128)
        assert len(inked)
        assert (*inked.min(0), *(inked.max(0) + 1)) == (y0, x0, y1, x1)


def test_no_glyph_is_cut_off(invented: glyph_bank.GlyphSource) -> None:
    border = np.ones((glyph_bank.ROWS, glyph_bank.COLUMNS), bool)
    border[1:-1, 1:-1] = False
    cut = (invented.bank.maps[:, border] > 128).any(1)
    assert cut.mean() < 0.01


def test_maps_are_distances(invented: glyph_bank.GlyphSource) -> None:
    """From one pixel to the next the distance to an edge changes by one pixel at most."""
    bank = invented.bank
    near = np.abs(np.diff(bank.maps[:100].astype(int), axis=2))
    inked = (bank.maps[:100, :, 1:] > 100) & (bank.maps[:100, :, :-1] > 100)
    assert np.percentile(near[inked], 99) <= glyph_bank.LEVELS * 1.6


def test_unipen_writers_keep_their_hands(tmp_path: Path) -> None:
    """A writer's digits are drawn with one pen, in the order of the characters, each as often as asked for."""
    unipen_files.write_digits(tmp_path, ["ab", "cd"], copies=1)
    (collection,) = unipen.open_collection(tmp_path, {"1a": unipen.DIGITS})
    source = handwriting.unipen(collection.characters, np.random.default_rng(0), variants=2)
    assert [writer.source for writer in source.writers] == ["unipen"] * 2
    for number, writer in enumerate(source.writers):
        assert writer.glyphs == {str(d): (20 * number + 2 * d, 20 * number + 2 * d + 1) for d in range(10)}
        assert len(set(source.bank.pens[20 * number : 20 * number + 20].tolist())) == 1
    heights = source.bank.boxes[:, 3] - source.bank.boxes[:, 1] - 2 * source.bank.pens
    np.testing.assert_allclose(heights, glyph_bank.UNIT, atol=3)
    assert (source.bank.maps[::2] != source.bank.maps[1::2]).any((1, 2)).all()


def test_unipens_marks_are_in_proportion_to_their_writers_digits(tmp_path: Path) -> None:
    """A dash half a digit wide, above the baseline; one of another size, or of a writer without digits, is left out."""
    rng = np.random.default_rng(0)
    digits_written = [("1", unipen_files.strokes(stroke_styles.DIGITS[1][0], rng))]
    dash = [np.array([[0, 0], [100, 0], [200, 0]])]
    unipen_files.write_file(tmp_path, "ab", "ab1", digits_written)
    unipen_files.write_file(tmp_path, "ab", "ab1", [("-", dash), ("-", [dash[0] * 5]), ("=", dash)], "1d")
    unipen_files.write_file(tmp_path, "ab", "ab2", [("-", dash)], "1d")
    digit, marks = unipen.open_collection(tmp_path, {"1a": unipen.DIGITS, "1d": handwriting.PEN_MARKS})
    source = handwriting.unipen(digit.characters, np.random.default_rng(0), marks=marks.characters)
    (writer,) = source.writers
    assert writer.glyphs == {"1": (0,), "-": (1,)}
    x0, y0, x1, y1 = source.bank.boxes[1]
    assert x1 - x0 - 2 * source.bank.pens[1] == pytest.approx(glyph_bank.UNIT / 2, abs=2)
    assert (y0 + y1) / 2 == pytest.approx(glyph_bank.BASE - 0.42 * glyph_bank.UNIT, abs=2)
    assert source.bank.bases[1] == glyph_bank.BASE


@pytest.fixture
def mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of MNIST with 6 writers of 20 pictures; each writer's pictures have a bar of the writer's height."""
    numbers = np.repeat(np.arange(6), 20)
    labels = np.tile(np.arange(10, dtype=np.uint8), 12)
    images = np.zeros((120, 28, 28), np.uint8)
    for image, number in zip(images, numbers, strict=True):
        image[4 : 12 + 2 * number, 12:15] = 255
    table = np.zeros((120, 8), ">i4")
    table[:, 2] = numbers
    for name, kind, content in zip(
        (*digits.MNIST, digits.WRITERS, digits.TEST_WRITERS),
        (8, 8, 8, 8, 12, 12),
        (images, labels, images, labels, table, table),
        strict=True,
    ):
        head = bytes([0, 0, kind, content.ndim]) + np.array(content.shape, ">i4").tobytes()
        (tmp_path / name).write_bytes(gzip.compress(head + content.tobytes()))
        checksum = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        monkeypatch.setitem(digits.SHA256, name, checksum)
    monkeypatch.setattr(digits, "VALIDATION", 40)
    return tmp_path


def test_mnists_writers_are_apart(mnist: Path) -> None:
    train, validation = (handwriting.mnist(mnist, part) for part in ("train", "validation"))
    assert (len(train.writers), len(validation.writers)) == (4, 2)
    heights = []
    for writer in (*train.writers, *validation.writers):
        source = train if writer in train.writers else validation
        index = [i for char in "0123456789" for i in writer.glyphs[char]]
        boxes = source.bank.boxes[index]
        (height,) = set((boxes[:, 3] - boxes[:, 1]).tolist())
        heights.append(height)
    assert len(set(heights)) == 6  # every writer once, none in both parts


def test_mnists_test_writers(mnist: Path) -> None:
    source = handwriting.mnist(mnist, "test")
    assert len(source.writers) == 6
    heights = [source.bank.boxes[writer.glyphs["0"][0]] for writer in source.writers]
    assert len({box[3] - box[1] for box in heights}) == 6


def test_mnists_test_writers_need_their_labels(mnist: Path) -> None:
    (mnist / digits.TEST_WRITERS).unlink()
    with pytest.raises(CheckreaderError, match=f"{digits.TEST_WRITERS}: not found"):
        handwriting.mnist(mnist, "test")


def test_barred_sevens_have_a_bar_more(mnist: Path) -> None:
    source = handwriting.mnist(mnist)
    for writer in source.writers:
        for plain, barred in zip(writer.glyphs["7"], writer.glyphs["7-"], strict=True):
            a, b = source.bank.maps[[plain, barred]].astype(int)
            assert (b >= a).all()
            assert np.ptp(source.bank.boxes[barred, ::2]) > np.ptp(source.bank.boxes[plain, ::2]) + 3


def test_folder_without_fonts(tmp_path: Path) -> None:
    with pytest.raises(CheckreaderError, match=r"python -m pipeline\.synthesis\.fonts"):
        handwriting.fonts(tmp_path)


def test_damaged_font(tmp_path: Path) -> None:
    (tmp_path / "hand.woff2").write_bytes(b"no font")
    with pytest.raises(CheckreaderError, match="not a readable font"):
        handwriting.fonts(tmp_path)
