"""Accuracy by domain, of networks that say what the pictures hold."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.digits import Split
from pipeline.evaluation import corruptions, domains
from pipeline.metrics.calibration import interval


def bars(count: int) -> Split:
    """Pictures of a bar, as dark as its label is large."""
    labels = (np.arange(count) % 10).astype(np.uint8)
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 8:20, 12:16] = 25 * labels[:, None, None] + 5
    return Split(images, labels)


def darkest(images: np.ndarray) -> np.ndarray:
    """Reads the label of a bar."""
    return np.eye(10, dtype=np.float32)[
        ((images.max((1, 2, 3)) * 255 - 5) / 25).round().astype(int).clip(0, 9)
    ]


def zero(images: np.ndarray) -> np.ndarray:
    return np.eye(10, dtype=np.float32)[np.zeros(len(images), int)]


def test_measure() -> None:
    rows = domains.measure(
        {"lenet5": darkest, "lenet5-int8": zero},
        bars(40),
        "digits",
        {"unipen": bars(20)},
        lambda pictures: np.where(pictures > 200, 0, pictures),  # as a service that loses dark bars would
        corrupted=20,
    )
    assert [row["name"] for row in rows] == ["digits test", "unipen", "digits test, 15 corruptions"]
    low, high = interval(40, 40)
    assert rows[0]["pixels"]["lenet5"] == {"value": 1.0, "low": low, "high": high, "n": 40}
    assert rows[0]["service"]["lenet5"]["value"] == pytest.approx(0.8)
    assert rows[0]["pixels"]["lenet5-int8"]["value"] == pytest.approx(0.1)
    assert "pixels" not in rows[1]
    assert rows[1]["service"]["lenet5"]["n"] == 20
    assert rows[2]["pixels"]["lenet5"]["n"] == 20 * len(corruptions.KINDS)
    assert 0 < rows[2]["pixels"]["lenet5-int8"]["value"] < 0.3
