import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.synthesis import scanner, writers

STOCK = scanner.paper_stock(np.random.default_rng(0), 6)
BANK = writers.strokes(np.random.default_rng(0), 2).bank


@given(seed=st.integers(0, 2**32 - 1), height=st.integers(2, 250), width=st.integers(2, 900))
@settings(max_examples=25, deadline=None)
def test_any_size_of_ink(seed: int, height: int, width: int) -> None:
    ink = np.full((height, width), 2.0, np.float32)
    boxes = np.array([[0, 0, width, height]], np.float32)
    gray, moved = scanner.scan(ink, boxes, STOCK, BANK, np.random.default_rng(seed))
    assert gray.dtype == np.uint8
    x, y, w, h = moved[0]
    assert x >= 0
    assert y >= 0
    assert x + w <= gray.shape[1]
    assert y + h <= gray.shape[0]


def test_boxes_follow_the_cut() -> None:
    ink = np.full((60, 90), -30, np.float32)
    ink[20:40, 30:50] = 3
    for seed in range(20):
        gray, boxes = scanner.scan(
            ink, np.array([[30, 20, 20, 20]], np.float32), STOCK, BANK, np.random.default_rng(seed)
        )
        x, y, w, h = boxes[0].astype(int)
        inside = gray[y : y + h, x : x + w]
        assert np.median(inside) < 0.75 * np.median(gray[:, [0, -1]])


def test_neighbors_reach_in_without_covering() -> None:
    """Tips of glyphs at the edges, most of whose frame stays paper."""
    shares = []
    for seed in range(60):
        page = np.full((60, 150), -30, np.float32)
        scanner.draw_neighbor(page, BANK, np.random.default_rng(seed))
        inked = page > 0
        assert not inked[25:35, :100].any()
        shares.append(inked.mean())
    assert 0 < np.mean(shares) < 0.03


def test_without_clutter_paper_is_bare() -> None:
    """No rules, no neighbors and no pattern between two strokes, which stay as dark as on a check."""
    ink = np.full((40, 200), -30, np.float32)
    ink[10:30, 10:20] = ink[10:30, 180:190] = 3
    box = np.array([[10, 10, 10, 20]], np.float32)
    spreads: dict[float, list[float]] = {0.0: [], 1.0: []}
    for clutter, spread in spreads.items():
        for seed in range(40):
            gray, boxes = scanner.scan(ink, box, STOCK, BANK, np.random.default_rng(seed), clutter)
            x, y, w, h = boxes[0].astype(int)
            beside = gray[:, x + w + 4 : x + 160].astype(float)
            assert np.median(gray[y : y + h, x : x + w]) < 0.75 * np.median(beside)
            spread.append(float(np.ptp(beside) / beside.mean()))
    assert max(spreads[0.0]) < 0.25 < np.median(spreads[1.0])
