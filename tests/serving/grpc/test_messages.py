"""The messages: the same as Triton's, and tensors from and to them."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import descriptor_pb2

from serving.engine.served_model import ServedModel, load_model
from serving.engine.statistics import Counts
from serving.engine.tensors import Tensor
from serving.errors import CheckreaderError
from serving.grpc.messages import MESSAGES, SERVICE, parse, read_inputs, render_reply, whole_number
from serving.repository.store import Repository
from serving.settings import Settings
from tests.support.paths import ROOT

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from tritonclient.grpc import model_config_pb2, service_pb2

PROTOCOL = ROOT / "serving/grpc"
PIXELS = np.random.default_rng(0).random((2, 28, 28, 1), np.float32)


@pytest.fixture(scope="module")
def served(models: Path) -> ServedModel:
    repository = Repository.open(models)
    return load_model(repository, Counts(), Settings(), "lenet5", repository.model("lenet5"))


def infer_request(**fields: Any) -> Any:
    """A request with one input, of which `fields` are the contents or the raw bytes."""
    raw = fields.pop("raw", ())
    request = MESSAGES["ModelInfer"][0](model_name="lenet5", id="7", raw_input_contents=raw)
    request.inputs.add(**{"name": "image", "datatype": "FP32", "shape": PIXELS.shape} | fields)
    return request


def test_tensors_from_raw_bytes_and_from_contents(served: ServedModel) -> None:
    contents = {"fp32_contents": PIXELS.ravel().tolist()}
    for request in (infer_request(raw=[PIXELS.tobytes()]), infer_request(contents=contents)):
        (tensor,) = read_inputs(served, request, 8)
        assert (tensor.name, tensor.datatype) == ("image", "FP32")
        np.testing.assert_array_equal(tensor.data, PIXELS)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (infer_request(raw=[b"", b""]), "2 raw_input_contents are given for 1 inputs"),
        (infer_request(raw=[b"abc"]), "input 'image'"),
        (infer_request(contents={"fp32_contents": [1.0]}), "its shape takes 1568 elements, .* has 1"),
        (infer_request(contents={"int_contents": [1]}), "FP32 belongs into fp32_contents, not int_contents"),
        (
            infer_request(raw=[PIXELS.tobytes()], contents={"fp32_contents": [1.0]}),
            "'contents' must be left out",
        ),
    ],
)
def test_tensors_that_contradict_themselves(served: ServedModel, request_: Any, message: str) -> None:
    with pytest.raises(CheckreaderError, match=message):
        read_inputs(served, request_, 8)


def test_whole_numbers() -> None:
    request = MESSAGES["ModelInfer"][0]()
    assert whole_number(request.parameters, "timeout", 100) == 0
    assert "timeout" not in request.parameters  # looking for it did not add it
    request.parameters["timeout"].int64_param = 7
    assert whole_number(request.parameters, "timeout", 100) == 7
    for field, value in (("int64_param", -1), ("int64_param", 100), ("bool_param", True)):
        setattr(request.parameters["timeout"], field, value)
        with pytest.raises(CheckreaderError, match="'timeout' must be a whole number"):
            whole_number(request.parameters, "timeout", 100)


def test_a_reply_has_numbers_or_classes(served: ServedModel) -> None:
    probabilities = np.eye(10, dtype=np.float32)[[3, 8]]
    request = infer_request()
    reply = render_reply(request, served, [Tensor("probabilities", "FP32", probabilities)])
    assert (reply.model_name, reply.model_version, reply.id) == ("lenet5", "1", "7")
    (output,), (raw,) = reply.outputs, reply.raw_output_contents
    assert (output.name, output.datatype, list(output.shape)) == ("probabilities", "FP32", [2, 10])
    assert raw == probabilities.tobytes()
    request.outputs.add(name="probabilities").parameters["classification"].int64_param = 1
    reply = render_reply(request, served, [Tensor("probabilities", "FP32", probabilities)])
    assert (reply.outputs[0].datatype, list(reply.outputs[0].shape)) == ("BYTES", [2, 1])
    assert b":3:3" in reply.raw_output_contents[0]


def test_a_garbled_message() -> None:
    path, classes = f"/{SERVICE}/ModelReady", MESSAGES["ModelReady"]
    assert parse(path, classes, classes.request(name="a").SerializeToString()).name == "a"
    with pytest.raises(CheckreaderError, match="failed to parse the ModelReady message"):
        parse(path, classes, b"\xff")


def compiled(name: str = "inference") -> descriptor_pb2.FileDescriptorProto:
    (file,) = descriptor_pb2.FileDescriptorSet.FromString((PROTOCOL / f"{name}.protoset").read_bytes()).file
    return file


@pytest.mark.parametrize("name", ["inference", "health"])
def test_protosets_are_compiled_from_the_protos(tmp_path: Path, name: str) -> None:
    out = tmp_path / "protoset"
    # In a process of its own: beside TensorFlow's protobuf the compiler crashes.
    protoc = [sys.executable, "-m", "grpc_tools.protoc"]
    options = [f"-I{PROTOCOL}", f"--descriptor_set_out={out}", f"{name}.proto"]
    subprocess.run([*protoc, *options], check=True)
    (file,) = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file
    file.ClearField("source_code_info")
    assert file == compiled(name)


def differences(ours: Any, theirs: Any) -> Iterator[str]:
    """Names what a message of ours defines otherwise than Triton's."""
    fields = {field.name: field for field in theirs.field}
    for field in ours.field:
        twin = fields.get(field.name)
        if twin is None or any(
            getattr(field, part) != getattr(twin, part) for part in ("number", "type", "label", "type_name")
        ):
            yield f"{ours.name}.{field.name}"
    enums = {enum.name: {value.name: value.number for value in enum.value} for enum in theirs.enum_type}
    for enum in ours.enum_type:
        if {value.name: value.number for value in enum.value} != enums.get(enum.name):
            yield f"{ours.name}.{enum.name}"
    nested = {message.name: message for message in theirs.nested_type}
    for message_ in ours.nested_type:
        yield from differences(message_, nested[message_.name])


def test_same_numbers_as_triton() -> None:
    theirs = descriptor_pb2.DescriptorProto()  # both of their files as if nested in one message
    services = {}
    for module in (service_pb2, model_config_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        theirs.nested_type.extend(file.message_type)
        theirs.enum_type.extend(file.enum_type)
        services.update({method.name: method for service in file.service for method in service.method})
    file = compiled()
    ours = descriptor_pb2.DescriptorProto(nested_type=file.message_type, enum_type=file.enum_type)
    assert list(differences(ours, theirs)) == []
    for method in file.service[0].method:
        twin = services[method.name]
        assert (method.input_type, method.output_type) == (twin.input_type, twin.output_type)
        assert (method.client_streaming, method.server_streaming) == (
            twin.client_streaming,
            twin.server_streaming,
        )
