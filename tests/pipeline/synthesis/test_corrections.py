import numpy as np
import pytest

from pipeline.synthesis import corrections

BOX = np.array([30, 10, 20, 30], np.float32)


def bar() -> np.ndarray:
    """A page with an upright bar in the box."""
    ink = np.full((50, 80), -30, np.float32)
    ink[10:40, 38:42] = 1.5
    return ink


def dash(digit: str = "") -> np.ndarray:
    """Another digit's ink: a level bar."""
    ink = np.full((30, 30), -30, np.float32)
    ink[14:17, 5:25] = 2
    return ink


def test_the_later_digit_stays_above_the_earlier_one() -> None:
    for seed in range(20):
        ink, before = bar(), bar()
        corrections.overwrite(ink, BOX, dash(), 1.5, np.random.default_rng(seed))
        assert (ink[before > 0] > before[before > 0]).all()
        more = (ink > 0) & (before <= 0)
        assert 10 < more.sum() < 80
        assert not more[:, :24].any()


def test_an_earlier_digit_may_reach_over_the_edge() -> None:
    for box in ((0, 0, 6, 8), (74, 44, 6, 6)):
        ink = bar()
        corrections.overwrite(ink, np.array(box, np.float32), dash(), 1.5, np.random.default_rng(0))
        assert ink.shape == (50, 80)
        assert (ink != bar()).any()


def test_a_blot_is_small() -> None:
    for seed in range(20):
        ink, before = bar(), bar()
        corrections.blot(ink, BOX, 1.5, np.random.default_rng(seed))
        assert (ink >= before).all()
        assert (ink > 0).sum() - (before > 0).sum() < 0.35 * BOX[2] * BOX[3]


def test_a_share_of_the_fields_is_corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {"overwrite": 0, "blot": 0}
    for kind in kinds:

        def count(*arguments: object, kind: str = kind) -> None:
            kinds[kind] += 1

        monkeypatch.setattr(corrections, kind, count)
    written = []

    def write(digit: str) -> np.ndarray:
        written.append(digit)
        return dash()

    rng = np.random.default_rng(0)
    for _ in range(4000):
        corrections.correct(bar(), BOX[None], "7", 1.5, write, rng)
    assert kinds["overwrite"] / 4000 == pytest.approx(corrections.OVERWRITTEN, abs=0.008)
    assert kinds["blot"] / 4000 == pytest.approx(corrections.BLOTTED, abs=0.006)
    assert len(written) == kinds["overwrite"]
    assert "7" not in written


def test_marks_are_not_corrected() -> None:
    ink = bar()
    for seed in range(100):
        corrections.correct(ink, BOX[None], "-", 1.5, dash, np.random.default_rng(seed))
    assert np.array_equal(ink, bar())
