"""The cost of the digit model outside a server: C and LiteRT on this machine, Cortex-M, WebAssembly in Chromium.

    .venv/bin/python -m benchmarks.edge      # two minutes, after `make edge-tools`; writes results/edge/CPU.json

What is compared is timed in turns: C and LiteRT (XNNPACK, one thread) on the same pictures, and the modules of
WebAssembly. Cortex-M is compiled here and emulated: the emulator counts instructions executed, not cycles, so there is
no time for it; Ethos-U's is Vela's own estimate. Only the times depend on the processor that this runs on.
"""

from __future__ import annotations

import ctypes
import dataclasses
import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from benchmarks import browser, models, output
from pipeline.data import digits
from pipeline.export import c_layout, c_source, tflm, vela
from pipeline.networks import integer_reference
from pipeline.run import machine, write_json
from serving.repository.store import Repository

CORES: Final = ("cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
OPTIMIZATIONS: Final = ("-Os", "-O2")
FLAGS: Final = ("-std=c99", "-O3", "-march=native", "-shared", "-fPIC")
MODEL: Final = "lenet5-int8"
MODULES: Final = ("wasm", "wasm_simd")
_EXAMPLE: Final = Path(__file__).parents[1] / "examples" / "cortex-m"
TIMED: Final = 1_000
IN_BROWSER: Final = 200


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes JSON."""
    command = output.parser_of_times("edge", "Measures the cost of the digit model outside a server.")
    command.add_argument(
        "--earlier",
        nargs=2,
        metavar=("VERSION", "FILE"),
        help="an earlier version's .wasm, as `git show` takes it out of an earlier commit, to time it in the same run",
    )
    options = command.parse_args(arguments)
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
            "cortex_m": {
                core: {flag: firmware(folder, core, flag) for flag in OPTIMIZATIONS} for core in CORES
            },
        }
    record |= {
        "version": repository.model(MODEL).version,
        "macs": sum(step.multiply_accumulates for step in c_layout.layout(network).steps),
        "wasm": compare_modules(repository, options.earlier, pixels[:IN_BROWSER]),
        "tflm_arena_bytes": tflm.arena_bytes(content),
        "ethos_u55": dataclasses.asdict(vela.compile_model(content)[1]),
        "machine": machine(),
    }
    write_json(options.out, record)


def compare_host(
    folder: Path, content: bytes, network: integer_reference.Reference, pixels: Any, timed: int = TIMED
) -> dict[str, Any]:
    """Compiles the C for this machine, compares its logits with the reference, and times it against LiteRT in turns.

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
    ratio = median(mine / theirs for mine, theirs in zip(times["c"], times["litert"], strict=True))
    return {
        "flags": " ".join(FLAGS[1:3]),
        "pictures": len(pixels),
        "largest_difference_lsb": int(difference),
        "c_p50_us": round(c, 1),
        "litert_p50_us": round(litert, 1),
        "ratio": round(ratio, 3),
    }


def firmware(folder: Path, core: str, optimization: str) -> dict[str, int]:
    """Compiles the example for a Cortex-M core.

    Args:
        folder: where the C source and header lie; the programs are written there.
        core: the core's name, as compilers spell it.
        optimization: the compiler's flag.

    Returns:
        The classifier's bytes of flash and RAM, and the instructions that it executes for a golden picture.
    """
    sizes = _make("size", folder, core, optimization).splitlines()[-1].split()[:3]
    text, initialized, zeroed = map(int, sizes)
    return {
        "flash_bytes": text + initialized,
        "ram_bytes": initialized + zeroed,
        "instructions": int(_make("count", folder, core, optimization)),
    }


def _make(target: str, folder: Path, core: str, optimization: str) -> str:
    arguments = [target, f"CPU={core}", f"OPT={optimization}", f"OUT={folder}", f"PYTHON={sys.executable}"]
    command = ["make", "-s", "-C", str(_EXAMPLE), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def compare_modules(
    repository: Repository, earlier: tuple[str, str] | None, pixels: Any, rounds: int = browser.ROUNDS
) -> dict[str, Any]:
    """Times the released modules of WebAssembly in Chromium.

    Args:
        repository: the release.
        earlier: version and file of another module to time in the same run, or None.
        pixels: uint8 [N, 28, 28].
        rounds: how often all pictures are read.

    Returns:
        `bytes` and median `microseconds` by format, and the earlier module's version, SHA-256 and median.
    """
    artifacts = {artifact.format: artifact for artifact in repository.model(MODEL).artifacts}
    modules = {name: (repository.folder / artifacts[name].path).read_bytes() for name in MODULES}
    record: dict[str, Any] = {"bytes": {name: len(module) for name, module in modules.items()}}
    if earlier is not None:
        modules["earlier"] = Path(earlier[1]).read_bytes()
        digest = hashlib.sha256(modules["earlier"]).hexdigest()
        record["earlier"] = {"version": earlier[0], "sha256": digest}
    return record | {"microseconds": browser.microseconds(modules, pixels, rounds)}


if __name__ == "__main__":
    main()
