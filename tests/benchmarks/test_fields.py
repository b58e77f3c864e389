from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from stdnum.us import rtn

from benchmarks import fields
from pipeline.synthesis.sampler import HandwritingSampler


@pytest.fixture(scope="module")
def sampler() -> HandwritingSampler:
    return HandwritingSampler(invented=2).validation()


def test_png() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(fields.png(pixels)))), pixels)


def test_routing_numbers_have_their_check_digit() -> None:
    rng = np.random.default_rng(0)
    assert all(rtn.is_valid(fields.routing_number(rng)) for _ in range(50))


def test_single_pictures(sampler: HandwritingSampler) -> None:
    figures = fields.single_pictures(sampler, count=3)
    assert figures["fields"] == 3
    for model in ("lenet5-field", "lenet5-field-int8"):
        assert 0 < figures[model]["png_p50_ms"] < figures[model]["p50_ms"]


def test_known_check_digits(sampler: HandwritingSampler) -> None:
    figures = fields.routing_numbers(sampler, count=4)
    assert figures["numbers"] == 4
    for name in ("with", "without"):
        low, high = figures[name]["interval"]
        assert low <= figures[name]["error"] <= high


def test_a_folder(sampler: HandwritingSampler) -> None:
    figures = fields.folder_of_pictures(sampler, files=6, distinct=2)
    assert (figures["pictures"], figures["lines"]) == (6, 6)
    assert figures["seconds"] > 0
