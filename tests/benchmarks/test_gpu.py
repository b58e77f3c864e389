"""The comparison of devices, here of the CPU with itself."""

from __future__ import annotations

import pytest

from benchmarks import gpu
from serving.errors import CheckreaderError
from serving.runtime import onnx


def test_a_device_that_agrees() -> None:
    table = gpu.compare(["cpu"], rows=(1, 2), calls=3, shifts=(0, 1))
    assert [(row["model"], row["device"], row["tf32"]) for row in table] == [
        ("lenet5", "cpu", False),
        ("lenet5-int8", "cpu", False),
    ]
    for row in table:
        assert (row["delta"], row["top1"], row["agrees"]) == (0.0, 1.0, True)
        assert row["pictures"] == 4 * 20
        assert set(row["pictures_per_second"]["cpu"]) == {"1", "2"}


def test_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx, "devices", lambda: ["cpu"])
    with pytest.raises(CheckreaderError, match="knows no GPU"):
        gpu.main([])
