"""WebAssembly from the C file, for a browser that reads digits without a server.

    python -m pipeline.export.to_wasm models/edge/lenet5-int8.tflite examples/browser    # lenet5_int8.wasm there

The `ziglang` package compiles it, with no compiler on the system. The module imports nothing; it exports
`checkdigit_normalize`, `checkdigit_lenet5_classify`, `checkdigit_lenet5_margin`, `checkdigit_lenet5_threshold`,
its memory, and `__heap_base`, from where on that memory is the caller's.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from pipeline.export import to_c
from serving.errors import CheckdigitError

_EXPORTS: Final = (
    "checkdigit_normalize",
    "checkdigit_lenet5_classify",
    "checkdigit_lenet5_margin",
    "checkdigit_lenet5_threshold",
    "__heap_base",
)
# A number in a header has no address; a module's caller asks for it.
_THRESHOLD: Final = f"""#include "{to_c.NAME}.h"

int checkdigit_lenet5_threshold(void);
int checkdigit_lenet5_threshold(void) {{ return CHECKDIGIT_LENET5_MARGIN; }}
"""


def available() -> bool:
    """Whether the compiler is installed."""
    return importlib.util.find_spec("ziglang") is not None


def compiled(code: str, header: str) -> bytes:
    """The module from the texts that `to_c.write` gave; equal texts give equal bytes.

    Raises:
        CheckdigitError: the compiler is not installed, or fails.
    """
    if not available():
        raise CheckdigitError("WebAssembly needs the compiler ziglang: pip install ziglang")
    with tempfile.TemporaryDirectory() as folder:
        for name, text in ((f"{to_c.NAME}.c", code), (f"{to_c.NAME}.h", header), ("threshold.c", _THRESHOLD)):
            Path(folder, name).write_text(text)
        caches = {
            name: str(Path(folder, "cache")) for name in ("ZIG_LOCAL_CACHE_DIR", "ZIG_GLOBAL_CACHE_DIR")
        }
        command = [sys.executable, "-m", "ziglang", "cc", "--target=wasm32-freestanding", "-std=c99", "-Os"]
        command += ["-nostdlib", "-Wl,--no-entry", "-Wl,--strip-all"]
        command += [f"-Wl,--export={name}" for name in _EXPORTS]
        done = subprocess.run(
            [*command, f"{to_c.NAME}.c", "threshold.c", "-o", "out.wasm"],
            cwd=folder,
            env={**os.environ, **caches},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
            raise CheckdigitError(f"ziglang: {next((line for line in lines if 'error:' in line), lines[-1])}")
        return Path(folder, "out.wasm").read_bytes()


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    return to_c.run(
        "python -m pipeline.export.to_wasm",
        "Write WebAssembly from an int8 .tflite.",
        lambda code, header: {"wasm": compiled(code, header)},
        arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
