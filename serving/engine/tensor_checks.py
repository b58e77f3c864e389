"""Checks tensors from clients before a model gets them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from serving.errors import CheckreaderError
from serving.runtime.network import Floats, Spec


def check_range(name: str, image: Floats) -> None:
    """Checks that an image, float32, lies in [0, 1].

    Raises:
        CheckreaderError: it does not; the message says why.
    """
    low, high = float(image.min()), float(image.max())  # NaN anywhere makes both NaN
    if math.isnan(low):
        raise CheckreaderError(f"input {name!r} holds NaN; expected 0 (paper) to 1 (ink)")
    if low < 0 or high > 1:
        raise CheckreaderError(
            f"input {name!r} spans {low:g} to {high:g}; FP32 is 0 (paper) to 1 (ink): "
            "divide 8-bit pixels by 255, or declare them UINT8"
        )


def check_shape(model: str, spec: Spec, shape: Sequence[int], max_rows: int) -> None:
    """Checks that a shape is a batch of an input.

    Args:
        model: the model's name, for the message.
        spec: the model's input.
        shape: a shape, as the client declares it.
        max_rows: the largest batch that a request may hold.

    Raises:
        CheckreaderError: it is not, or not a batch of 1 to `max_rows` rows.
    """
    if len(shape) < 2 or (tuple(shape[1:]) != spec.shape[1:] and not _fits(spec.shape, shape)):
        raise CheckreaderError(
            f"unexpected shape for input {spec.name!r} for model {model!r}. "
            f"Expected {brackets(spec.shape)}, got {brackets(shape)}"
        )
    if not 1 <= shape[0] <= max_rows:
        raise CheckreaderError(
            f"inference request batch-size must be 1 to {max_rows} for {model!r}, got {shape[0]}"
        )


def _fits(expected: Sequence[int], shape: Sequence[int]) -> bool:
    return len(shape) == len(expected) and all(
        size == side or (side == -1 and size > 0) for side, size in zip(expected[1:], shape[1:], strict=True)
    )


def brackets(shape: Sequence[int]) -> str:
    """Formats a shape as clients write it, [1,28,28,1]."""
    return "[" + ",".join(map(str, shape)) + "]"
