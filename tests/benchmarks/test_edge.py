from __future__ import annotations

import hashlib
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
    assert figures["ratio"] > 0


MISSING = [tool for tool in ("arm-none-eabi-gcc", "qemu-system-arm") if shutil.which(tool) is None]


@pytest.mark.skipif(bool(MISSING), reason=f"`make edge-tools` installs {', '.join(MISSING)}")
def test_firmware(folder: Path) -> None:
    figures = edge.firmware(folder, "cortex-m3", "-O2")
    assert 60_000 < figures["flash_bytes"] < 70_000
    assert 0 < figures["ram_bytes"] < 3_000
    assert 100_000 < figures["instructions"] < 4_000_000


@pytest.mark.skipif(shutil.which("chromium") is None, reason="`make edge-tools` installs chromium")
def test_compare_modules(tmp_path: Path) -> None:
    repository = Repository.open()
    another = repository.folder / "edge/lenet5-int8.wasm"
    figures = edge.compare_modules(repository, ("2", str(another)), np.zeros((2, 28, 28), np.uint8), rounds=2)
    assert set(figures["microseconds"]) == {"wasm", "wasm_simd", "earlier"}
    assert figures["bytes"]["wasm"] == another.stat().st_size
    digest = hashlib.sha256(another.read_bytes()).hexdigest()
    assert figures["earlier"] == {"version": "2", "sha256": digest}
