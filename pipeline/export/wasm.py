"""Compiles the C file to WebAssembly, for a browser that reads digits without a server.

    python -m pipeline.export.wasm models/edge/lenet5-int8.tflite OUT    # OUT/lenet5-int8.wasm, lenet5-int8-simd.wasm

The second file has vectors of 128 bits (simd128). A browser that lacks them refuses it as a whole, so whoever loads
one asks `WebAssembly.validate` first. Both compute the same integers. They import nothing; they export `checkreader_normalize`, `checkreader_lenet5_classify`,
`checkreader_lenet5_margin`, `checkreader_lenet5_threshold` (the margin from which a digit is accepted at an error
bound), `checkreader_lenet5_applied` and `checkreader_lenet5_bound` (the certified bounds),
`checkreader_lenet5_max_error` (the default bound), `checkreader_lenet5_scale` (probabilities are
softmax(scale·logits)), its memory, and `__heap_base`, from where on that memory is the caller's.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal

from pipeline.export import c_source, command, zig
from pipeline.export.provenance import embed_in_wasm

if TYPE_CHECKING:
    from pipeline.export.source import Source


def module(source: Source, provenance: dict[str, Any]) -> bytes:
    """Returns the module of a run for any browser."""
    return embed_in_wasm(compile_module(*c_source.render_run(source), "wasm"), provenance)


def simd_module(source: Source, provenance: dict[str, Any]) -> bytes:
    """Returns the module of a run for a browser with SIMD."""
    return embed_in_wasm(compile_module(*c_source.render_run(source), "wasm_simd"), provenance)


def compile_module(code: str, header: str, target: Literal["wasm", "wasm_simd"]) -> bytes:
    """Compiles the texts of `c_source.render`; equal texts give equal bytes.

    Raises:
        CheckreaderError: it does not compile.
    """
    return zig.compile_c(code, header, f"{c_source.NAME}.h", target)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    parser = c_source.parser("pipeline.export.wasm", "Write WebAssembly from an int8 .tflite.")
    options = parser.parse_args(arguments)

    def files(tflite: bytes) -> tuple[dict[str, bytes], str]:
        code, header, layers = c_source.render_options(options, tflite)
        return {
            f"{c_source.NAME}.wasm": compile_module(code, header, "wasm"),
            f"{c_source.NAME}-simd.wasm": compile_module(code, header, "wasm_simd"),
        }, layers

    return command.run(options, files)


if __name__ == "__main__":
    sys.exit(main())
