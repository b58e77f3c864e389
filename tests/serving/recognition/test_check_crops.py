"""Pictures of a check and its fields, as they are read."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from serving.images.check_paper import Paper
from serving.images.perspective import picture_corners
from serving.recognition import located_check
from serving.recognition.check_crops import crop_check
from serving.recognition.located_check import by_layout, locate_pictures
from tests.support.tiny import png
from tests.support.whole_checks import HEIGHT, WIDTH, check, layout, on_a_table

TABLE = [(100.0, 80.0), (1500.0, 130.0), (1480.0, 760.0), (90.0, 700.0)]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("photographed", [False, True])
def test_crops_are_what_is_read(monkeypatch: pytest.MonkeyPatch, turned: bool, photographed: bool) -> None:
    sheet = check().rotate(180) if turned else check()
    seen = Image.fromarray(on_a_table(sheet, TABLE, (1600, 850))) if photographed else sheet
    corners = np.array(TABLE) if photographed else picture_corners((HEIGHT, WIDTH))
    monkeypatch.setattr(located_check, "find_paper", lambda pixels: Paper(corners, None))
    parts = []
    normalize = located_check.normalize_field
    monkeypatch.setattr(
        located_check, "normalize_field", lambda part: (parts.append(part), normalize(part))[1]
    )
    encoded = png(seen)
    places = layout("amount", "micr") | {"words": (0.1, 0.4, 0.6, 0.5)}
    (located,) = locate_pictures([encoded], by_layout(places))
    crops = crop_check(encoded, located)
    assert set(crops.fields) == {"amount", "micr", "words"}
    assert crops.flat.shape == (located.perspective.height, located.perspective.width)
    # A photograph is laid flat from the other side, which rounds otherwise.
    difference = np.abs(crops.fields["amount"].astype(int) - parts[0]).max()
    assert difference <= (2 if photographed and turned else 0)
    _, _, width, height = located.boxes["words"]
    assert crops.fields["words"].shape[0] > height
    assert crops.fields["words"].shape[1] > width
