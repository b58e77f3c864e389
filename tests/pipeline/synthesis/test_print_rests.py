import numpy as np
import pytest

from pipeline.synthesis import print_rests

BOXES = np.array([[40, 20, 20, 30], [70, 20, 20, 30]], np.float32)
SIZE = 70, 130


def shares(monkeypatch: pytest.MonkeyPatch, ruled: float = 0.0, worded: float = 0.0) -> None:
    monkeypatch.setattr(print_rests, "RULED", ruled)
    monkeypatch.setattr(print_rests, "WORDED", worded)


def test_most_fields_have_no_more_print() -> None:
    rng = np.random.default_rng(0)
    prints = [print_rests.check_print(SIZE, BOXES, 0, rng) is not None for _ in range(600)]
    expected = 1 - (1 - print_rests.RULED) * (1 - print_rests.WORDED)
    assert np.mean(prints) == pytest.approx(expected, abs=0.05)
    signs = [print_rests.currency_width(30, rng) for _ in range(2000)]
    assert np.mean([sign > 0 for sign in signs]) == pytest.approx(print_rests.SIGNED, abs=0.02)


def test_rules_are_long_and_level(monkeypatch: pytest.MonkeyPatch) -> None:
    shares(monkeypatch, ruled=1.0)
    lengths = []
    for seed in range(12):
        light = print_rests.check_print(SIZE, BOXES, 0, np.random.default_rng(seed))
        assert light is not None
        assert light.shape == SIZE
        assert 0 < light.min() < 0.95
        assert light.max() <= 1
        rows = (light < 0.97).any(1)
        assert rows.mean() < 0.3
        lengths.append((light < 0.97).any(0).mean())
    assert np.median(lengths) > 0.9


@pytest.mark.parametrize("seed", range(16))
def test_a_currency_sign_stands_in_front(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    shares(monkeypatch)
    light = print_rests.check_print(SIZE, BOXES, 30, np.random.default_rng(seed))
    assert light is not None
    rows, columns = np.nonzero(light < 0.9)
    assert len(columns)
    assert columns.max() < BOXES[0, 0]
    assert rows.min() > 5
    assert rows.max() < 65


def test_words_reach_in_from_above_or_below(monkeypatch: pytest.MonkeyPatch) -> None:
    shares(monkeypatch, worded=1.0)
    inked = 0
    for seed in range(12):
        light = print_rests.check_print(SIZE, BOXES, 0, np.random.default_rng(seed))
        assert light is not None
        rows = np.flatnonzero((light < 0.9).any(1))
        inked += bool(len(rows))
        assert not len(rows) or rows.max() < 12 or rows.min() > 57
    assert inked > 7


def test_a_cell_has_borders_near_its_edges() -> None:
    sides = []
    for seed in range(30):
        light = print_rests.cell_print((60, 120), np.random.default_rng(seed))
        assert (light[20:40, 30:90] == 1).all()
        sides.append(
            [
                (part < 0.97).any()
                for part in (light[:15, 40:80], light[45:, 40:80], light[20:40, :15], light[20:40, 105:])
            ]
        )
    below_and_right, left = np.mean(sides, 0)[[1, 3]], np.mean(sides, 0)[2]
    assert (below_and_right > 0.5).all()
    assert 0.1 < left < below_and_right.min()


def test_descenders_end_in_the_upper_half(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(print_rests, "DESCENDING", 1.0)
    inked = 0
    for seed in range(12):
        page = np.full(SIZE, -30, np.float32)
        print_rests.descend(page, BOXES, 1.5, np.random.default_rng(seed))
        assert not (page[35:] > 0).any()
        inked += (page > 0).any()
    assert inked > 9
    monkeypatch.setattr(print_rests, "DESCENDING", 0.0)
    page = np.full(SIZE, -30, np.float32)
    print_rests.descend(page, BOXES, 1.5, np.random.default_rng(0))
    assert (page == -30).all()
