"""Measures how far two formats are apart, layer by layer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.export import predictor
from pipeline.export.formats import FOLDER, get
from pipeline.networks import integer_reference, spec
from pipeline.networks.batching import Batch
from pipeline.run import Run

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

REFERENCE: Final = "reference"  # the NumPy integer network: in the 8-bit family, but no file

# A layer drifts when its outputs differ by more than this share of their range. Some ten times the
# rounding of the type: float32 measures 7e-7, float16 5e-4, dynamic 2e-2, 8 bits one or two of 255 steps.
DRIFT: Final = {"float32": 1e-5, "float16": 2e-3, "dynamic": 5e-2, "int8": 2e-2}


def tolerance(task: str, *names: str) -> float:
    """Returns the tolerance between formats of a task: that of the coarsest type."""
    return max(DRIFT["int8" if name == REFERENCE else get(name, task).type] for name in names)


def dequantize(integers: npt.NDArray[np.int8], scale: integer_reference.Scale) -> Floats:
    """Returns the real numbers that 8-bit integers stand for."""
    return (integers.astype(np.float32) - np.float32(scale.zero_point)) * np.float32(scale.scale)


def activations(
    run: Run, name: str, batches: Sequence[Batch], integers: integer_reference.Reference | None
) -> dict[str, Floats]:
    """Computes every layer's outputs as real values, all batches' in one array, see `predictor.layer_predictor`.

    Args:
        run: an exported run.
        name: a format's, or "reference".
        batches: the pictures.
        integers: the NumPy integer network; needed for "reference" alone.
    """
    run_layers: Callable[[Pixels], dict[str, Floats]]
    if name == REFERENCE and integers is not None:
        run_layers = functools.partial(_reference_layers, integers)
    else:
        row = get(name, spec.task_of_run(run).name)
        run_layers = predictor.layer_predictor(row, run / FOLDER / row.file)
    parts = [run_layers(batch.pixels) for batch in batches]
    return {layer: np.concatenate([part[layer].ravel() for part in parts]) for layer in parts[0]}


def _reference_layers(network: integer_reference.Reference, pixels: Pixels) -> dict[str, Floats]:
    integers = integer_reference.activations(network, pixels)
    return {layer.name: dequantize(integers[layer.name], layer.output) for layer in network.layers}


def compare_layers(
    left: dict[str, Floats], right: dict[str, Floats], tolerance: float
) -> list[dict[str, Any]]:
    """Measures how far every layer's outputs are apart.

    Of two views of a network, which divide its beginning differently, the layers that both have are compared.

    Args:
        left, right: each layer's values.
        tolerance: the share of the range that may differ.

    Returns:
        For each layer its name and the largest `difference` of a value, the `range` that `left`'s values
        span, the first as a share of the second (`relative`), the `tolerance` and whether it `drifts`.
    """
    rows = []
    for layer, values in left.items():
        if layer not in right or right[layer].shape != values.shape:
            continue
        difference = float(np.abs(values - right[layer]).max())
        span = float(np.ptp(values))
        relative = difference / max(span, float(np.finfo(np.float32).tiny))
        rows.append(
            {
                "layer": layer,
                "difference": difference,
                "range": span,
                "relative": relative,
                "tolerance": tolerance,
                "drifts": relative > tolerance,
            }
        )
    return rows
