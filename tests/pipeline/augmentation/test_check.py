from __future__ import annotations

import itertools

import numpy as np
import pytest

from pipeline.augmentation import check
from pipeline.networks.check_fields import NETWORK
from serving.recognition.check_locator import FIELDS, find_boxes, grid, thumbnail
from tests.support import tiny_check


def flat_check(seed: int = 0) -> check.FlatCheck:
    pixels, places = tiny_check.picture(np.random.default_rng(seed))
    height, width = pixels.shape
    return check.flatten(pixels, np.array([(0, 0), (width, 0), (width, height), (0, height)], float), places)


def test_plain_views_are_what_the_service_sees() -> None:
    pixels, _ = tiny_check.picture(np.random.default_rng(0))
    ours, served = check.plain(flat_check()).astype(int), thumbnail(pixels).astype(int)
    assert np.abs(ours - served).mean() < 12


def test_views_show_the_fields_where_their_places_say() -> None:
    """The stripes of a field are darker than the paper around it; what is upside down has no places."""
    views = check.views(flat_check(), 40, [0])
    assert 2 <= sum(not view.places for view in views) <= 16
    for view in views:
        for left, top, right, bottom in view.places.values():
            x0, x1 = (int(np.clip(edge, 0, 1) * 288) for edge in (left, right))
            y0, y1 = (int(np.clip(edge, 0, 1) * 128) for edge in (top, bottom))
            inside = view.pixels[y0 + 2 : y1 - 2, x0 + 4 : x1 - 4]
            if inside.size > 20:
                assert inside.mean() > view.pixels.mean()


def test_equal_seeds_give_equal_views() -> None:
    one, other, third = (check.views(flat_check(), 2, [seed]) for seed in (3, 3, 4))
    assert all((a.pixels == b.pixels).all() and a.places == b.places for a, b in zip(one, other, strict=True))
    assert (one[0].pixels != third[0].pixels).any()


def test_batches_depend_on_seed_and_number_alone() -> None:
    pool = check.views(flat_check(), 6, [0])
    whole = list(itertools.islice(check.batches(pool, 3, 1), 4))
    later = next(check.batches(pool, 3, 1, 3))
    for ours, theirs in zip(whole[3], later, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    images, targets = whole[0]
    assert images.shape == (3, 128, 288, 1)
    assert targets.shape == (3, NETWORK.steps, NETWORK.classes)
    assert 0 <= images.min() <= images.max() <= 1


def test_targets_are_shares() -> None:
    places = {"amount": (0.5, 0.3, 0.7, 0.5), "words": (0.4, 0.4, 0.6, 0.6), "date": (0.9, -0.1, 1.2, 0.1)}
    shares = check.target(places)
    np.testing.assert_allclose(shares.sum(-1), 1, rtol=1e-6)
    assert shares.min() >= 0
    boxes, _ = find_boxes(grid(shares))
    assert boxes["amount"] == pytest.approx(places["amount"], abs=0.02)  # it comes before the words
    assert boxes["date"] == pytest.approx((0.9, 0, 1, 0.1), abs=0.02)  # what lies outside is cut
    assert set(boxes) == set(places) <= set(FIELDS)
