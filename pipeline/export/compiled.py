"""The exported C and WebAssembly, run here as a device or a browser would run them: digit pixels → int8 logits."""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import wasmtime

from pipeline.export import zig
from serving.errors import CheckreaderError

Pixels = npt.NDArray[np.uint8]
Int8 = npt.NDArray[np.int8]


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A loaded file: `logits` takes uint8 [N, 28, 28] and gives int8 [N, 10], probabilities are softmax(scale·logits)."""

    logits: Callable[[Pixels], Int8]
    scale: float


def load(path: Path) -> Classifier:
    """The classifier in a `.c` file, with its header beside it, or in a `.wasm` file.

    Raises:
        CheckreaderError: it does not compile, or is no such module.
    """
    if path.suffix == ".wasm":
        return _wasm(path)
    library = ctypes.CDLL(str(shared_library(path)))
    classify, scale = library.checkreader_lenet5_classify, library.checkreader_lenet5_scale
    classify.argtypes, scale.restype = (ctypes.c_void_p, ctypes.c_void_p), ctypes.c_double

    def logits(pixels: Pixels) -> Int8:
        pixels = np.ascontiguousarray(pixels)
        found = np.empty((len(pixels), 10), np.int8)
        given, answer = pixels.ctypes.data, found.ctypes.data
        for i in range(len(pixels)):
            classify(given + 784 * i, answer + 10 * i)
        return found

    return Classifier(logits, scale())


@functools.cache
def shared_library(path: Path) -> Path:
    """The shared library of a C file, compiled for this processor once in a process.

    Raises:
        CheckreaderError: it does not compile.
    """
    header = path.with_suffix(".h")
    content = zig.compile_c(path.read_text(), header.read_text(), header.name, "native")
    folder = Path(_folder().name)
    library = folder / f"{len(list(folder.iterdir()))}.so"
    library.write_bytes(content)
    return library


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="checkreader-")  # until the process ends


def _wasm(path: Path) -> Classifier:
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    try:
        exports = wasmtime.Instance(store, wasmtime.Module(engine, path.read_bytes()), []).exports(store)
        classify, memory = exports["checkreader_lenet5_classify"], exports["memory"]
        base, scale = exports["__heap_base"].value(store), exports["checkreader_lenet5_scale"](store)
    except (wasmtime.WasmtimeError, KeyError) as error:
        raise CheckreaderError(
            f"{path}: not the classifier as WebAssembly: {str(error).splitlines()[0]}"
        ) from None

    def logits(pixels: Pixels) -> Int8:
        answers = bytearray()
        for picture in pixels:
            memory.write(store, picture.tobytes(), base)
            classify(store, base, base + 784)
            answers += memory.read(store, base + 784, base + 794)
        return np.frombuffer(bytes(answers), np.int8).reshape(-1, 10)

    return Classifier(logits, scale)
