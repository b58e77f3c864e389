import re

import numpy as np

from pipeline.synthesis.amount_text import Place
from pipeline.synthesis.form_text import cell_text, fraction_text


def test_cells_hold_short_numbers() -> None:
    rng = np.random.default_rng(0)
    texts = [cell_text(rng).text() for _ in range(500)]
    assert all(re.fullmatch(r"[1-9]\d{0,3}([.,]\d{1,3})?", text) for text in texts)
    assert 0.3 < np.mean(["," in text or "." in text for text in texts]) < 0.5
    assert np.mean([len(text) <= 3 for text in texts]) > 0.5


def test_fractions_are_of_a_hundred() -> None:
    rng = np.random.default_rng(0)
    texts = [fraction_text(rng) for _ in range(500)]
    for text in texts:
        assert re.fullmatch(r"[\d,]+[.-]?(\d\d|xx|x|-)/(100|xx)", text.text()), text.text()
    stacked = [text for text in texts if Place.BELOW in text.places]
    assert 0.4 < len(stacked) / len(texts) < 0.68
    assert any("xx" in text.text() for text in stacked)
    assert any(Place.LOWERED in text.places for text in texts)
    assert any(text.chars.startswith("$") for text in texts)
