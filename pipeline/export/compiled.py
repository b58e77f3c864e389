"""Runs the exported C and WebAssembly here as a device or a browser would run them: digit pixels → int8 logits."""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import wasmtime

from pipeline.export import zig
from serving.errors import CheckreaderError

Pixels = npt.NDArray[np.uint8]
Int8 = npt.NDArray[np.int8]


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A loaded file.

    Attributes:
        logits: uint8 [N, 28, 28] → int8 [N, 10].
        scale: probabilities are softmax(scale · logits).
    """

    logits: Callable[[Pixels], Int8]
    scale: float


def load(path: Path) -> Classifier:
    """Loads the classifier in a `.c` file, with its header in the same folder, or in a `.wasm` file.

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
        answers = np.empty((len(pixels), 10), np.int8)
        source, target = pixels.ctypes.data, answers.ctypes.data
        for i in range(len(pixels)):
            classify(source + 784 * i, target + 10 * i)
        return answers

    return Classifier(logits, scale())


@functools.cache
def shared_library(path: Path) -> Path:
    """Compiles a C file to a shared library for this processor, once in a process.

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
    """Creates the folder of the libraries, which is removed when the process ends."""
    return tempfile.TemporaryDirectory(prefix="checkreader-")


def _wasm(path: Path) -> Classifier:
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    try:
        # A module's exports have the union of all kinds as their type.
        exports: Any = wasmtime.Instance(store, wasmtime.Module(engine, path.read_bytes()), []).exports(store)
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
