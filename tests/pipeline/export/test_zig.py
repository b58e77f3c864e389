"""The compiler for C: what does not compile is one line."""

from __future__ import annotations

import pytest

from pipeline.export import zig
from serving.errors import CheckreaderError


@pytest.mark.parametrize("target", ["wasm", "wasm_simd", "native"])
def test_code_that_does_not_compile_is_an_error_line(target: zig.Target) -> None:
    with pytest.raises(CheckreaderError, match=r"ziglang: .*error: .*expression"):
        zig.compile_c("int x = ;", "", "x.h", target)
