"""A folder of pictures and the job that reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.bulk.job import Job
from serving.decoding.field_string import FieldFormat
from serving.decoding.thresholds import OperatingPoint, operating_point
from serving.repository.store import Repository
from tests.support.tiny import amount, damaged_page, png, tiff


def point_at(models: Path, name: str, max_error: float) -> OperatingPoint:
    """Returns what is accepted of a model's predictions at a wanted bound."""
    return operating_point(Repository.open(models).model(name).thresholds, max_error)


TEXTS = ("12.50", "1.250", "4258", "0.99")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures in a tree, one of them broken."""
    root = tmp_path / "pictures"
    for index, text in enumerate(TEXTS * 5):
        file = root / ("", "b", "a/deep")[index % 3] / f"{index:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(amount(text)))
    (root / "b" / "broken.png").write_bytes(b"no picture")
    return root


@pytest.fixture
def scans(folder: Path) -> Path:
    """The same folder with scans of several pages among its pictures, one of them damaged."""
    (folder / "04-scan.tif").write_bytes(tiff(*(amount(text) for text in TEXTS)))
    (folder / "b" / "damaged.tif").write_bytes(damaged_page(*(amount(text) for text in TEXTS[:3])))
    (folder / "b" / "last.tif").write_bytes(tiff(amount("12.50"), amount("4258")))
    return folder


@pytest.fixture
def job(folder: Path, models: Path) -> Job:
    return Job(
        str(folder), str(models), "lenet5-field", "1", FieldFormat(), point_at(models, "lenet5-field", 0.01)
    )
