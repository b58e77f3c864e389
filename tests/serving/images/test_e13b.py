"""The shapes of E-13B: complete, of the standard's size, and unlike each other."""

from __future__ import annotations

import numpy as np

from serving.images import e13b

RASTERS = {
    symbol: e13b.raster(glyph, (4, 4), (7 * 4, e13b.HEIGHT * 4)).astype(float)
    for symbol, glyph in e13b.GLYPHS.items()
}


def test_every_symbol_has_ink_up_to_its_right_edge() -> None:
    assert set(RASTERS) == set("0123456789ABCD")
    for symbol, pixels in RASTERS.items():
        columns = (pixels.max(0) > 128).nonzero()[0]
        assert columns[-1] == 27, symbol
        assert columns[0] == 28 - 4 * e13b.GLYPHS[symbol].width, symbol


def test_digits_are_as_high_as_the_line() -> None:
    for symbol in "0123456789":
        rows = (RASTERS[symbol].max(1) > 128).nonzero()[0]
        assert (rows[0], rows[-1]) == (0, 35), symbol


def test_the_zero_is_a_ring() -> None:
    assert RASTERS["0"][18, 14] == 0
    assert RASTERS["0"][18, 1] == 255


def test_no_two_symbols_are_alike() -> None:
    flat = np.array([pixels.ravel() - pixels.mean() for pixels in RASTERS.values()])
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    likeness = flat @ flat.T - np.eye(len(flat))
    assert likeness.max() < 0.85
