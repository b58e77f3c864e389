"""Each form has the fields that a check cannot be without, inside the paper."""

from __future__ import annotations

import pytest

from pipeline.synthesis.check_forms import FORMS


@pytest.mark.parametrize("name", FORMS)
def test_fields_lie_on_the_paper_and_apart(name: str) -> None:
    form = FORMS[name]
    assert {"amount", "date", "payee", "words", "signature"} <= set(form.places)
    assert set(form.wording) == {"payee", "words", "date", "memo", "signature"}
    for left, top, right, bottom in form.places.values():
        assert 0 < left < right < 1
        assert 0 < top < bottom < 1
    for other in ("date", "signature", "check_number"):
        if other in form.places:
            assert (
                form.places["amount"][3] <= form.places[other][1]
                or form.places[other][3] <= form.places["amount"][1]
            )


@pytest.mark.parametrize("name", FORMS)
def test_the_micr_line_fits(name: str) -> None:
    """Positions are an eighth of an inch apart; below the last one there is room for the amount's twelve."""
    form = FORMS[name]
    assert 12 <= form.last[0] <= form.last[1]
    for width, height in form.sizes:
        assert 1.9 < width / height < 3.2
        assert max(place[3] for place in form.places.values()) * height < height - 0.35
