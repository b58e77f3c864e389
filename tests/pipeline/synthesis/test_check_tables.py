"""Tables are drawn in all kinds, mostly dark."""

from __future__ import annotations

import numpy as np

from pipeline.synthesis.check_tables import table


def test_tables() -> None:
    tables = [table((200, 120), np.random.default_rng(seed)) for seed in range(24)]
    assert all(picture.shape == (120, 200) and picture.dtype == np.float32 for picture in tables)
    assert all(picture.min() >= 0 and picture.max() <= 255 for picture in tables)
    dark = sum(picture.mean() < 110 for picture in tables)
    assert 12 <= dark < 24
    assert len({round(float(picture.std())) for picture in tables}) > 5
