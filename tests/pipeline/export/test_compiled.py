"""Running the exported C and WebAssembly from here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.export import c_source, compiled, wasm
from pipeline.networks import integer_reference
from serving.errors import CheckreaderError
from serving.repository.store import Repository


@pytest.fixture(scope="module")
def network() -> integer_reference.Reference:
    return integer_reference.load((Repository.open().folder / "edge/lenet5-int8.tflite").read_bytes())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, network: integer_reference.Reference) -> Path:
    made = tmp_path_factory.mktemp("compiled")
    code, header = c_source.render(network, "0" * 64, ())
    (made / "lenet5-int8.c").write_text(code)
    (made / "lenet5-int8.h").write_text(header)
    (made / "lenet5-int8.wasm").write_bytes(wasm.compile_module(code, header, "wasm"))
    (made / "lenet5-int8-simd.wasm").write_bytes(wasm.compile_module(code, header, "wasm_simd"))
    return made


@pytest.mark.parametrize("file", ["lenet5-int8.c", "lenet5-int8.wasm", "lenet5-int8-simd.wasm"])
def test_gives_the_integers_and_their_scale(
    folder: Path, network: integer_reference.Reference, file: str
) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (50, 56, 28), np.uint8)[:, ::2]  # rows that do not follow each other
    found = compiled.load(folder / file)
    np.testing.assert_array_equal(found.logits(pixels), integer_reference.logits(network, pixels))
    assert found.logits(pixels[:0]).shape == (0, 10)
    assert found.scale == network.output.scale


def test_a_file_is_compiled_once(folder: Path) -> None:
    assert compiled.shared_library(folder / "lenet5-int8.c") == compiled.shared_library(
        folder / "lenet5-int8.c"
    )


@pytest.mark.parametrize("content", [b"", b"\0asm\1\0\0\0", b"no module"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wasm"
    path.write_bytes(content)
    with pytest.raises(CheckreaderError, match=r"a\.wasm: not the classifier as WebAssembly"):
        compiled.load(path)


def test_c_that_does_not_compile_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("int x = ;")
    (tmp_path / "a.h").write_text("")
    with pytest.raises(CheckreaderError, match="ziglang: "):
        compiled.load(tmp_path / "a.c")
