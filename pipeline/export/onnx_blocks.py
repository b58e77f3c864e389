"""Computes C1 for blocks of 2×2 outputs: the folded network as ONNX Runtime is fastest with it in 8 bits.

ONNX Runtime copies a convolution's windows into a matrix (im2col), channels last and one tap after the other. C1
has one channel, so it copied byte by byte, and that took longer than the product. Here four neighboring pixels of a
row are four channels, which needs no copy, only another shape. One convolution whose window covers 2×2 outputs has
them all as channels: four bytes a copy, a quarter of the positions, and a product 24 columns wide
instead of 6. C3's 6×6 taps of stride 2 are 3×3 taps of stride 1 over these blocks. The sums are the same, but for zeros.
"""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np

from pipeline.networks.integer_reference import Layer

BLOCK: Final = 2  # outputs of C1, down and across
COLUMNS: Final = 4  # pixels of a row that become channels: those from one block to the next


def in_blocks(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """Computes the same function with C1's outputs in blocks.

    Args:
        layers: an integer network's.

    Returns:
        Layers of which the first reads [H, W/4, 4] instead of [H, W, 1] and gives [H'/2, W'/2, 24] instead of [H', W', 6],
        the channels in the order row, column, map. Layers that do not begin with two convolutions as
        the folded network's are returned as they are.
    """
    if not _fit(layers):
        return layers
    return (_blocks_of_outputs(layers[0]), _blocks_of_inputs(layers[1]), *layers[2:])


def _fit(layers: tuple[Layer, ...]) -> bool:
    c1, c3 = layers[:2]
    return (
        (c1.kind, c3.kind) == ("conv", "conv")
        and c1.stride == c3.stride == (2, 2)
        and c1.weights.shape[3] == 1
        and not any(c3.padding)
        and not any(side % BLOCK for side in (*c1.shape[:2], *c3.window))
        and _width(c1) % COLUMNS == 0
    )


def _width(c1: Layer) -> int:
    """Computes the input's columns from the output's."""
    _, _, left, right = c1.padding
    return c1.stride[1] * (c1.shape[1] - 1) + c1.window[1] - left - right


def _blocks_of_outputs(c1: Layer) -> Layer:
    rows, columns = c1.window
    up, down, left, _ = c1.padding
    before = -(-left // COLUMNS)  # groups of padding
    start = before * COLUMNS - left  # the first map's first column in the window of groups
    groups = -(-(start + 2 * (BLOCK - 1) + columns) // COLUMNS)
    maps = len(c1.weights)
    weights = np.zeros((BLOCK, BLOCK, maps, rows + 2 * (BLOCK - 1), groups * COLUMNS), np.int8)
    for row, column in np.ndindex(BLOCK, BLOCK):
        first = start + 2 * column
        weights[row, column, :, 2 * row : 2 * row + rows, first : first + columns] = c1.weights[..., 0]
    height, width = c1.shape[0] // BLOCK, c1.shape[1] // BLOCK
    after = width - 1 + groups - before - _width(c1) // COLUMNS
    per_map = c1.weight_scales if len(c1.weight_scales) > 1 else np.repeat(c1.weight_scales, maps)
    return dataclasses.replace(
        c1,
        shape=(height, width, BLOCK**2 * maps),
        window=(weights.shape[3], groups),
        stride=(2 * BLOCK, 2 * BLOCK // COLUMNS),
        padding=(up, down, before, after),
        weights=weights.reshape(BLOCK**2 * maps, -1, groups, COLUMNS),
        weight_scales=np.tile(per_map, BLOCK**2),
        bias=np.tile(c1.bias, BLOCK**2),
    )


def _blocks_of_inputs(c3: Layer) -> Layer:
    rows, columns = (side // BLOCK for side in c3.window)
    weights = c3.weights.reshape(len(c3.weights), rows, BLOCK, columns, BLOCK, -1).transpose(0, 1, 3, 2, 4, 5)
    return dataclasses.replace(
        c3,
        window=(rows, columns),
        stride=(1, 1),
        weights=np.ascontiguousarray(weights.reshape(len(c3.weights), rows, columns, -1)),
    )
