"""Drawn items to train on."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.synthesis import check_parts
from pipeline.synthesis.combs import CombDrawing, CombField
from pipeline.synthesis.generator import Generator, sources
from pipeline.synthesis.sampler import HandwritingSampler
from serving.images.field import normalize_field


def test_the_generator_alone_decides() -> None:
    sampler = HandwritingSampler(invented=4)
    one, two = (sampler(np.random.default_rng(5), 12) for _ in range(2))
    for (pixels, text), (again, same) in zip(one, two, strict=True):
        np.testing.assert_array_equal(pixels, again)
        assert text == same
        assert pixels.shape[0] == 32


def test_a_block_does_not_depend_on_the_blocks_before() -> None:
    """A training that goes on draws what it would have drawn."""
    sampler = HandwritingSampler(invented=4)
    first = sampler(np.random.default_rng([5, 1]), 12)
    sampler(np.random.default_rng([5, 2]), 12)
    again = sampler(np.random.default_rng([5, 1]), 12)
    assert [text for _, text in first] == [text for _, text in again]
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(first, again, strict=True))


def test_plain_fields_stay_as_they_were() -> None:
    """By these, models are compared: no cohort writes them, no other device captures them."""
    sampler = HandwritingSampler(invented=4)
    source = Generator(sources(mnist=False, writers=4))
    picture, digits = sampler.field(np.random.default_rng(3))
    sample = source.sample(np.random.default_rng(3))
    assert np.array_equal(picture, sample.picture)
    assert digits == "".join(filter(str.isdigit, sample.text))


def test_some_hold_no_field() -> None:
    items = HandwritingSampler(invented=4)(np.random.default_rng(6), 200)
    empty = sum(not text for _, text in items)
    assert 0 < empty < 30
    assert len(items) == 200


def test_some_are_written_in_combs(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.full((40, 90), 255, np.uint8)
    picture[10:30, 20:24] = picture[10:30, 60:64] = 0
    monkeypatch.setattr(CombDrawing, "field", lambda *arguments: CombField(picture, "11", "boxes"))
    items = HandwritingSampler(invented=2)(np.random.default_rng(6), 200)
    assert len(items) == 200
    pixels = normalize_field(picture).pixels
    assert 3 < sum(text == "11" and np.array_equal(drawn, pixels) for drawn, text in items) < 30


def test_record_names_what_the_hands_are_made_of(tmp_path) -> None:
    (tmp_path / "a-font.woff2").write_bytes(b"glyphs")
    record = HandwritingSampler(fonts=tmp_path).record()
    assert record["digits"] is None
    assert record["unipen"] is None
    assert list(record["fonts"]) == ["a-font"]
    assert len(record["fonts"]["a-font"]) == 64


def test_some_are_cut_out_of_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    field = np.full((32, 50), 7, np.uint8)
    monkeypatch.setattr(check_parts, "item", lambda hands, rng: (field, "12.50"))
    items = HandwritingSampler(invented=2)(np.random.default_rng(6), 200)
    assert len(items) == 200
    assert 30 < sum(pixels is field for pixels, _ in items) < 70
