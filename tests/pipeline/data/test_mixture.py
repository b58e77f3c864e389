from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pipeline.data import digits, mixture
from pipeline.data.digits import Split
from pipeline.data.mixture import Mixture, Source


def split(count: int, level: int) -> Split:
    return Split(np.full((count, 28, 28), level, np.uint8), np.arange(count, dtype=np.uint8) % 10)


@pytest.fixture
def two() -> Mixture:
    validation = {"b": split(3, 7), "b_other": split(4, 8)}
    first = Source("a", 0.8, (split(5, 1).images,), split(5, 1).labels, {"a": split(2, 9)}, True, {})
    passes = [split(3, level).images for level in (2, 3)]
    return Mixture((first, Source("b", 0.2, passes, split(3, 2).labels, validation, True, {"sha256": "00"})))


def test_pictures_of_each_pass(two: Mixture) -> None:
    assert two.labels.tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
    for number, levels in enumerate(([1] * 5 + [2] * 3, [1] * 5 + [3] * 3, [1] * 5 + [2] * 3)):
        assert two.pictures(number)[:, 0, 0].tolist() == levels


@pytest.mark.parametrize(("batch", "counts"), [(10, (8, 2)), (256, (205, 51)), (2, (1, 1))])
def test_counts_of_a_batch(two: Mixture, batch: int, counts: tuple[int, int]) -> None:
    assert two.counts(batch) == counts


def test_what_certifies_is_pooled(two: Mixture) -> None:
    """Under a source's own name alone; others are only measured."""
    assert two.validation.images[:, 0, 0].tolist() == [9] * 2 + [7] * 3
    assert two.validation.labels.tolist() == [0, 1, 0, 1, 2]
    assert {name: len(part.labels) for name, part in two.validations.items()} == {
        "a": 2,
        "b": 3,
        "b_other": 4,
    }
    silent = Mixture((two.sources[0], dataclasses.replace(two.sources[1], certifies=False)))
    assert len(silent.validation.labels) == 2


def test_record(two: Mixture) -> None:
    assert two.record()[1] == {
        "name": "b",
        "share": 0.2,
        "digits": 3,
        "passes": 2,
        "validation": {"b": 3, "b_other": 4},
        "certifies": True,
        "sha256": "00",
    }
    assert two.summary() == "sources: a 80% (5 digits), b 20% (3 digits); thresholds are fitted on 5 digits"


def test_a_data_set_alone() -> None:
    data = digits.load("digits")
    single = mixture.alone(data)
    assert single.counts(64) == (64,)
    assert np.array_equal(single.pictures(3), data.train.images)
    assert np.array_equal(single.validation.images, data.validation.images)
