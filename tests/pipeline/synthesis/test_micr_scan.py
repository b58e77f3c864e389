"""A scan keeps what its crop shows: positions that its edge cuts away are left out."""

from __future__ import annotations

import numpy as np

from pipeline.synthesis.micr_scan import scan_line
from pipeline.synthesis.scanner import paper_stock


def test_positions_that_are_cut_away_are_left_out() -> None:
    rng = np.random.default_rng(0)
    stock = paper_stock(rng, 2)
    ink = np.full((100, 540), -3, np.float32)
    middles = [(50.0 + 28.85 * index, 50.0) for index in range(15)]
    for x, y in middles:
        ink[int(y) - 13 : int(y) + 13, int(x) - 8 : int(x) + 8] = 1
    scans = [scan_line(ink, middles, rng, stock) for _ in range(60)]
    assert {scan.first for scan in scans} == {0, 1}
    assert {scan.last for scan in scans} == {13, 14}
    for scan in scans:
        (left, top), (right, bottom) = scan.ends
        pitch = (right - left) / (scan.last - scan.first)
        assert 0.7 < pitch / scan.height < 1.5
        assert abs(bottom - top) < 0.08 * (right - left)
        if scan.first == 1:
            assert left < 1.2 * pitch
