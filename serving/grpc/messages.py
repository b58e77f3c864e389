"""The messages of the Open Inference Protocol over gRPC: their classes, and tensors from and to them.

The messages of `inference.proto`, and in the same way those of `health.proto`, are compiled by

    python -m grpc_tools.protoc -I serving/grpc \\
        --descriptor_set_out=serving/grpc/inference.protoset serving/grpc/inference.proto

into descriptors rather than code: generated code runs with one major version of protobuf only, and in the default
pool it would collide with a Triton client in the same process.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from importlib.resources import files
from typing import Any, Final, NamedTuple

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from serving.engine.served_model import ServedModel
from serving.engine.tensors import Tensor, check_shape
from serving.errors import CheckreaderError
from serving.protocol import oip
from serving.protocol.tensors import DTYPES, check_declared, from_bytes, objects, to_bytes, whole
from serving.runtime.network import Array

SERVICE: Final = "inference.GRPCInferenceService"
# The field of InferTensorContents that holds a datatype's elements.
_CONTENTS: Final = {"FP32": "fp32_contents", "UINT8": "uint_contents", "BYTES": "bytes_contents"}


class MessageClasses(NamedTuple):
    """The classes of a call's request and reply."""

    request: Any
    reply: Any


def message_classes(protoset: str, service: str) -> dict[str, MessageClasses]:
    """Returns the classes of each call of a service; `protoset` is the file in this folder that describes it."""
    compiled = (files("serving.grpc") / protoset).read_bytes()
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(compiled).file:
        pool.Add(file)
    to_class = message_factory.GetMessageClass
    methods = pool.FindServiceByName(service).methods
    return {
        method.name: MessageClasses(to_class(method.input_type), to_class(method.output_type))
        for method in methods
    }


MESSAGES: Final = message_classes("inference.protoset", SERVICE)


def read_inputs(served: ServedModel, request: Any, max_rows: int) -> list[Tensor]:
    """Reads the input tensors of a ModelInferRequest.

    Args:
        served: the model that the request is for.
        request: the message.
        max_rows: the largest batch that it may hold.

    Raises:
        CheckreaderError: a tensor contradicts its declaration, or does not fit the model.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise CheckreaderError(f"{len(raw)} raw_input_contents are given for {len(request.inputs)} inputs")
    spec = served.loaded.network.input
    check = partial(check_shape, served.name, spec, max_rows=max_rows)
    tensors = []
    for index, message in enumerate(request.inputs):
        name, datatype, shape = message.name, message.datatype.upper(), list(message.shape)
        check_declared(name, datatype, shape, spec, check)
        if raw and message.contents.ListFields():
            raise CheckreaderError(f"input {name!r}: 'contents' must be left out beside raw_input_contents")
        if raw:
            content = raw[index]  # protobuf copies it on each access
            array = from_bytes(name, datatype, content, 0, len(content), shape)
        else:
            array = _from_contents(message, datatype, shape)
        tensors.append(Tensor(name, datatype, array))
    return tensors


def _from_contents(message: Any, datatype: str, shape: list[int]) -> Array:
    """Reads the elements of an InferInputTensor from its `contents`."""
    name, contents = message.name, message.contents
    field = _CONTENTS.get(datatype)
    if field is None:
        raise CheckreaderError(f"input {name!r}: {datatype} is read from raw_input_contents alone")
    other = [filled.name for filled, _ in contents.ListFields() if filled.name != field]
    if other:
        raise CheckreaderError(f"input {name!r}: {datatype} belongs into {field}, not {other[0]}")
    elements = getattr(contents, field)
    if datatype == "BYTES":
        return objects(name, elements, shape)
    if len(elements) != math.prod(shape):
        raise CheckreaderError(
            f"input {name!r}: its shape takes {math.prod(shape)} elements, {field} has {len(elements)}"
        )
    try:
        return np.fromiter(elements, DTYPES[datatype], len(elements)).reshape(shape)
    except OverflowError as error:
        raise CheckreaderError(f"input {name!r}: bad {field} for {datatype}: {error}") from None


def whole_number(parameters: Any, name: str, limit: int) -> int:
    """Returns a whole-number parameter of a request or an output.

    Args:
        parameters: the message's map of parameters.
        name: the parameter's name.
        limit: the parameter has to be smaller.

    Returns:
        The number; 0 if it is left out.

    Raises:
        CheckreaderError: it is no whole number from 0, or too large.
    """
    if name not in parameters:  # indexing a protobuf map by a missing key would add it
        return 0
    value = _value(parameters[name])
    return whole("" if value is None else value, name, limit)


def parameter_values(parameters: Any) -> dict[str, object]:
    """Returns the parameters of a request; None for one that holds no value."""
    return {name: _value(parameter) for name, parameter in parameters.items()}


def _value(parameter: Any) -> object:
    field = parameter.WhichOneof("parameter_choice")
    return None if field is None else getattr(parameter, field)


def render_reply(
    request: Any, served: ServedModel, outputs: list[Tensor], about: Mapping[str, float | str] = {}
) -> Message:
    """Builds the ModelInferResponse, with classes instead of numbers for outputs that ask for them.

    `about` is what its parameters say of the readings.
    """
    reply = MESSAGES["ModelInfer"].reply(model_name=served.name, model_version=served.version, id=request.id)
    for index, output in enumerate(outputs):
        parameters = request.outputs[index].parameters if request.outputs else {}
        classes = whole_number(parameters, "classification", 2**31)
        if classes:
            output = oip.classified(output, classes, served)
        reply.outputs.add(name=output.name, datatype=output.datatype, shape=output.data.shape)
        reply.raw_output_contents.append(to_bytes(output.datatype, output.data))
    for name, value in about.items():
        setattr(reply.parameters[name], "string_param" if isinstance(value, str) else "double_param", value)
    return reply


def parse(path: str, classes: MessageClasses, body: bytes) -> Any:
    """Decodes the request message of the call at a path.

    Raises:
        CheckreaderError: `body` is no such message.
    """
    try:
        return classes.request.FromString(body)
    except DecodeError as error:
        name = path.rpartition("/")[2]
        raise CheckreaderError(f"failed to parse the {name} message: {error}") from None
