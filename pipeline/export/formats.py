"""Lists the formats of each task; export, verify, benchmark, report and the documents' tables iterate over them.

A new format is one function that writes it and one row here. Importing this
needs neither TensorFlow nor any runtime.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final, Literal

from serving.errors import CheckreaderError

FOLDER: Final = "export"  # inside a run

Task = Literal["digit", "field", "micr", "check"]


@dataclasses.dataclass(frozen=True)
class Bound:
    """The largest distance allowed between a format and its reference, over the whole test set.

    Attributes:
        against: "keras" (the format of that name) or "reference" (`pipeline.networks.integer_reference`).
        unit: what `largest` counts: probability, or units in the last place (LSB) of the int8 logits.
        largest: the largest difference allowed; None = it is stated, not bounded.
        top1: the smallest share of pictures (of a field: of its steps) with the same best answer.
        strings: of the fields that are read with some certainty, the smallest share that is read as the same
            string; None: there are no fields.
    """

    against: Literal["keras", "reference"]
    unit: Literal["probability", "lsb"]
    largest: float | None
    top1: float
    strings: float | None = None


@dataclasses.dataclass(frozen=True)
class Format:
    """One row: a file that `export` writes.

    Attributes:
        name: of the format.
        model: the model it holds, of `pipeline.networks.spec`; its tensors are in docs/formats.md.
        file: its name in the run's export folder.
        runtime: the runtime that runs it.
        type: of the numbers inside.
        bound: verifies it; None = others are compared with it.
        writer: `module:function` in `pipeline.export`, (Source, provenance) → bytes.
        companions: other files that it needs, with their writers.
        task: the task of its model.
    """

    name: str
    model: str
    file: str
    runtime: Literal["keras", "litert", "onnxruntime", "c", "wasm"]
    type: Literal["float32", "float16", "dynamic", "int8"]
    bound: Bound | None
    writer: str
    companions: tuple[tuple[str, str], ...] = ()
    task: Task = "digit"

    @property
    def writers(self) -> dict[str, str]:
        """Maps every file to its writer."""
        return {self.file: self.writer, **dict(self.companions)}


_FLOAT32: Final = Bound("keras", "probability", 1e-5, 0.9999)
_SMALL: Final = Bound("keras", "probability", None, 0.999)
_INT8: Final = Bound("reference", "lsb", 1, 0.9998)
_EXACT: Final = Bound("reference", "lsb", 0, 1.0)
_C_HEADER: Final = (("lenet5-int8.h", "c_source:header"),)

# fmt: off
FORMATS: Final[tuple[Format, ...]] = (
    Format("keras", "lenet5", "lenet5.keras", "keras", "float32", None, "keras:float32"),
    Format("keras_unfolded", "lenet5", "lenet5-unfolded.keras", "keras", "float32", _FLOAT32, "keras:unfolded"),
    Format("keras_int8", "lenet5-int8", "lenet5-int8.keras", "keras", "int8", _INT8, "keras:int8"),
    Format("tflite_float32", "lenet5", "lenet5.tflite", "litert", "float32", _FLOAT32, "tflite:float32"),
    Format("tflite_float16", "lenet5", "lenet5-float16.tflite", "litert", "float16", _SMALL, "tflite:float16"),
    Format("tflite_dynamic", "lenet5", "lenet5-dynamic.tflite", "litert", "dynamic", _SMALL, "tflite:dynamic"),
    Format("tflite_int8", "lenet5-int8", "lenet5-int8.tflite", "litert", "int8", _INT8, "tflite:int8"),
    Format("onnx_float32", "lenet5", "lenet5.onnx", "onnxruntime", "float32", _FLOAT32, "onnx:float32"),
    Format("onnx_float16", "lenet5", "lenet5-float16.onnx", "onnxruntime", "float16", _SMALL, "onnx:float16"),
    Format("onnx_int8", "lenet5-int8", "lenet5-int8.onnx", "onnxruntime", "int8", _INT8, "onnx_int8:int8"),
    Format("onnx_features", "lenet5-features", "lenet5-features.onnx", "onnxruntime", "float32", _FLOAT32, "onnx:features"),
    Format("c", "lenet5-int8", "lenet5-int8.c", "c", "int8", _EXACT, "c_source:code", _C_HEADER),
    Format("wasm", "lenet5-int8", "lenet5-int8.wasm", "wasm", "int8", _EXACT, "wasm:module"),
    Format("wasm_simd", "lenet5-int8", "lenet5-int8-simd.wasm", "wasm", "int8", _EXACT, "wasm:simd_module"),
)
# fmt: on

# The formats of fields; where no bounds are given, those of the digit hold.
_SHARED: Final = frozenset(
    ("keras", "keras_int8", "tflite_float32", "tflite_int8", "onnx_float32", "onnx_int8")
)
# Between two symbols of a field there is always a step where they are about as likely as each other; every
# disagreement is still listed, and a near-tie. Two layers more than the digit model's round one more time, and
# logits of up to 150 are exact to 3e-5 in float32, so that probabilities are to 1e-5 or somewhat more.
_FIELD_BOUNDS: Final = {
    _FLOAT32: dataclasses.replace(_FLOAT32, largest=1e-4, strings=0.999),
    _INT8: Bound("reference", "lsb", 2, 0.998, 0.999),
}


# Of the parts of a check, which are no strings; eight layers round one more time than a field's seven.
_PART_BOUNDS: Final = {
    _FLOAT32: dataclasses.replace(_FLOAT32, largest=1e-4),
    _INT8: Bound("reference", "lsb", 4, 0.998),
}


def _formats_of(task: Task, name: str, bounds: Mapping[Bound, Bound] = _FIELD_BOUNDS) -> tuple[Format, ...]:
    """Returns the formats of a task's network with that name, which has a row of probabilities for each step or part."""
    return tuple(
        dataclasses.replace(
            row,
            model=row.model.replace("lenet5", name),
            file=row.file.replace("lenet5", name),
            bound=bounds.get(row.bound, row.bound) if row.bound else None,
            task=task,
        )
        for row in FORMATS
        if row.name in _SHARED
    )


FIELD_FORMATS: Final = _formats_of("field", "lenet5-field")
MICR_FORMATS: Final = _formats_of("micr", "lenet5-micr")
CHECK_FORMATS: Final = _formats_of("check", "check-fields", _PART_BOUNDS)
TABLE: Final[dict[str, tuple[Format, ...]]] = {
    "digit": FORMATS,
    "field": FIELD_FORMATS,
    "micr": MICR_FORMATS,
    "check": CHECK_FORMATS,
}


def models(task: str) -> frozenset[str]:
    """Returns the names of a task's models."""
    return frozenset(row.model for row in TABLE[task])


def get(name: str, task: str = "digit") -> Format:
    """Returns the row of that name.

    Raises:
        CheckreaderError: there is none.
    """
    for row in TABLE[task]:
        if row.name == name:
            return row
    raise CheckreaderError(
        f"unknown format {name!r}: choose one of {', '.join(row.name for row in TABLE[task])}"
    )
