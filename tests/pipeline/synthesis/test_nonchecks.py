from __future__ import annotations

import numpy as np
import pytest

from pipeline.synthesis import nonchecks


def field(rng: np.random.Generator) -> tuple[np.ndarray, str]:
    pixels = np.full((40, 120), 240, np.uint8)
    pixels[10:30, 10 : 20 + int(rng.integers(1, 90))] = 20
    return pixels, "1"


def test_every_kind_in_turn_and_equal_for_equal_seeds() -> None:
    pages = list(nonchecks.pictures(5, 3, field))
    assert [kind for kind, _ in pages] == [*nonchecks.KINDS, "letter"]
    for (_, page), (_, again) in zip(pages, nonchecks.pictures(5, 3, field), strict=True):
        assert page.dtype == np.uint8
        assert min(page.shape) >= 600
        np.testing.assert_array_equal(page, again)
    (_, other), *_ = nonchecks.pictures(1, 4, field)
    assert other.shape != pages[0][1].shape or (other != pages[0][1]).any()


@pytest.mark.parametrize("kind", ["letter", "form", "table"])
def test_pages_show_ink(kind: str) -> None:
    page = nonchecks.KINDS[kind](np.random.default_rng(0), field)
    assert 0.002 < (page < 128).mean() < 0.5
