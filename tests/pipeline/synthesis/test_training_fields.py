"""Fields to train on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.synthesis import invented_writers, joins, scenes
from pipeline.synthesis.amount_text import label
from pipeline.synthesis.generator import Generator, Sample, sources
from pipeline.synthesis.glyph_bank import GlyphSource, Writer
from pipeline.synthesis.training_fields import FIELDS, TrainingFields, draw_cohort, visible_text
from serving.images.field import normalize_field

COHORT_NUMBERS = (1, 2, 3)


@pytest.fixture(scope="module")
def collected() -> Generator:
    """Without MNIST and fonts, which not everybody has."""
    return Generator(sources(mnist=False, writers=2))


@pytest.fixture(scope="module")
def fields(collected: Generator) -> TrainingFields:
    return TrainingFields(collected)


@pytest.mark.parametrize("scene", scenes.SCENES)
def test_labels_boxes_and_pictures_belong_together(fields: TrainingFields, scene: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(6):
        sample = fields.sample(rng, COHORT_NUMBERS, scene)
        assert sample.picture.dtype == np.uint8
        assert sample.boxes.shape == (len(sample.text), 4)
        assert set(sample.text) <= set("0123456789.,/-x")
        assert (sample.boxes[:, :2] >= 0).all()
        assert (
            sample.boxes[:, :2] + sample.boxes[:, 2:] <= np.array(sample.picture.shape[::-1]) + 0.01
        ).all()


def test_equal_seeds_give_equal_fields_whatever_was_drawn_before(
    collected: Generator, fields: TrainingFields
) -> None:
    """So a training goes on exactly, in any process."""
    first = [fields.item(np.random.default_rng(seed), COHORT_NUMBERS) for seed in range(6)]
    invented_writers.draw_glyph.cache_clear()
    other = TrainingFields(collected)
    for seed in reversed(range(6)):
        pixels, text = other.item(np.random.default_rng(seed), COHORT_NUMBERS)
        assert text == first[seed][1]
        assert np.array_equal(pixels, first[seed][0])


def test_every_field_passes_the_normalization_with_all_its_digits(fields: TrainingFields) -> None:
    rng = np.random.default_rng(2)
    for _ in range(40):
        pixels, text = fields.item(rng, COHORT_NUMBERS)
        assert pixels.shape[0] == 32
        assert pixels.shape[1] > 1
        assert any(map(str.isdigit, text))


def test_a_field_whose_digits_vanish_is_drawn_again(
    fields: TrainingFields, monkeypatch: pytest.MonkeyPatch
) -> None:
    blank = fields.sample(np.random.default_rng(0), COHORT_NUMBERS)
    blank.picture[:] = 200
    good = next(
        sample
        for sample in (fields.sample(np.random.default_rng(seed), COHORT_NUMBERS) for seed in range(50))
        if (field := normalize_field(sample.picture)).problem is None and visible_text(sample, field)
    )
    samples = iter([blank, blank, good])
    monkeypatch.setattr(TrainingFields, "sample", lambda *arguments: next(samples))
    pixels, text = fields.item(np.random.default_rng(0), COHORT_NUMBERS)
    assert np.array_equal(pixels, normalize_field(good.picture).pixels)
    assert text


def test_cohorts_are_of_thousands() -> None:
    rng = np.random.default_rng(0)
    cohorts = [draw_cohort(rng, 20 * FIELDS) for _ in range(50)]
    assert {len(cohort) for cohort in cohorts} == {20}
    assert len(draw_cohort(rng, 1)) == 1
    assert len({number for cohort in cohorts for number in cohort}) > 900
    assert 0 <= min(map(min, cohorts)) < max(map(max, cohorts)) < invented_writers.COUNT


def test_other_seeds_have_other_writers(collected: Generator, fields: TrainingFields) -> None:
    other = TrainingFields(collected, seed=1)
    first, second = (
        drawn.sample(np.random.default_rng(4), COHORT_NUMBERS, "check") for drawn in (fields, other)
    )
    assert first.text == second.text
    assert not np.array_equal(first.boxes, second.boxes)


def test_collected_writers_write_with_marks_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """MNIST's have digits alone; UNIPEN's or invented ones write the marks, and zeros may be chained."""
    (drawn,) = sources(mnist=False, writers=2)
    digits = {char: drawn.writers[0].glyphs[char] for char in "0123456789"}
    others = [
        GlyphSource(drawn.bank, (Writer("mnist", digits),)),
        GlyphSource(drawn.bank, (Writer("unipen", {**digits, ".": drawn.writers[1].glyphs["."]}),)),
    ]
    monkeypatch.setattr(joins, "TIED", 0.0)
    fields = TrainingFields(Generator([drawn, *others]))
    rng = np.random.default_rng(0)
    texts = [fields.sample(rng, COHORT_NUMBERS).text for _ in range(30)]
    assert any("." in text for text in texts)
    assert any("00" in text for text in texts)


def painted_over(sample: Sample, symbol: int) -> str | None:
    """Reads a sample of which a symbol is painted over with paper."""
    picture = sample.picture.copy()
    x, y, width, height = sample.boxes[symbol].astype(int)
    picture[max(y - 1, 0) : y + height + 1, max(x - 1, 0) : x + width + 1] = np.median(picture)
    return visible_text(sample, normalize_field(picture))


def test_a_mark_that_the_normalization_takes_out_is_not_read(collected: Generator) -> None:
    """A point painted over with paper; the other one stays. Without a digit there is no reading."""
    rng = np.random.default_rng(2)
    samples = [collected.field(label("1.250.075"), rng) for _ in range(12)]
    assert [painted_over(sample, 1) for sample in samples].count("1250.075") > 6
    assert [visible_text(sample, normalize_field(sample.picture)) for sample in samples].count(
        "1.250.075"
    ) > 6
    field = normalize_field(samples[0].picture)
    assert visible_text(samples[0], replace(field, pixels=np.zeros_like(field.pixels))) is None
