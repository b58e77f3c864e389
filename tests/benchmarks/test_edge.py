from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks import edge, models
from pipeline.export import c_source
from pipeline.networks import integer_reference
from serving.repository.store import Repository


@pytest.fixture
def content() -> bytes:
    return models.file(edge.MODEL, "litert").read_bytes()


@pytest.fixture
def folder(content: bytes, tmp_path: Path) -> Path:
    """Where the C of the released model lies."""
    for suffix, text in zip(
        "ch", c_source.render(integer_reference.load(content), "0" * 64, ()), strict=True
    ):
        (tmp_path / f"{c_source.NAME}.{suffix}").write_text(text)
    return tmp_path


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler: cc")
def test_compare_host(folder: Path, content: bytes) -> None:
    pixels = np.rint(255 * Repository.open().golden[1][..., 0]).astype(np.uint8)
    figures = edge.compare_host(folder, content, integer_reference.load(content), pixels, timed=3)
    assert figures["pictures"] == len(pixels)
    assert figures["largest_difference_lsb"] == 0
    assert figures["ratio"] == pytest.approx(figures["c_p50_us"] / figures["litert_p50_us"], rel=0.1)


@pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None, reason="`make edge-tools` installs arm-none-eabi-gcc"
)
def test_firmware_size(folder: Path) -> None:
    size = edge.firmware_size(folder, "cortex-m3")
    assert 60_000 < size["flash_bytes"] < 200_000
    assert 0 < size["ram_bytes"] < 100_000
