"""Compiles the exported C with the `ziglang` package, which needs no compiler on the system.

The targets are WebAssembly for a browser, with vectors of 128 bits or without, and a shared library for this machine,
by which the C is compared and timed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, Literal

from serving.errors import CheckreaderError

Target = Literal["wasm", "wasm_simd", "native"]

_WASM: Final = ("--target=wasm32-freestanding", "-O2", "-Wl,--no-entry", "-Wl,--strip-all")
FLAGS: Final[dict[Target, tuple[str, ...]]] = {
    "wasm": _WASM,
    "wasm_simd": (*_WASM, "-msimd128"),
    "native": ("-O3", "-march=native", "-shared", "-fPIC"),
}
_EXPORTS: Final = (
    "checkreader_normalize",
    "checkreader_lenet5_classify",
    "checkreader_lenet5_margin",
    "checkreader_lenet5_threshold",
    "checkreader_lenet5_applied",
    "checkreader_lenet5_bound",
    "checkreader_lenet5_max_error",
    "checkreader_lenet5_scale",
    "__heap_base",
)
_COMPILER: Final = (sys.executable, "-m", "ziglang", "cc", "-std=c99", "-nostdlib")
# A number in a header has no address: functions return it to whoever loads a compiled file.
_CONSTANTS: Final = """#include "%s"

int32_t checkreader_lenet5_max_error(void);
double checkreader_lenet5_scale(void);
int32_t checkreader_lenet5_max_error(void) { return CHECKREADER_LENET5_MAX_ERROR; }
double checkreader_lenet5_scale(void) { return CHECKREADER_LENET5_SCALE; }
"""


def compile_c(code: str, header: str, name: str, target: Target) -> bytes:
    """Compiles a module or library with the functions of the C file, its default error bound and its scale.

    Args:
        code, header: the texts; equal ones give equal bytes.
        name: the header's, as the code includes it.
        target: WebAssembly without or with SIMD, or a shared library for the processor at hand.

    Raises:
        CheckreaderError: it does not compile.
    """
    with tempfile.TemporaryDirectory() as folder:
        for file, text in (("code.c", code), (name, header), ("constants.c", _CONSTANTS % name)):
            Path(folder, file).write_text(text)
        caches = {
            variable: str(Path(folder, "cache"))
            for variable in ("ZIG_LOCAL_CACHE_DIR", "ZIG_GLOBAL_CACHE_DIR")
        }
        exports = [f"-Wl,--export={symbol}" for symbol in _EXPORTS] if target != "native" else []
        process = subprocess.run(
            [*_COMPILER, *FLAGS[target], *exports, "code.c", "constants.c", "-o", "out"],
            cwd=folder,
            env={**os.environ, **caches},
            capture_output=True,
            text=True,
            check=False,
        )
        if process.returncode:
            lines = process.stderr.strip().splitlines() or [f"status {process.returncode}"]
            raise CheckreaderError(
                f"ziglang: {next((line for line in lines if 'error:' in line), lines[-1])}"
            )
        return Path(folder, "out").read_bytes()
