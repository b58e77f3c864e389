"""What the digit model takes outside a server: C beside LiteRT on this machine, flash and RAM on Cortex-M, WebAssembly.

.venv/bin/python -m benchmarks.edge > benchmarks/results/edge.json      # a minute, after `make edge-tools`

C and LiteRT (XNNPACK, one thread) read the same pictures in turn. Cortex-M is compiled, and emulated by the tests;
an emulator knows no cycles, so that there is no time here; Ethos-U's is Vela's own estimate.
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from pipeline.data import digits
from pipeline.export import c_source, tflm, vela
from pipeline.networks import integer_reference
from pipeline.run import machine
from serving.repository.store import Repository

CORES: Final = ("cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
FLAGS: Final = ("-std=c99", "-O3", "-march=native", "-shared", "-fPIC")
_EXAMPLE: Final = Path(__file__).parents[1] / "examples" / "cortex-m"
_TIMED: Final = 1_000


def main() -> None:
    """Measures and prints JSON."""
    content = (Repository.open().folder / "edge/lenet5-int8.tflite").read_bytes()
    network = integer_reference.load(content)
    pixels = digits.load("mnist", None).test.images
    code, header = c_source.write(network, "0" * 64, 0.99)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / f"{c_source.NAME}.c").write_text(code)
        (folder / f"{c_source.NAME}.h").write_text(header)
        result = {
            "c": _host(folder, content, network, pixels),
            "cortex_m": {core: _size(folder, core) for core in CORES},
        }
    plan = c_source.plan(network)
    result |= {
        "macs": sum(step.multiply_accumulates for step in plan.steps),
        "wasm_bytes": (Repository.open().folder / "edge/lenet5-int8.wasm").stat().st_size,
        "tflm_arena_bytes": tflm.arena(content),
        "ethos_u55": dataclasses.asdict(vela.compiled(content)[1]),
        "machine": machine(),
    }
    print(json.dumps(result, indent=1))


def _host(folder: Path, content: bytes, network: integer_reference.Reference, pixels: Any) -> dict[str, Any]:
    library = folder / "lenet5.so"
    subprocess.run(["cc", *FLAGS, folder / f"{c_source.NAME}.c", "-o", library], check=True)
    classify = ctypes.CDLL(str(library)).checkreader_lenet5_classify
    classify.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    logits = np.zeros((len(pixels), 10), np.int8)
    pixels = np.ascontiguousarray(pixels)
    for i in range(len(pixels)):
        classify(pixels[i].ctypes.data, logits[i].ctypes.data)
    apart = np.abs(logits.astype(int) - integer_reference.logits(network, pixels)).max()
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    times: dict[str, list[float]] = {"c": [], "litert": []}
    for picture in pixels[:_TIMED]:
        interpreter.set_tensor(source, (picture.astype(np.int16) - 128).astype(np.int8)[None, ..., None])
        where, answer = picture.ctypes.data, logits[0].ctypes.data
        for name, run in (("c", lambda a=where, b=answer: classify(a, b)), ("litert", interpreter.invoke)):
            start = time.perf_counter()
            run()
            times[name].append(1e6 * (time.perf_counter() - start))
    c, other = median(times["c"]), median(times["litert"])
    return {
        "flags": " ".join(FLAGS[1:3]),
        "pictures": len(pixels),
        "largest_difference_lsb": int(apart),
        "c_p50_us": round(c, 1),
        "litert_p50_us": round(other, 1),
        "ratio": round(c / other, 3),
    }


def _size(folder: Path, core: str) -> dict[str, int]:
    done = subprocess.run(
        ["make", "-s", "-C", _EXAMPLE, "size", f"CPU={core}", f"OUT={folder}"],
        capture_output=True,
        text=True,
        check=True,
    )
    text, initialized, zeroed = map(int, done.stdout.splitlines()[-1].split()[:3])
    return {"flash_bytes": text + initialized, "ram_bytes": initialized + zeroed}


if __name__ == "__main__":
    main()
