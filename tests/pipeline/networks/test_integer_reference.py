from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.digits import Dataset
from pipeline.export.formats import FOLDER, get
from pipeline.export.provenance import serialize
from pipeline.networks import folded, integer_reference
from pipeline.networks.integer_reference import Unsupported
from pipeline.run import Run
from serving.errors import CheckreaderError


@pytest.fixture(scope="module")
def network(integers: bytes) -> integer_reference.Reference:
    return integer_reference.load(integers)


def litert(integers: bytes, pixels: np.ndarray, resolver: OpResolverType) -> np.ndarray:
    interpreter = Interpreter(model_content=integers, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    rows = []
    for image in pixels:
        interpreter.set_tensor(
            source["index"], (image.astype(np.int16) - 128).astype(np.int8)[None, ..., None]
        )
        interpreter.invoke()
        rows.append(interpreter.get_tensor(target["index"])[0])
    return np.stack(rows)


def change(integers: bytes, edit: Any) -> bytes:
    model = schema.ModelT.InitFromPackedBuf(integers, 0)
    edit(model)
    return serialize(model)


def test_litert_mode_is_litert_reference_to_the_bit(
    integers: bytes, network: integer_reference.Reference, digits: Dataset
) -> None:
    expected = litert(integers, digits.test.images, OpResolverType.BUILTIN_REF)
    np.testing.assert_array_equal(integer_reference.logits(network, digits.test.images, "litert"), expected)


def test_so_it_is_with_max_pooling(pooled: Run, digits: Dataset) -> None:
    content = (pooled / FOLDER / get("tflite_int8").file).read_bytes()
    network, images = integer_reference.load(content), digits.test.images[:100]
    assert [layer.kind for layer in network.layers[:4]] == ["conv", "max_pool", "conv", "max_pool"]
    expected = litert(content, images, OpResolverType.BUILTIN_REF)
    np.testing.assert_array_equal(integer_reference.logits(network, images, "litert"), expected)


def test_the_two_modes_differ_by_at_most_one(network: integer_reference.Reference, digits: Dataset) -> None:
    tflm = integer_reference.logits(network, digits.test.images).astype(int)
    assert np.abs(tflm - integer_reference.logits(network, digits.test.images, "litert")).max() <= 1


def test_activations_have_every_layer_in_order(network: integer_reference.Reference, digits: Dataset) -> None:
    found = integer_reference.activations(network, digits.test.images[:3])
    assert tuple(found) == folded.LAYERS
    assert found["c1"].shape == (3, 14, 14, 6)
    assert found["c3"].shape == (3, 5, 5, 16)
    assert all(values.dtype == np.int8 for values in found.values())
    np.testing.assert_array_equal(found["logits"], integer_reference.logits(network, digits.test.images[:3]))


def test_chunks_do_not_matter(network: integer_reference.Reference, digits: Dataset) -> None:
    together, chunks = (
        integer_reference.activations(network, digits.test.images[:20], chunk=chunk) for chunk in (20, 7)
    )
    for name in folded.LAYERS:
        np.testing.assert_array_equal(chunks[name], together[name])


def test_no_pictures_are_no_logits(network: integer_reference.Reference) -> None:
    assert integer_reference.logits(network, np.zeros((0, 28, 28), np.uint8)).shape == (0, 10)


def test_the_input_is_pixel_minus_128(network: integer_reference.Reference) -> None:
    assert network.input.zero_point == -128
    assert network.input.scale == np.float32(1 / 255)


def test_relu_starts_at_the_zero_point(network: integer_reference.Reference) -> None:
    for layer in network.layers[:-1]:
        assert layer.output.zero_point == -128  # seeded ranges: the whole of int8 is used


def by_the_book(value: int, multiplier: int, shift: int) -> int:
    """gemmlowp's double rounding in Python's integers, for one value."""
    product = value * 2 ** max(shift, 0) * multiplier
    nudge = 2**30 if product >= 0 else 1 - 2**30
    high = abs(product + nudge) // 2**31 * (1 if product + nudge >= 0 else -1)
    right = max(-shift, 0)
    mask = 2**right - 1
    return (high >> right) + int((high & mask) > (mask >> 1) + int(high < 0))


@given(st.integers(-(2**24), 2**24), st.integers(2**30, 2**31 - 1), st.integers(-15, 2))
def test_requantize_is_gemmlowps(value: int, multiplier: int, shift: int) -> None:
    found = integer_reference.requantize(np.array([value]), np.array([multiplier]), np.array([shift]))
    assert found.tolist() == [by_the_book(value, multiplier, shift)]


@pytest.mark.parametrize(
    ("value", "multiplier", "shift", "expected"),
    [
        (1, 2**30, 0, 1),  # 0.5 rounds away from zero
        (-1, 2**30, 0, 0),  # but −0.5 up, as the C code does
        (3, 2**30, -1, 1),  # 0.75
        (-3, 2**30, -1, -1),
        (0, 2**31 - 1, 0, 0),
        (100, 2**30, 1, 100),
    ],
)
def test_requantize_examples(value: int, multiplier: int, shift: int, expected: int) -> None:
    found = integer_reference.requantize(np.array([value]), np.array([multiplier]), np.array([shift]))
    assert found.tolist() == [expected]


def test_a_float_model_is_refused(exported: Run) -> None:
    content = (exported / "export/lenet5.tflite").read_bytes()
    with pytest.raises(CheckreaderError, match="the input is FLOAT32, expected INT8"):
        integer_reference.load(content)


def test_an_unknown_operator_is_named(integers: bytes) -> None:
    def edit(model: Any) -> None:
        for code in model.operatorCodes:
            if code.builtinCode == schema.BuiltinOperator.CONV_2D:
                code.builtinCode = schema.BuiltinOperator.DEPTHWISE_CONV_2D

    with pytest.raises(Unsupported, match="operator DEPTHWISE_CONV_2D is not computed"):
        integer_reference.load(change(integers, edit))


def test_an_unknown_activation_is_named(integers: bytes) -> None:
    def edit(model: Any) -> None:
        options = model.subgraphs[0].operators[0].builtinOptions
        options.fusedActivationFunction = schema.ActivationFunctionType.TANH

    with pytest.raises(Unsupported, match="layer c1: the fused activation TANH"):
        integer_reference.load(change(integers, edit))


def test_a_dynamic_shape_is_refused(integers: bytes) -> None:
    def edit(model: Any) -> None:
        model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].shapeSignature = np.array(
            [-1, 28, 28, 1], np.int32
        )

    with pytest.raises(CheckreaderError, match=r"dynamic shape \[-1, 28, 28, 1\]"):
        integer_reference.load(change(integers, edit))


def test_another_network_is_refused(integers: bytes) -> None:
    def edit(model: Any) -> None:
        del model.subgraphs[0].operators[-1]

    with pytest.raises(CheckreaderError, match="4 layers, expected LeNet-5's 5"):
        integer_reference.load(change(integers, edit))


def test_names_do_not_matter(integers: bytes, digits: Dataset) -> None:
    def edit(model: Any) -> None:
        for tensor in model.subgraphs[0].tensors:
            tensor.name = b"relu"

    changed = integer_reference.load(change(integers, edit))
    expected = integer_reference.logits(integer_reference.load(integers), digits.test.images[:9])
    np.testing.assert_array_equal(integer_reference.logits(changed, digits.test.images[:9]), expected)


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\0" * 64, b"PK\x03\x04 a zip"])
def test_another_file_is_refused(content: bytes) -> None:
    with pytest.raises(CheckreaderError, match="not a TensorFlow Lite file"):
        integer_reference.load(content)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused(integers: bytes, share: float) -> None:
    with pytest.raises(CheckreaderError):
        integer_reference.load(integers[: max(8, int(len(integers) * share))])


def test_damage_is_an_error_line_or_a_network(integers: bytes) -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(integers)
        damaged[rng.integers(len(damaged))] ^= int(rng.integers(1, 256))
        with contextlib.suppress(CheckreaderError):
            integer_reference.load(bytes(damaged))
