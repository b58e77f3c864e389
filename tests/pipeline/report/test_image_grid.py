"""Small pictures and grids of them."""

from __future__ import annotations

import numpy as np

from pipeline.report import image_grid

INK = np.array([[0, 255], [128, 0]], np.uint8)


def test_ink_and_signed() -> None:
    one = image_grid.ink(INK)
    assert one.pixels[..., 3].tolist() == INK.tolist()
    assert not one.pixels[..., :3].any()
    two = image_grid.signed(np.array([[-1.0, 0.0, 2.0]]))
    assert two.pixels[0, :, 3].tolist() == [128, 0, 255]
    assert (two.pixels[0, 0, :3] != two.pixels[0, 2, :3]).any()


def test_grid() -> None:
    found = image_grid.grid([image_grid.ink(np.full((2, 3), 255, np.uint8))] * 5, 2, gap=1, scale=2)
    assert found.shape == (16, 14, 4)
    assert (found[..., 3] > 0).sum() == 5 * 6 * 4


def test_framed() -> None:
    found = image_grid.framed(np.zeros((10, 10), np.uint8), (2, 3, 4, 4), "", "", scale=3)
    rows, columns = np.nonzero(found.pixels[..., 3])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (9, 20, 6, 17)
