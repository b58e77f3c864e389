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


def test_wider_margins_are_kept() -> None:
    ink = np.full((60, 90), -30, np.float32)
    ink[20:40, 30:50] = 3
    box = np.array([[30, 20, 20, 20]], np.float32)
    for seed in range(10):
        plain, _ = scanner.cut(ink, box, np.random.default_rng(seed))
        wide, moved = scanner.cut(ink, box, np.random.default_rng(seed), (7, 5, 40, 11))
        assert np.abs(np.array(wide.shape) - plain.shape - (12, 51)).max() <= 1
        assert moved[0, 0] >= 40


def test_a_pencil_is_paler_and_grainier_than_a_felt_pen() -> None:
    darkest, grain = [], []
    for tool in (scanner.PENCIL, scanner.FELT_PEN):
        levels = []
        for seed in range(20):
            page = np.full((40, 120), -30, np.float32)
            page[10:30, 20:100] = 4
            gray = scanner.expose(page, STOCK, np.random.default_rng(seed), 0.0, tool=tool).astype(float)
            paper = np.median(gray[:6])
            levels.append((gray[14:26, 30:90].mean() / paper, gray[14:26, 30:90].std() / paper))
        darkest.append(np.mean([mean for mean, _ in levels]))
        grain.append(np.mean([deviation for _, deviation in levels]))
    assert darkest[0] > darkest[1] + 0.2
    assert grain[0] > 1.3 * grain[1]
