from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.augmentation.check import target
from pipeline.evaluation import check
from tests.support import tiny_check

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize(
    ("field", "box", "expected"),
    [
        ("amount", (0, 0, 10, 10), True),
        ("amount", (4, 0, 14, 10), False),
        ("amount", None, False),
        ("micr", (0, -20, 9.2, 30), True),  # however high
        ("micr", (0, 0, 8.5, 10), False),
        ("micr", (0, 6, 10, 20), False),  # beside the center
    ],
)
def test_found(field: str, box: tuple[float, ...] | None, expected: bool) -> None:
    assert check.is_found(field, box, (0, 0, 10, 10)) is expected


def test_counted_by_field_and_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that always answers with the middle of the places finds the fields of checks that stand upright."""
    run = tiny_check.copied(tmp_path)
    labeled = tiny_check.written(tmp_path / "checks", 4)
    answer, nothing = target(tiny_check.PLACES), target({})

    def load(row: object, path: Path, threads: int) -> object:
        return lambda image: np.stack(
            [answer if thumbnail[-20:].mean() > thumbnail[:20].mean() else nothing for thumbnail in image]
        )

    monkeypatch.setattr(check, "predictor", load)
    record = check.evaluate(run, labeled)
    family = record["families"]["check-fields"]
    assert family["fields"].keys() == tiny_check.PLACES.keys()
    assert family["by_kind"].keys() == {"photograph", "scan"}
    assert {share["n"] for share in family["fields"].values()} == {4}
    assert "check-fields-int8, found of 4 checks of checks: amount" in check.summary(record)
