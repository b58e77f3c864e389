from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.evaluation import worst_sheet
from pipeline.evaluation.field import measure
from serving.errors import CheckreaderError
from tests.support.field_readings import fields, raw


def test_gallery(tmp_path: Path) -> None:
    labeled = fields([str(i % 10) for i in range(50)])
    record = measure([raw("12", 0.9)] * 6 + [raw(text) for text in labeled.texts[6:]], labeled)
    assert worst_sheet.write_worst_sheet(record, labeled, tmp_path / "worst.png") == 6
    with Image.open(tmp_path / "worst.png") as page:
        assert page.format == "PNG"
        wide, high = worst_sheet.CELL
        assert page.size == (4 * wide, 2 * high)
        pixels = np.asarray(page)
    cells = [pixels[row * high : (row + 1) * high, column * wide : (column + 1) * wide] for row in range(2) for column in range(4)]  # fmt: skip
    assert all((cell < 40).any() for cell in cells[:6])  # ink
    assert all((cell == 255).all() for cell in cells[6:])
    top = worst_sheet.PICTURE + 2 * worst_sheet.EDGE
    seen = cells[0][top : top + worst_sheet.NORMALIZED, worst_sheet.EDGE : worst_sheet.EDGE + 6]
    assert (seen[0] > 200).all()  # what the network saw: a bar on paper, as dark on light
    assert (seen[worst_sheet.NORMALIZED // 2, 1:4] < 80).all()
    assert (cells[0][10, 10], cells[1][10, 10]) == (150, 151)  # each its own paper, the worst first


def test_forty_at_most(tmp_path: Path) -> None:
    labeled = fields(["1"] * 50)
    record = measure([raw("2", problem="blank: no ink found")] * 50, labeled)
    assert worst_sheet.write_worst_sheet(record, labeled, tmp_path / "worst.png") == 40


def test_nothing_wrong(tmp_path: Path) -> None:
    labeled = fields(["1"])
    assert worst_sheet.write_worst_sheet(measure([raw("1")], labeled), labeled, tmp_path / "worst.png") == 0
    assert not (tmp_path / "worst.png").exists()


def test_other_fields(tmp_path: Path) -> None:
    labeled = fields(["1"])
    record = measure([raw("2")], labeled)
    record["data"]["sha256"] = {"labels.csv": "1" * 64}
    with pytest.raises(
        CheckreaderError, match="some: not the fields that the record was measured on: evaluate"
    ):
        worst_sheet.write_worst_sheet(record, labeled, tmp_path / "worst.png")
