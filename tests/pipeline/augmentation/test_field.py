"""Batches of fields to train on."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.augmentation import field
from pipeline.config import FieldTrainConfig
from pipeline.networks.lenet5_field import ALPHABET, SLIDING
from pipeline.synthesis.sampler import Item
from serving.decoding.alphabet import Alphabet
from serving.images import sliding_window
from tests.support.paths import ROOT


def items(count: int, seed: int = 0) -> list[Item]:
    """Fields whose first ink column says which they are."""
    rng = np.random.default_rng(seed)
    made: list[Item] = []
    for i in range(count):
        pixels = np.zeros((32, int(rng.integers(20, 120))), np.uint8)
        pixels[6:26] = 200
        made.append((pixels, f"{i % 10}.{i % 7}"))
    return made


def make(rng: np.random.Generator, count: int) -> list[Item]:
    return items(count, int(rng.integers(1000)))


def test_equal_seeds_draw_equal_blocks_however_many_draw() -> None:
    def first(processes: int) -> list[list[Item]]:
        blocks = field.draw_blocks(make, 3, processes)
        taken = list(itertools.islice(blocks, 3))
        blocks.close()
        return taken

    one, two = first(1), first(2)
    for a, b in zip(one, two, strict=True):
        assert all(np.array_equal(x, y) and text == other for (x, text), (y, other) in zip(a, b, strict=True))
    assert not np.array_equal(one[0][0][0], one[1][0][0])


def test_blocks_begin_anywhere() -> None:
    blocks = field.draw_blocks(make, 3, 1, first=1)
    second = next(blocks)
    blocks.close()
    blocks = field.draw_blocks(make, 3)
    _, expected = itertools.islice(blocks, 2)
    blocks.close()
    assert [text for _, text in second] == [text for _, text in expected]
    assert all(np.array_equal(x, y) for (x, _), (y, _) in zip(second, expected, strict=True))


def test_padded() -> None:
    fields = items(5)
    batch = field.make_batch(fields, ALPHABET)
    assert batch.image.shape[2] % SLIDING.bucket == 0
    for row, (pixels, text) in enumerate(fields):
        width = pixels.shape[1]
        np.testing.assert_array_equal(
            batch.image[row, :, SLIDING.left : SLIDING.left + width, 0], pixels / np.float32(255)
        )
        assert batch.image[row, :, SLIDING.left + width :].max() == 0
        assert batch.steps[row] == sliding_window.steps(width, SLIDING)
        assert tuple(batch.labels[row, :3]) == ALPHABET.labels(text)
    assert batch.labels.max() == 10


def test_fields_without_text() -> None:
    batch = field.make_batch([(np.zeros((32, 9), np.uint8), "")], ALPHABET)
    assert batch.labels.tolist() == [[-1]]


def test_every_field_is_seen_as_often_as_wanted() -> None:
    fields = items(192)
    batches = list(field.batches(fields, 64, 2, np.random.default_rng(0), ALPHABET))
    assert [len(batch.steps) for batch in batches] == [64] * 6
    seen = np.concatenate([batch.labels[:, 0] for batch in batches])
    np.testing.assert_array_equal(np.bincount(seen), 2 * np.bincount([int(text[0]) for _, text in fields]))


def test_share_of_real_fields() -> None:
    real = [(pixels, "1") for pixels, _ in items(10)]
    synthetic = [(pixels, "2") for pixels, _ in items(10, 1)]
    config = FieldTrainConfig(real=0.25)
    batches = list(
        itertools.islice(
            field.mixed_batches(lambda rng: real[rng.integers(len(real))], synthetic, config, ALPHABET, ","),
            64,
        )
    )
    assert abs(np.mean([batch.labels[0, 0] == 1 for batch in batches]) - 0.25) < 0.05
    for batch in batches:
        undeclared = [
            symbol for symbol, named in zip(ALPHABET.symbols, batch.declared, strict=False) if not named
        ]
        assert (set(batch.labels[:, 0]), undeclared) in (({2}, []), ({1}, [*"./-x"]))
        assert batch.declared[-1]


def test_drawn_batches_go_on_within_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of 8 blocks of 16 fields are 4 batches each."""

    def draw_blocks(sample, seed: int, processes: int, first: int):
        for number in itertools.count(first):
            yield sample(np.random.default_rng([seed, number]), 16)

    monkeypatch.setattr(field, "draw_blocks", draw_blocks)
    config = FieldTrainConfig(batch=32, views=1, seed=2)
    whole, other = (field.drawn_batches(make, config, ALPHABET) for _ in range(2))
    other.seek((1, 2))
    batch, expected = next(other), next(itertools.islice(whole, 4 + 2, None))
    assert whole.place == other.place == (1, 3)
    np.testing.assert_array_equal(batch.image, expected.image)


def test_an_alphabet_without_a_mark_drops_it() -> None:
    pixels = np.zeros((32, 90), np.uint8)
    either = Alphabet("0123456789·")
    batch = field.make_batch([(pixels, "1.250,50/-"), (pixels, "7x")], either, ".,/")
    assert batch.labels.tolist() == [[1, 10, 2, 5, 0, 10, 5, 0], [7] + 7 * [-1]]
    assert batch.declared.all()
    assert not field.make_batch([(pixels, "7")], either, "/").declared[10]


def test_readable() -> None:
    narrow = np.zeros((32, 3), np.uint8)  # two steps
    assert sliding_window.steps(3, SLIDING) == 2
    assert field.alignable(narrow, "12", ALPHABET)
    assert not field.alignable(narrow, "11", ALPHABET)  # a blank belongs between them
    assert not field.alignable(narrow, "123", ALPHABET)


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_distorting_keeps_form_and_paper(width: int, seed: int) -> None:
    pixels = np.full((32, width), 0, np.uint8)
    pixels[10:20] = 255
    out = field.distort(pixels, np.random.default_rng(seed))
    assert out.shape[0] == 32
    assert out.dtype == np.uint8
    assert 0.5 * width - 2 <= out.shape[1] <= 1.8 * width + 3  # rounded twice
    assert not field.distort(np.zeros_like(pixels), np.random.default_rng(seed)).any()


def test_distorting_without_strength_is_still_a_digit() -> None:
    pixels = items(1)[0][0]
    out = field.distort(pixels, np.random.default_rng(0), 0.0)
    assert out.max() > 100


_DRAWING = """
import os
import sys

from pipeline.augmentation.field import draw_blocks


def sample(rng, count):
    return [os.getpid()]


if __name__ == "__main__":
    blocks = draw_blocks(sample, 0)
    print(next(blocks)[0], flush=True)
    sys.stdin.read()
"""


def test_processes_that_draw_end_with_a_training_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "drawing.py"
    script.write_text(_DRAWING)
    with subprocess.Popen(
        [sys.executable, script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as training:
        assert training.stdout is not None
        drawing = psutil.Process(int(training.stdout.readline()))
        training.kill()
        drawing.wait(timeout=60)
    assert not drawing.is_running()
