"""Tensors of requests: their checks and their conversion to a model's input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from serving.errors import CheckreaderError
from serving.images import sliding_window
from serving.images.field import MAX_WIDTH
from serving.images.pages import split
from serving.manifest import Sliding
from serving.runtime.network import Array, Floats, Spec

_ONE: Final = 0x3F800000  # the bits of 1.0 in float32


class Tensor(msgspec.Struct, frozen=True):
    """A named array; `datatype` is the Open Inference Protocol's word for its dtype.

    BYTES are an object array of bytes objects: encoded pictures in an input, "value:index:label" in an output.
    """

    name: str
    datatype: str
    data: Array


def single_input(model: str, spec: Spec, inputs: Sequence[Tensor]) -> Tensor:
    """Returns a request's one input.

    Args:
        model: the model's name, for the message.
        spec: the model's input.
        inputs: the request's inputs.

    Raises:
        CheckreaderError: they are not one input of the model's name for it.
    """
    for tensor in inputs:
        if tensor.name != spec.name:
            raise CheckreaderError(
                f"unexpected inference input {tensor.name!r} for model {model!r}, expected {spec.name!r}"
            )
    if len(inputs) != 1:
        raise CheckreaderError(f"model {model!r} takes one input, {spec.name!r}, got {len(inputs)}")
    return inputs[0]


def to_model_input(
    model: str,
    spec: Spec,
    sliding: Sliding | None,
    tensor: Tensor,
    max_rows: int,
    widest: int = MAX_WIDTH,
) -> Floats:
    """Converts a tensor of pixels to a model's input, float32 [N, …] in [0, 1].

    Args:
        model: the model's name, for the message.
        spec: the model's input.
        sliding: how the model slides over a field; None: it does not.
        tensor: FP32 in [0, 1], or UINT8 0–255.
        max_rows: the largest batch that a request may hold.
        widest: columns of the widest field that the model reads.

    Raises:
        CheckreaderError: the tensor's shape, datatype or values do not fit.
    """
    check_shape(model, spec, tensor.data.shape, max_rows)
    if sliding is not None:
        sliding_window.check_width(model, tensor.data.shape[2], sliding, widest)
    if tensor.datatype == "UINT8":
        return tensor.data.astype(np.float32) / np.float32(255)
    if tensor.datatype != "FP32":
        raise CheckreaderError(
            f"inference input {spec.name!r} data-type is {tensor.datatype!r}, "
            f"but model {model!r} expects 'FP32' in [0, 1], 'UINT8' 0–255 or 'BYTES', encoded pictures"
        )
    image = np.ascontiguousarray(tensor.data, np.float32)
    # As unsigned integers, the floats from 0 to 1 are the smallest: one pass finds all others, negative and NaN too.
    if image.view(np.uint32).max() > _ONE:
        check_range(spec.name, image)
    return image


def to_pictures(model: str, tensor: Tensor, max_pictures: int) -> list[bytes]:
    """Returns the encoded pictures of a BYTES tensor, [N] or [N, 1], each of one page.

    Args:
        model: the model's name, for the message.
        tensor: the request's input.
        max_pictures: the most that a request may hold.

    Raises:
        CheckreaderError: the tensor has another shape, not 1 to `max_pictures` pictures, or one of several pages,
            which would need as many rows.
    """
    pictures = tensor.data
    if pictures.ndim not in (1, 2) or pictures.shape[1:] not in ((), (1,)):
        raise CheckreaderError(
            f"unexpected shape for encoded pictures for model {model!r}. Expected [N] or [N,1], "
            f"got {brackets(pictures.shape)}"
        )
    if not 1 <= len(pictures) <= max_pictures:
        raise CheckreaderError(
            f"encoded pictures for model {model!r} must be 1 to {max_pictures}, got {len(pictures)}"
        )
    elements = list(pictures.ravel())
    for number, encoded in enumerate(elements, 1):
        pages = len(split(encoded))
        if pages > 1:  # an output has a row for each picture
            which = f"picture {number} of {len(elements)}" if len(elements) > 1 else "the picture"
            raise CheckreaderError(
                f"{which} for model {model!r} has {pages} pages, of which each would be a row: "
                "post it to /digits, /fields or /micr, which read them all"
            )
    return elements


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
