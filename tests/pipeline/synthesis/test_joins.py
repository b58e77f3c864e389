import numpy as np
import pytest
from scipy import ndimage

from pipeline.synthesis import joins
from pipeline.synthesis.writing_style import writing_style


def rings(count: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Draws rings in a row, which do not touch; returns them with their boxes."""
    ink = np.full((60, 40 * count + 20), -30, np.float32)
    y, x = np.mgrid[0:60, 0 : ink.shape[1]]
    for k in range(count):
        ink = np.maximum(ink, 2 - np.abs(np.hypot(x - 30 - 40 * k, y - 30) - 14)).astype(np.float32)
    return ink, np.array([(14 + 40 * k, 14, 33, 33) for k in range(count)], np.float32)


def parts(ink: np.ndarray) -> int:
    return int(ndimage.label(ink > 0, np.ones((3, 3)))[1])


def joined(
    text: str, monkeypatch: pytest.MonkeyPatch, tied: float, running: float, seed: int = 0
) -> np.ndarray:
    monkeypatch.setattr(joins, "TIED", tied)
    monkeypatch.setattr(joins, "RUNNING", running)
    monkeypatch.setattr(joins, "RUNS", 1.0)
    ink, boxes = rings(len(text))
    joins.join_digits(ink, boxes, text, 2.0, np.random.default_rng(seed))
    return ink


def test_zeros_are_tied_at_their_tops(monkeypatch: pytest.MonkeyPatch) -> None:
    ink = joined("000", monkeypatch, 1.0, 0.0)
    assert parts(ink) == 1
    assert (ink[12:22, 50] > 0).any()
    assert not (ink[30:, 50] > 0).any()
    assert parts(joined("505", monkeypatch, 1.0, 0.0)) == 3


def test_strokes_run_on_from_one_digit_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parts(joined("253", monkeypatch, 0.0, 1.0)) == 1


def test_marks_are_not_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parts(joined("2.3", monkeypatch, 1.0, 1.0)) == 3


def test_what_is_apart_stays_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cents that are raised, and digits far from each other."""
    for moved in ((30, 0, 0, 0), (0, -40, 0, 0), (0, 0, 0, -20)):
        monkeypatch.setattr(joins, "TIED", 1.0)
        ink, boxes = rings(2)
        boxes[1] += moved
        before = ink.copy()
        joins.join_digits(ink, boxes, "00", 2.0, np.random.default_rng(0))
        assert np.array_equal(ink, before)


def test_a_share_of_the_fields_is_joined() -> None:
    rng = np.random.default_rng(0)
    counts = 0
    for _ in range(400):
        ink, boxes = rings(2)
        joins.join_digits(ink, boxes, "00", 2.0, rng)
        counts += parts(ink) == 1
    assert counts / 400 == pytest.approx(joins.TIED + 0.88 * 0.5 * joins.RUNNING, abs=0.05)


def test_a_share_of_the_fields_is_written_closely() -> None:
    rng = np.random.default_rng(0)
    gaps = []
    for _ in range(2000):
        style = writing_style(rng, True)
        close = joins.close_style(style, rng)
        gaps.append(close.gap != style.gap)
        assert close.overlap < 0.5
    assert np.mean(gaps) == pytest.approx(joins.CLOSE, abs=0.03)
