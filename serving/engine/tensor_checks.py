"""What a tensor has to look like before a model gets it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from serving.errors import CheckreaderError
from serving.runtime.network import Floats, Spec


def check_range(name: str, image: Floats) -> None:
    """Raises CheckreaderError, saying what is wrong with an image that does not lie in [0, 1]."""
    low, high = float(image.min()), float(image.max())  # NaN anywhere makes both NaN
    if math.isnan(low):
        raise CheckreaderError(f"input {name!r} holds NaN; expected 0 (paper) to 1 (ink)")
    if low < 0 or high > 1:
        raise CheckreaderError(
            f"input {name!r} spans {low:g} to {high:g}; FP32 is 0 (paper) to 1 (ink): "
            "divide 8-bit pixels by 255, or declare them UINT8"
        )


def check_shape(model: str, spec: Spec, shape: Sequence[int], max_rows: int) -> None:
    """Raises CheckreaderError unless `shape` is a batch of 1 to `max_rows` of what `spec` takes."""
    if len(shape) < 2 or (tuple(shape[1:]) != spec.shape[1:] and not _fits(spec.shape, shape)):
        raise CheckreaderError(
            f"unexpected shape for input {spec.name!r} for model {model!r}. "
            f"Expected {brackets(spec.shape)}, got {brackets(shape)}"
        )
    if not 1 <= shape[0] <= max_rows:
        raise CheckreaderError(
            f"inference request batch-size must be 1 to {max_rows} for {model!r}, got {shape[0]}"
        )


def _fits(wanted: Sequence[int], shape: Sequence[int]) -> bool:
    return len(shape) == len(wanted) and all(
        want == got or (want == -1 and got > 0) for want, got in zip(wanted[1:], shape[1:], strict=True)
    )


def brackets(shape: Sequence[int]) -> str:
    """A shape as clients write it."""
    return "[" + ",".join(map(str, shape)) + "]"
