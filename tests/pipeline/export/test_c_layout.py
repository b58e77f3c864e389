"""The layout of the exported C: nothing that is still read is written over, and what the kernels assume is checked."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

from pipeline.export import c_layout
from pipeline.networks import integer_reference
from pipeline.networks.integer_reference import Reference, Scale, Unsupported
from serving.repository.store import Repository
from tests.support import integer_networks

KINDS = ("folded", "max_pool", "average_pool")


def changed(network: Reference, index: int, **fields: object) -> Reference:
    """The network with other fields in one layer; an output's scale is the next layer's input."""
    layers = list(network.layers)
    layers[index] = dataclasses.replace(layers[index], **fields)
    return dataclasses.replace(network, layers=tuple(layers))


@pytest.mark.parametrize(
    ("pooling", "ram", "macs"),
    [("folded", 2_800, 187_656), ("max_pool", 2_800, 416_520), ("average_pool", 9_000, 416_520)],
)
def test_regions_lie_apart_in_the_arena(pooling: str, ram: int, macs: int) -> None:
    layout = c_layout.layout(integer_networks.network(pooling))
    assert layout.arena <= ram
    assert sum(step.multiply_accumulates for step in layout.steps) == macs
    for step in layout.steps[1:]:
        windows = (
            range(step.patches, step.patches + 4 * layout.patch) if "convolution" in step.kernel else range(0)
        )
        source = range(step.input, step.input + step.input_bytes)
        target = range(step.output, step.output + step.output_bytes) if step.kernel != "logits" else range(0)
        for region in (source, target, windows):
            assert region.stop <= layout.arena
        for one, other in itertools.combinations((source, target, windows), 2):
            assert not set(one) & set(other)
    for step, following in itertools.pairwise(layout.steps):
        assert following.input == step.output


@pytest.mark.parametrize("pooling", KINDS)
def test_the_first_output_overwrites_no_row_that_is_still_read(pooling: str) -> None:
    layout = c_layout.layout(integer_networks.network(pooling))
    step = layout.steps[0]
    rows, columns, filters = step.target
    each, stride = (1, 2 * step.layer.stride[0]) if "max_pool" in step.kernel else (4, step.layer.stride[0])
    line = step.source[1]
    for written in range(each, rows * columns, each):
        assert written * filters <= step.input + written // columns * stride * line
    assert step.input + math.prod(step.source) + c_layout.WORD <= step.patches
    assert step.patches + 4 * layout.patch <= layout.arena
    assert rows * columns * filters <= step.patches


def test_constants_are_what_the_kernels_take() -> None:
    network = integer_networks.network("folded")
    arrays = c_layout.constants(network.layers[0])
    multiplier, shift = integer_reference.multipliers(network.layers[0])
    np.testing.assert_array_equal(arrays["multipliers"], multiplier)
    np.testing.assert_array_equal(arrays["shifts"], -shift - 1)
    one = dataclasses.replace(network.layers[0], weight_scales=np.array([1, *[1e-30] * 5], np.float32))
    assert c_layout.constants(one)["multipliers"].tolist()[1:] == [0] * 5
    shared = dataclasses.replace(network.layers[0], weight_scales=np.array([1], np.float32))
    assert c_layout.constants(shared)["multipliers"].shape == (6,)
    assert c_layout.constants(network.layers[2])["multipliers"].shape == (1,)


@pytest.mark.parametrize(
    ("pooling", "index", "fields", "message"),
    [
        ("folded", 1, {"input": Scale(0.1, -127)}, "layer c3: .*an input with the zero point -127; it is -128"),
        ("folded", 0, {"low": -90}, "layer c1: .*a clamp to -90…127 where the zero point is -128; ReLU's"),
        ("folded", 0, {"output": Scale(0.1, -5)}, "layer c1: .*a clamp to -128…127 where the zero point is -5"),
        ("folded", 4, {"high": 100}, "layer logits: .*a clamp to -128…100"),
        ("folded", 1, {"stride": (1, 2)}, "layer c3: .*a window 6×6 with stride 1×2; both are square"),
        ("folded", 1, {"padding": (1, 1, 1, 1)}, "layer c3: .*padding; only the first layer has it"),
        ("folded", 0, {"output": Scale(1e-4, -128)}, r"layer c1: .*an output that is scaled by 2\^"),
        ("folded", 2, {"bias": np.full(120, 2**30, np.int32)}, "layer c5: .*sums of more than 30 bits"),
        ("folded", 3, {"weights": np.zeros((82, 120), np.int8), "bias": np.zeros(82, np.int32)}, "layer f6: .*82 outputs"),
        ("folded", 0, {"kind": "dense"}, "layer c1: .*a first layer of kind dense"),
        ("folded", 4, {"kind": "conv"}, "layer logits: .*a last layer of kind conv"),
        ("max_pool", 1, {"high": 60}, "layer s2: .*a clamp to -128…60"),
        ("max_pool", 1, {"window": (3, 3)}, "layer s2: .*maximum pooling of 28×28 pixels by 3×3 with stride 2×2"),
        ("max_pool", 2, {"kind": "max_pool"}, "layer c3: .*maximum pooling that does not follow a convolution"),
        ("average_pool", 1, {"low": -100}, "layer s2: .*a clamp to -100…127"),
    ],
)  # fmt: skip
def test_what_the_kernels_do_not_compute_is_refused_by_name(
    pooling: str, index: int, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(Unsupported, match=message) as refusal:
        c_layout.layout(changed(integer_networks.network(pooling), index, **fields))
    assert "\n" not in str(refusal.value)


def test_a_field_network_is_refused() -> None:
    field = integer_reference.load((Repository.open().folder / "edge/lenet5-field-int8.tflite").read_bytes())
    with pytest.raises(Unsupported, match="any width"):
        c_layout.layout(field)
