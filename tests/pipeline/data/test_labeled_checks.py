from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.data import labeled_checks
from serving.errors import CheckreaderError
from tests.support import tiny_check


def test_a_folder(tmp_path: Path) -> None:
    labeled = tiny_check.written(tmp_path / "checks", 3)
    assert (len(labeled), labeled.name) == (3, "checks")
    assert labeled.record()["n"] == 3
    first = labeled.checks[0]
    assert first.corners.shape == (4, 2)
    assert first.places.keys() == tiny_check.PLACES.keys()
    for field, (left, top, right, bottom) in first.boxes.items():
        np.testing.assert_allclose(
            first.places[field], (left / 580, top / 260, right / 580, bottom / 260), atol=1e-6
        )


def test_places_go_before_boxes_and_pictures_may_lie_in_images(tmp_path: Path) -> None:
    tiny_check.written(tmp_path, 1)
    (tmp_path / "images").mkdir()
    (tmp_path / "0.png").rename(tmp_path / "images" / "0.png")
    label = json.loads((tmp_path / "labels.jsonl").read_text())
    label["places"] = {"amount": [0.1, 0.2, 0.3, 0.4]}
    (tmp_path / "labels.jsonl").write_text(json.dumps(label))
    (check,) = labeled_checks.load(tmp_path).checks
    assert check.places == {"amount": (0.1, 0.2, 0.3, 0.4)}
    assert check.file == tmp_path / "images" / "0.png"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: expected an object with file, corners"),
        ('{"file": "0.png"}', "line 2: expected an object"),
        ('{"file": "0.png", "corners": [[0, 0]], "boxes": {}}', "line 2: expected an object"),
        (
            '{"file": "0.png", "corners": [[0,0],[9,0],[9,9],[0,9]], "boxes": {"amount": [3, 0, 1, 2]}}',
            "line 2: expected an object",
        ),
        (
            '{"file": "0.png", "corners": [[0,0],[0,0],[0,0],[0,0]], "boxes": {"amount": [1, 1, 2, 2]}}',
            "line 2: expected",
        ),
        (
            '{"file": "0.png", "corners": [[0,0],[NaN,0],[9,9],[0,9]], "boxes": {}}',
            "line 2: expected an object",
        ),
        ('{"file": "no.png", "corners": [[0,0],[9,0],[9,9],[0,9]], "boxes": {}}', "no.png is missing"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, line: str, message: str) -> None:
    tiny_check.written(tmp_path, 1)
    with (tmp_path / "labels.jsonl").open("a") as labels:
        labels.write(line + "\n")
    with pytest.raises(CheckreaderError, match=message):
        labeled_checks.load(tmp_path)


def test_no_labels(tmp_path: Path) -> None:
    with pytest.raises(CheckreaderError, match="not found: labels are an object a line"):
        labeled_checks.load(tmp_path)
    (tmp_path / "labels.jsonl").write_text("\n")
    with pytest.raises(CheckreaderError, match="names no check"):
        labeled_checks.load(tmp_path)
