"""ONNX files in floating point: their contract, and their node names."""

from __future__ import annotations

import onnx
import pytest

from pipeline.export.formats import FOLDER, FORMATS, Format, get
from pipeline.networks import folded, lenet5
from pipeline.run import Run
from serving.runtime import onnx as runtime


@pytest.mark.parametrize(
    "row", [row for row in FORMATS if row.runtime == "onnxruntime"], ids=lambda row: row.name
)
def test_onnx_contract(exported: Run, row: Format) -> None:
    path = exported / FOLDER / row.file
    model = onnx.load(path)
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 17}
    network = runtime.load(path)
    assert (network.input.name, network.input.datatype, network.input.shape) == (
        "image",
        "FP32",
        (-1, 28, 28, 1),
    )
    outputs = {output.name: (output.datatype, output.shape) for output in network.outputs}
    expected = {"probabilities": ("FP32", (-1, 10))}
    if row.model == "lenet5-features":
        features = {layer.name: ("FP32", (-1, *layer.shape)) for layer in lenet5.table()[:-1]}
        expected = {**features, **expected}
    assert list(outputs.items()) == list(expected.items())
    operators = [node.op_type for node in model.graph.node]
    # In 8 bits those of the graph cancel the runtime's own: see test_onnx_int8.
    assert "Transpose" not in operators or row.model in ("lenet5-features", "lenet5-int8")


def test_nodes_are_named_after_their_layers(exported: Run) -> None:
    """The converter's own names go on from one model to the next."""
    model = onnx.load(exported / FOLDER / get("onnx_float32").file)
    layers = [layer.name for layer in folded.table()]
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    assert {name.split("_")[0] for name in names} == {"image", *layers}
    assert model.graph.name == "lenet5"


def test_the_folded_graph_has_two_strided_convolutions(exported: Run) -> None:
    nodes = onnx.load(exported / FOLDER / get("onnx_float32").file).graph.node
    strides = [
        attribute.ints for node in nodes for attribute in node.attribute if attribute.name == "strides"
    ]
    assert strides == [[4, 2], [1, 2]]  # rows in pairs
    assert not {"Transpose", "Pad", "MaxPool", "AveragePool"} & {node.op_type for node in nodes}
