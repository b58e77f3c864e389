"""Writes the int8 `.tflite` as a C array for TensorFlow Lite Micro, with the operators and the arena that it needs.

    python -m pipeline.export.tflm models/edge/lenet5-int8.tflite OUT    # OUT/lenet5-int8-model.c and .h

The arena is measured by TensorFlow Lite Micro itself (`pip install --pre tflite-micro`), on this machine and with
its reference kernels; optimized ones (CMSIS-NN) take scratch memory in addition. A device without an interpreter
takes `c_source` instead.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import subprocess
import sys
from typing import Final

from pipeline.export import c_layout, command
from pipeline.networks import integer_reference
from serving import __version__
from serving.errors import CheckreaderError

NAME: Final = "lenet5-int8-model"
_MEASURE: Final = """
import sys
from tflite_micro.python.tflite_micro import runtime
interpreter = runtime.Interpreter.from_bytes(sys.stdin.buffer.read())
interpreter.invoke()
interpreter.print_allocations()
"""
_TOTAL: Final = re.compile(r"Arena allocation total (\d+) bytes")


def available() -> bool:
    """Returns True if TensorFlow Lite Micro is installed."""
    return importlib.util.find_spec("tflite_micro") is not None


def arena_bytes(tflite: bytes) -> int:
    """Measures how many bytes of memory the interpreter takes for this model.

    Raises:
        CheckreaderError: it is not installed, or cannot run the model.
    """
    if not available():
        raise CheckreaderError(
            "the arena is measured by TensorFlow Lite Micro: pip install --pre tflite-micro"
        )
    # Its output comes from C++, past Python's streams.
    process = subprocess.run([sys.executable, "-c", _MEASURE], input=tflite, capture_output=True, check=False)
    printed = (process.stdout + process.stderr).decode(errors="replace")
    total = _TOTAL.search(printed)
    if process.returncode or total is None:
        raise CheckreaderError(
            f"TensorFlow Lite Micro: {(printed.strip().splitlines() or ['no answer'])[-1]}"
        )
    return int(total[1])


def render(tflite: bytes, bytes_needed: int) -> tuple[str, str]:
    """Returns the array's C file and its header.

    Args:
        tflite: the int8 model.
        bytes_needed: see `arena_bytes`.

    Raises:
        CheckreaderError: as `integer_reference.operators`.
    """
    operators = integer_reference.operators(tflite)
    lines = ", ".join(operators)
    about = (
        f"LeNet-5 in 8-bit integers for TensorFlow Lite Micro: a .tflite with the SHA-256\n"
        f"   {hashlib.sha256(tflite).hexdigest()},\n   written by checkreader {__version__}."
    )
    header = f"""/* {about}
   Operators: {lines}. */

#ifndef CHECKREADER_LENET5_INT8_MODEL_H
#define CHECKREADER_LENET5_INT8_MODEL_H

#ifdef __cplusplus
extern "C" {{
#endif

#define CHECKREADER_LENET5_MODEL_SIZE {len(tflite)}
#define CHECKREADER_LENET5_OPERATORS {len(operators)}
/* Bytes of tensor arena, measured on a 64-bit machine with the reference kernels: others may take more. */
#define CHECKREADER_LENET5_ARENA {bytes_needed}

/* In: int8 [1, 28, 28, 1], pixel - 128, 0 = paper before that. Out: int8 [1, 10], logits. Aligned to 16 bytes. */
extern const unsigned char checkreader_lenet5_model[CHECKREADER_LENET5_MODEL_SIZE];

#ifdef __cplusplus
}}
#endif

#endif
"""
    rows = [",".join(map(str, tflite[at : at + 32])) for at in range(0, len(tflite), 32)]
    body = ",\n".join(rows)
    code = (
        f'/* {about} */\n\n#include "{NAME}.h"\n\n__attribute__((aligned(16)))\n'
        f"const unsigned char checkreader_lenet5_model[CHECKREADER_LENET5_MODEL_SIZE] = {{\n{body}}};\n"
    )
    return code, header


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = command.parser(
        "pipeline.export.tflm", "Write an int8 .tflite as a C array for TensorFlow Lite Micro."
    )

    def files(tflite: bytes) -> tuple[dict[str, bytes], str]:
        c_layout.check_digit(integer_reference.load(tflite))
        bytes_needed = arena_bytes(tflite)
        code, header = render(tflite, bytes_needed)
        sizes = f"{len(tflite):,} bytes of flash, {bytes_needed:,} bytes of arena"
        return {f"{NAME}.c": code.encode(), f"{NAME}.h": header.encode()}, sizes

    return command.run(options.parse_args(arguments), files)


if __name__ == "__main__":
    sys.exit(main())
