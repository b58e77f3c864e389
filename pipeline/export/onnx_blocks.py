"""Computes C1 in blocks of outputs: how ONNX Runtime is fastest with it in 8 bits.

ONNX Runtime copies a convolution's windows into a matrix (im2col), channels last and one tap after the other. C1
has one channel, so it copied byte by byte, and that took longer than the product. Here four neighboring pixels of a
row are four channels, which needs no copy, only another shape. One convolution whose window covers a block of outputs
has them all as channels: four bytes a copy, a fraction of the positions, and a wider product. The sums are the
same, but for zeros.

Neighbors in a row are a block, and cutting it up again is only another shape. In the folded network two rows of two are one,
since C3 can read it: its 6×6 taps of stride 2 are 3×3 taps of stride 1 over such blocks.
"""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np

from pipeline.networks.integer_reference import Layer

COLUMNS: Final = 4  # pixels of a row that become channels; a block begins every so many
_ROWS: Final = 2  # of outputs in a block that C3 reads


def in_blocks(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """Computes the same function with C1's outputs in blocks.

    Args:
        layers: an integer network's.

    Returns:
        Layers of which the first reads [H, W/4, 4] instead of [H, W, 1]. Its channels are those of a block, in the order
        row, column, map: of the folded network [H'/2, W'/2, 24] instead of [H', W', 6], which the second reads; of
        others [H', W'/4, 4·C] instead of [H', W', C], which the second does not. Layers that it does not fit, and
        those of pictures of any width, are returned as they are.
    """
    c1, c3 = layers[:2]
    # A free width (-1) may be any, not only a multiple of four.
    if c1.kind != "conv" or c1.weights.shape[3] != 1 or c1.shape[1] < 0 or _remainder(c1) % COLUMNS:
        return layers
    if c1.stride == (1, 1) and c1.shape[1] % COLUMNS == 0:
        return (_blocks_of_outputs(c1, 1), *layers[1:])
    if _reads_blocks(c1, c3):
        return (_blocks_of_outputs(c1, _ROWS), _blocks_of_inputs(c3), *layers[2:])
    return layers


def _remainder(c1: Layer) -> int:
    """Returns how many columns the input has more than the outputs times the stride."""
    _, _, left, right = c1.padding
    return c1.window[1] - left - right - c1.stride[1]


def _reads_blocks(c1: Layer, c3: Layer) -> bool:
    return (
        c3.kind == "conv"
        and c1.stride == c3.stride == (2, 2)
        and not any(c3.padding)
        and not any(side % _ROWS for side in (*c1.shape[:2], *c3.window))
    )


def _blocks_of_outputs(c1: Layer, down: int) -> Layer:
    (rows, columns), (stride, _) = c1.window, c1.stride
    across, maps = COLUMNS // stride, len(c1.weights)
    above, below, left, _ = c1.padding
    before = -(-left // COLUMNS)  # groups of padding
    start = before * COLUMNS - left  # the first map's first column in the window of groups
    groups = -(-(start + stride * (across - 1) + columns) // COLUMNS)
    weights = np.zeros((down, across, maps, rows + stride * (down - 1), groups * COLUMNS), np.int8)
    for row, column in np.ndindex(down, across):
        top, first = stride * row, start + stride * column
        weights[row, column, :, top : top + rows, first : first + columns] = c1.weights[..., 0]
    per_map = c1.weight_scales if len(c1.weight_scales) > 1 else np.repeat(c1.weight_scales, maps)
    height, width, _ = c1.shape
    return dataclasses.replace(
        c1,
        shape=(height // down, width // across, down * across * maps),
        window=(weights.shape[3], groups),
        stride=(stride * down, 1),
        padding=(above, below, before, groups - before - 1 - _remainder(c1) // COLUMNS),
        weights=weights.reshape(down * across * maps, -1, groups, COLUMNS),
        weight_scales=np.tile(per_map, down * across),
        bias=np.tile(c1.bias, down * across),
    )


def _blocks_of_inputs(c3: Layer) -> Layer:
    rows, columns = (side // _ROWS for side in c3.window)
    weights = c3.weights.reshape(len(c3.weights), rows, _ROWS, columns, _ROWS, -1).transpose(0, 1, 3, 2, 4, 5)
    return dataclasses.replace(
        c3,
        window=(rows, columns),
        stride=(1, 1),
        weights=np.ascontiguousarray(weights.reshape(len(c3.weights), rows, columns, -1)),
    )
