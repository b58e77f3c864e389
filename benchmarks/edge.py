"""The cost of the digit model outside a server: C and LiteRT on this machine, flash and RAM on Cortex-M, WebAssembly.

    .venv/bin/python -m benchmarks.edge      # a minute, after `make edge-tools`; writes results/edge.json

C and LiteRT (XNNPACK, one thread) read the same pictures in turn. Cortex-M is compiled here and emulated by the
tests; an emulator counts no cycles, so there is no time for it; Ethos-U's is Vela's own estimate.
"""

from __future__ import annotations

import ctypes
import dataclasses
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from benchmarks import models, output
from pipeline.data import digits
from pipeline.export import c_source, tflm, vela
from pipeline.networks import integer_reference
from pipeline.run import machine, write_json
from serving.repository.store import Repository

CORES: Final = ("cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
FLAGS: Final = ("-std=c99", "-O3", "-march=native", "-shared", "-fPIC")
MODEL: Final = "lenet5-int8"
_EXAMPLE: Final = Path(__file__).parents[1] / "examples" / "cortex-m"
TIMED: Final = 1_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes JSON."""
    options = output.parser("edge", "Measures the cost of the digit model outside a server.").parse_args(
        arguments
    )
    repository = Repository.open()
    content = models.file(MODEL, "litert", repository).read_bytes()
    network = integer_reference.load(content)
    pixels = digits.load("mnist", None).test.images
    code, header = c_source.render(network, "0" * 64, repository.model(MODEL).thresholds)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / f"{c_source.NAME}.c").write_text(code)
        (folder / f"{c_source.NAME}.h").write_text(header)
        record = {
            "c": compare_host(folder, content, network, pixels),
            "cortex_m": {core: firmware_size(folder, core) for core in CORES},
        }
    plan = c_source.plan(network)
    record |= {
        "macs": sum(step.multiply_accumulates for step in plan.steps),
        "wasm_bytes": models.file(MODEL, "wasm", repository).stat().st_size,
        "tflm_arena_bytes": tflm.arena_bytes(content),
        "ethos_u55": dataclasses.asdict(vela.compile_model(content)[1]),
        "machine": machine(),
    }
    write_json(options.out, record)


def compare_host(
    folder: Path, content: bytes, network: integer_reference.Reference, pixels: Any, timed: int = TIMED
) -> dict[str, Any]:
    """Compiles the C for this machine, compares its logits with the reference, and times it against LiteRT.

    Args:
        folder: where the C source and header lie; the library is written there.
        content: the int8 `.tflite`.
        network: the integer reference of the same model.
        pixels: uint8 [N, 28, 28].
        timed: how many of the pictures are timed.
    """
    library = folder / "lenet5.so"
    subprocess.run(["cc", *FLAGS, folder / f"{c_source.NAME}.c", "-o", library], check=True)
    classify = ctypes.CDLL(str(library)).checkreader_lenet5_classify
    classify.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    logits = np.zeros((len(pixels), 10), np.int8)
    pixels = np.ascontiguousarray(pixels)
    for i in range(len(pixels)):
        classify(pixels[i].ctypes.data, logits[i].ctypes.data)
    difference = np.abs(logits.astype(int) - integer_reference.logits(network, pixels)).max()
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    times: dict[str, list[float]] = {"c": [], "litert": []}
    for picture in pixels[:timed]:
        interpreter.set_tensor(source, (picture.astype(np.int16) - 128).astype(np.int8)[None, ..., None])
        image, answer = picture.ctypes.data, logits[0].ctypes.data
        for name, run in (("c", lambda a=image, b=answer: classify(a, b)), ("litert", interpreter.invoke)):
            start = time.perf_counter()
            run()
            times[name].append(1e6 * (time.perf_counter() - start))
    c, litert = median(times["c"]), median(times["litert"])
    return {
        "flags": " ".join(FLAGS[1:3]),
        "pictures": len(pixels),
        "largest_difference_lsb": int(difference),
        "c_p50_us": round(c, 1),
        "litert_p50_us": round(litert, 1),
        "ratio": round(c / litert, 3),
    }


def firmware_size(folder: Path, core: str) -> dict[str, int]:
    """Compiles the example for a Cortex-M core and returns the classifier's bytes of flash and RAM."""
    process = subprocess.run(
        ["make", "-s", "-C", _EXAMPLE, "size", f"CPU={core}", f"OUT={folder}"],
        capture_output=True,
        text=True,
        check=True,
    )
    text, initialized, zeroed = map(int, process.stdout.splitlines()[-1].split()[:3])
    return {"flash_bytes": text + initialized, "ram_bytes": initialized + zeroed}


if __name__ == "__main__":
    main()
