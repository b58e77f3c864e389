"""Serves the Open Inference Protocol v2 over gRPC, on a port of its own.

The messages of `inference.proto` are compiled by

    python -m grpc_tools.protoc -I serving/grpc \\
        --descriptor_set_out=serving/grpc/inference.protoset serving/grpc/inference.proto

into descriptors rather than code: generated code runs with one major version of protobuf only, and in the default
pool it would collide with a Triton client in the same process. No other module of `serving` imports gRPC or protobuf.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from importlib.resources import files
from typing import Any, Final

import grpc
import grpc.aio
import msgspec
import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.message import DecodeError, Message

from serving.engine.dataplane import SMALL, DataPlane, Tensor
from serving.engine.hot_reload import ModelReloader
from serving.engine.served_model import ServedModel
from serving.engine.tensor_checks import check_shape
from serving.errors import CheckreaderError
from serving.http.access_log import request_id
from serving.http.admission import AdmissionControl
from serving.protocol import metadata, oip
from serving.protocol.tensors import DTYPES, check_declared, from_bytes, objects, to_bytes, whole
from serving.runtime.network import Array

SERVICE: Final = "inference.GRPCInferenceService"
# The field of InferTensorContents that holds a datatype's elements.
_CONTENTS: Final = {"FP32": "fp32_contents", "UINT8": "uint_contents", "BYTES": "bytes_contents"}
_PUBLIC: Final = ("ServerLive", "ServerReady")  # an orchestrator probes them, without a key
_STREAMS: Final = 128  # concurrent calls of one connection
_log = logging.getLogger("checkreader")


async def serve(
    plane: DataPlane, reloader: ModelReloader, admission: AdmissionControl, port: int
) -> tuple[grpc.aio.Server, int]:
    """Answers gRPC in the running event loop.

    Args:
        plane: the models and the settings, shared with HTTP.
        reloader: reloads the models.
        admission: admits and records requests, shared with HTTP.
        port: the port to listen on; 0 = any free one.

    Returns:
        The server, already listening (stop it by its `stop(grace)`), and its port.

    Raises:
        CheckreaderError: the address cannot be listened on.
    """
    settings = plane.settings
    options = [
        ("grpc.max_receive_message_length", settings.max_body),  # as sent and decompressed
        ("grpc.max_concurrent_streams", _STREAMS),
        # Workers share the port; a second service on it must fail, not share its calls.
        ("grpc.so_reuseport", int(settings.workers > 1)),
    ]
    server = grpc.aio.server(options=options, maximum_concurrent_rpcs=settings.max_requests)
    server.add_generic_rpc_handlers([_handler(_Service(plane, reloader, admission))])
    host = settings.host
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        if settings.tls_cert is not None and settings.tls_key is not None:
            pair = settings.tls_key.read_bytes(), settings.tls_cert.read_bytes()
            bound: int = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
        else:
            bound = server.add_insecure_port(address)
    except RuntimeError:  # gRPC gives no reason
        raise CheckreaderError(
            f"cannot listen on {address} for gRPC: the port is in use, or the address not this machine's"
        ) from None
    await server.start()
    return server, bound


def _messages() -> dict[str, tuple[Any, Any]]:
    """Returns each call's request and reply classes."""
    compiled = (files("serving.grpc") / "inference.protoset").read_bytes()
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(compiled).file:
        pool.Add(file)
    to_class = message_factory.GetMessageClass
    methods = pool.FindServiceByName(SERVICE).methods
    return {method.name: (to_class(method.input_type), to_class(method.output_type)) for method in methods}


_MESSAGES: Final = _messages()


class _Service:
    """Implements the calls, each by a method of its name in `inference.proto`.

    A method takes the request message and returns the reply message, or a struct or dictionary of its fields.
    """

    def __init__(self, plane: DataPlane, reloader: ModelReloader, admission: AdmissionControl) -> None:
        self.admission = admission
        self.reloader = reloader
        self.plane = plane

    async def ServerLive(self, request: Any) -> Any:
        return {"live": True}

    async def ServerReady(self, request: Any) -> Any:
        return {"ready": self.plane.ready}  # the port is opened after every model passed its check

    async def ServerMetadata(self, request: Any) -> Any:
        return metadata.server_metadata()

    async def ModelReady(self, request: Any) -> Any:
        self._find(request.name, request.version)
        return {"ready": True}

    async def ModelMetadata(self, request: Any) -> Any:
        return metadata.model_metadata(self._find(request.name, request.version))

    async def ModelConfig(self, request: Any) -> Any:
        served = self._find(request.name, request.version)
        batching = self.plane.settings.batch_rows, self.plane.settings.batch_delay
        return {"config": metadata.model_config(served, *batching)}

    async def ModelStatistics(self, request: Any) -> Any:
        models = [self._find(request.name, request.version)] if request.name else self.plane.served_models
        return metadata.statistics(models, self.reloader.counts())

    async def RepositoryIndex(self, request: Any) -> Any:
        models = metadata.index(self.reloader.index(), request.ready)
        return {"models": msgspec.to_builtins(models)}

    async def RepositoryModelLoad(self, request: Any) -> Any:
        await self.reloader.load(self._check_control(request))
        return {}

    async def RepositoryModelUnload(self, request: Any) -> Any:
        await self.reloader.unload(self._check_control(request))
        return {}

    async def ModelInfer(self, request: Any) -> Any:
        served = self._find(request.model_name, request.model_version)
        start = time.perf_counter_ns()
        try:
            inputs = await self._inputs(served, request)
            names = [output.name for output in request.outputs]
            microseconds = _number(request.parameters, "timeout", 2**63)
            timeout = microseconds / 1e6 if microseconds else None
            outputs = await self.plane.infer(served, inputs, names, timeout, start)
            computed = time.perf_counter_ns()
            reply = _render(request, served, outputs)
        except CheckreaderError:
            served.statistics.fail.add(time.perf_counter_ns() - start)
            raise
        served.statistics.record_success(start, computed, time.perf_counter_ns())
        return reply

    def _check_control(self, request: Any) -> str:
        """Returns the name of the model to load or unload; raises Forbidden where that is not allowed."""
        metadata.check_control(request.parameters)
        self.plane.settings.require_control()
        return str(request.model_name)

    def _find(self, name: str, version: str) -> ServedModel:
        return self.plane.find(name, version or None)

    async def _inputs(self, served: ServedModel, request: Any) -> list[Tensor]:
        read = partial(_read, served, request, self.plane.settings.max_rows)
        # Raw tensors are used as they are; numbers in `contents` are converted one by one.
        if request.raw_input_contents or request.ByteSize() <= SMALL:
            return read()
        return await self.plane.offload(read)


def _read(served: ServedModel, request: Any, max_rows: int) -> list[Tensor]:
    """Reads the input tensors of a ModelInferRequest."""
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise CheckreaderError(f"{len(raw)} raw_input_contents are given for {len(request.inputs)} inputs")
    spec = served.loaded.network.input
    check = partial(check_shape, served.name, spec, max_rows=max_rows)
    tensors = []
    for index, message in enumerate(request.inputs):
        name, datatype, shape = message.name, message.datatype, list(message.shape)
        check_declared(name, datatype, shape, spec, check)
        if raw and message.contents.ListFields():
            raise CheckreaderError(f"input {name!r}: 'contents' must be left out beside raw_input_contents")
        if raw:
            content = raw[index]  # protobuf copies it on each access
            array = from_bytes(name, datatype, content, 0, len(content), shape)
        else:
            array = _from_contents(message, shape)
        tensors.append(Tensor(name, datatype, array))
    return tensors


def _from_contents(message: Any, shape: list[int]) -> Array:
    """Reads the elements of an InferInputTensor from its `contents`."""
    name, datatype, contents = message.name, message.datatype, message.contents
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


def _number(parameters: Any, name: str, limit: int) -> int:
    """Returns a whole-number parameter, 0 if it is left out."""
    if name not in parameters:  # indexing a protobuf map by a missing key would add it
        return 0
    field = parameters[name].WhichOneof("parameter_choice")
    return whole(getattr(parameters[name], field) if field else "", name, limit)


def _render(request: Any, served: ServedModel, outputs: list[Tensor]) -> Message:
    """Builds the ModelInferResponse."""
    reply = _MESSAGES["ModelInfer"][1](model_name=served.name, model_version=served.version, id=request.id)
    for index, output in enumerate(outputs):
        parameters = request.outputs[index].parameters if request.outputs else {}
        classes = _number(parameters, "classification", 2**31)
        if classes:
            output = oip.classified(output, classes, served)
        reply.outputs.add(name=output.name, datatype=output.datatype, shape=output.data.shape)
        reply.raw_output_contents.append(to_bytes(output.datatype, output.data))
    return reply


_Call = Callable[[Any], Awaitable[Any]]


def _handler(service: _Service) -> Any:
    """Returns gRPC's handler for all calls."""
    handlers: dict[str, Any] = {"ModelStreamInfer": grpc.stream_stream_rpc_method_handler(_stream(service))}
    for name in _MESSAGES.keys() - handlers.keys():
        handlers[name] = grpc.unary_unary_rpc_method_handler(
            _unary(name, getattr(service, name), service.admission)
        )
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


def _unary(name: str, call: _Call, admission: AdmissionControl) -> Callable[[bytes, Any], Awaitable[bytes]]:
    """Wraps a call to take and return bytes, so that a garbled request is answered as any other mistake."""

    async def answer(body: bytes, context: Any) -> bytes:
        start, code = time.perf_counter_ns(), grpc.StatusCode.OK
        try:
            if name not in _PUBLIC:
                admission.admit(_header(context, "authorization"))
            reply = await call(_parse(name, body))
            if not isinstance(reply, Message):
                # Not every field of the replies over HTTP is defined in `inference.proto`.
                reply = json_format.ParseDict(
                    msgspec.to_builtins(reply), _MESSAGES[name][1](), ignore_unknown_fields=True
                )
            encoded: bytes = reply.SerializeToString()
            return encoded
        except Exception as error:
            code, message = _describe(name, error)
            admission.count_refusal(error)
            await context.abort(code, message)
            raise  # never reached: abort raises
        finally:
            _record(admission, name, code, time.perf_counter_ns() - start, context)

    return answer


def _stream(service: _Service) -> Callable[[AsyncIterator[bytes], Any], AsyncIterator[bytes]]:
    """Answers a stream's requests one after the other; an error is the answer to its request and does not end it."""

    async def answer(bodies: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        name = "ModelStreamInfer"
        try:
            service.admission.admit(_header(context, "authorization"))
        except CheckreaderError as error:
            code, message = _describe(name, error)
            service.admission.count_refusal(error)
            _record(service.admission, name, code, 0, context)
            await context.abort(code, message)
        async for body in bodies:
            reply, start, code = _MESSAGES[name][1](), time.perf_counter_ns(), grpc.StatusCode.OK
            try:
                request = _parse(name, body)
                reply.infer_response.id = request.id
                reply.infer_response.MergeFrom(await service.ModelInfer(request))
            except Exception as error:
                code, reply.error_message = _describe(name, error)
                service.admission.count_refusal(error)
            _record(service.admission, name, code, time.perf_counter_ns() - start, context)
            yield reply.SerializeToString()

    return answer


def _record(admission: AdmissionControl, name: str, code: grpc.StatusCode, ns: int, context: Any) -> None:
    """Counts a call and writes its line of the access log."""
    admission.record_request(f"grpc {name}", code.name, ns)
    if admission.access_log.enabled:
        id = request_id(_header(context, "x-request-id"))
        admission.access_log.log_request(id, context.peer(), "gRPC", f"/{SERVICE}/{name}", code.name, ns)


def _header(context: Any, name: str) -> str | None:
    """Returns a header of the call."""
    return dict(context.invocation_metadata() or ()).get(name)


def _parse(name: str, body: bytes) -> Any:
    try:
        return _MESSAGES[name][0].FromString(body)
    except DecodeError as error:
        raise CheckreaderError(f"failed to parse the {name} message: {error}") from None


def _describe(name: str, error: Exception) -> tuple[grpc.StatusCode, str]:
    """Returns the status and message for an error; one that is not the client's is logged."""
    if isinstance(error, CheckreaderError):
        return grpc.StatusCode[error.grpc_code], str(error)
    _log.error("internal error at %s", name, exc_info=error)
    return grpc.StatusCode.INTERNAL, "internal error: see the service's log"
