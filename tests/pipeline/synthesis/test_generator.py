from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.synthesis import amount_text
from pipeline.synthesis import generator as fields
from pipeline.synthesis.glyph_bank import GlyphSource, Writer
from serving.images.field import normalize_field

SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def generator() -> fields.Generator:
    """Without MNIST and fonts, which not everybody has."""
    return fields.Generator(fields.sources(mnist=False, writers=8))


@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_labels_boxes_and_ink_belong_together(generator: fields.Generator, seed: int) -> None:
    sample = generator.sample(np.random.default_rng(seed))
    height, width = sample.picture.shape
    assert sample.picture.dtype == np.uint8
    assert sample.boxes.shape == (len(sample.text), 4)
    assert set(sample.text) <= set("0123456789.,/-x")
    x, y, w, h = sample.boxes.T
    assert (x >= 0).all()
    assert (y >= 0).all()
    assert (w >= 1).all()
    assert (h >= 1).all()
    assert (x + w <= width).all()
    assert (y + h <= height).all()
    if sample.text.isdigit():
        assert (np.diff(x + w / 2) > 0).all()  # left to right
    paper = np.median(sample.picture)
    for box in sample.boxes.astype(int):
        inside = sample.picture[box[1] : box[1] + box[3], box[0] : box[0] + box[2]]
        assert inside.min() < paper * 0.9


def test_the_boxes_hold_all_ink_of_the_digits(generator: fields.Generator) -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        sample = generator.field(amount_text.label("2756"), rng)
        outside = np.ones(sample.picture.shape, bool)
        for x, y, w, h in sample.boxes.astype(int):
            outside[max(y - 2, 0) : y + h + 2, max(x - 2, 0) : x + w + 2] = False
        ink = normalize_field(np.where(outside, np.median(sample.picture), sample.picture).astype(np.uint8))
        assert ink.problem is None


@given(seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_same_seed_same_sample(generator: fields.Generator, seed: int) -> None:
    first, second = (generator.sample(np.random.default_rng(seed)) for _ in range(2))
    assert first.text == second.text
    assert np.array_equal(first.picture, second.picture)
    assert np.array_equal(first.boxes, second.boxes)


def test_two_generators_agree() -> None:
    first, second = (
        fields.Generator(fields.sources(mnist=False, writers=2)).sample(np.random.default_rng(5))
        for _ in range(2)
    )
    assert np.array_equal(first.picture, second.picture)


def test_validation_has_other_writers() -> None:
    train, validation = (
        fields.sources(mnist=False, part=part, writers=2)[0].bank.maps for part in ("train", "validation")
    )
    assert train.shape == validation.shape
    assert not np.array_equal(train, validation)


def test_a_field_says_what_it_was_asked_to(generator: fields.Generator) -> None:
    sample = generator.field(amount_text.label("$1.250.-"), np.random.default_rng(1))
    assert sample.text == "1.250.-"
    assert len(sample.boxes) == 7


def test_mnists_writers_get_unipens_marks() -> None:
    """Half of the fields, where the other writer has the mark; here a slash that is drawn as a dash."""
    (invented,) = fields.sources(mnist=False, writers=2)
    others = [
        GlyphSource(invented.bank, tuple(Writer(name, glyphs(writer)) for writer in invented.writers))
        for name, glyphs in (
            ("mnist", lambda writer: {char: writer.glyphs[char] for char in "0123456789"}),
            ("unipen", lambda writer: {"1": writer.glyphs["1"], "/": writer.glyphs["-"]}),
        )
    ]
    generator = fields.Generator([invented, *others])
    rng = np.random.default_rng(0)
    samples = [generator.field(amount_text.label("1/"), rng, "mnist") for _ in range(60)]
    level = [sample.boxes[1, 2] > 1.5 * sample.boxes[1, 3] for sample in samples]
    assert 0.25 < np.mean(level) < 0.75


def test_one_writer_writes_a_field(generator: fields.Generator) -> None:
    """The same digit looks alike within a field, other than in the next field."""
    rng = np.random.default_rng(7)
    within, between = [], []
    before = None
    for _ in range(40):
        sample = generator.field(amount_text.label("222"), rng)
        shapes = [w / h for _, _, w, h in sample.boxes]
        within.append(np.std(shapes))
        if before is not None:
            between.append(np.std([before, shapes[0]]))
        before = shapes[0]
    assert np.mean(within) < 0.75 * np.mean(between)


def test_sheet_from_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    assert fields.main([str(path)]) == 0
    with Image.open(path) as image:
        assert np.asarray(image).std() > 10


def test_missing_fonts_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fields.main([str(tmp_path / "sheet.png"), "--fonts", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "pipeline.synthesis.fonts" in error
    assert error.count("\n") == 1
