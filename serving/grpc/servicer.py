"""Serves the Open Inference Protocol v2 and gRPC's health protocol, on a port of their own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, Final

import grpc
import grpc.aio
import msgspec

from serving.engine.dataplane import SMALL, DataPlane
from serving.engine.field_pictures import answer_parameters
from serving.engine.hot_reload import ModelReloader
from serving.engine.served_model import ServedModel
from serving.engine.tensors import Tensor
from serving.errors import CheckreaderError
from serving.grpc import health
from serving.grpc.calls import describe, header, record, unary
from serving.grpc.messages import (
    MESSAGES,
    SERVICE,
    parameter_values,
    parse,
    read_inputs,
    render_reply,
    whole_number,
)
from serving.http.admission import AdmissionControl
from serving.protocol import metadata
from serving.protocol.reading_parameters import reading_options
from serving.settings import format_address

_PUBLIC: Final = ("ServerLive", "ServerReady")  # an orchestrator probes them, without a key
_STREAMS: Final = 128  # concurrent calls of one connection
# s between a connection's pings, at least; of three that come sooner the last ends it. Clients that ping keep
# 10 s or more, where gRPC's own limits, 5 minutes, and 2 hours without a call, would end their quiet streams.
PING_INTERVAL: Final = 5.0


async def serve(
    plane: DataPlane,
    reloader: ModelReloader,
    admission: AdmissionControl,
    port: int,
    ping_interval: float = PING_INTERVAL,
) -> tuple[grpc.aio.Server, int]:
    """Answers gRPC in the running event loop.

    Args:
        plane: the models and the settings, shared with HTTP.
        reloader: reloads the models.
        admission: admits and records requests, shared with HTTP.
        port: the port to listen on; 0 = any free one.
        ping_interval: s; see `PING_INTERVAL`.

    Returns:
        The server, already listening (stop it by its `stop(grace)`), and its port.

    Raises:
        CheckreaderError: the address cannot be listened on.
    """
    settings = plane.settings
    options = [
        ("grpc.max_receive_message_length", settings.max_body),  # as sent and decompressed
        ("grpc.max_concurrent_streams", _STREAMS),
        ("grpc.http2.min_ping_interval_without_data_ms", round(ping_interval * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        # Workers share the port; a second service on it must fail, not share its calls.
        ("grpc.so_reuseport", int(settings.workers > 1)),
    ]
    server = grpc.aio.server(options=options, maximum_concurrent_rpcs=settings.max_requests)
    handlers = (
        _handler(_Service(plane, reloader, admission)),
        health.handler(health.Health(plane, reloader), admission),
    )
    server.add_generic_rpc_handlers(handlers)
    address = format_address(settings.host, port)
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
            microseconds = whole_number(request.parameters, "timeout", 2**63)
            timeout = microseconds / 1e6 if microseconds else None
            reading = reading_options(served, inputs, parameter_values(request.parameters))
            outputs = await self.plane.infer(served, inputs, names, timeout, start, reading)
            computed = time.perf_counter_ns()
            reply = render_reply(request, served, outputs, answer_parameters(served, inputs, reading))
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
        read = partial(read_inputs, served, request, self.plane.settings.max_rows)
        # Raw tensors are used as they are; numbers in `contents` are converted one by one.
        if request.raw_input_contents or request.ByteSize() <= SMALL:
            return read()
        return await self.plane.offload(read)


def _handler(service: _Service) -> Any:
    """Returns gRPC's handler for all calls."""
    handlers: dict[str, Any] = {"ModelStreamInfer": grpc.stream_stream_rpc_method_handler(_stream(service))}
    for name in MESSAGES.keys() - handlers.keys():
        needs_key = _needs_no_key if name in _PUBLIC else None
        call = getattr(service, name)
        handlers[name] = unary(f"/{SERVICE}/{name}", MESSAGES[name], call, service.admission, needs_key)
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


def _needs_no_key(request: Any) -> bool:
    return False


def _stream(service: _Service) -> Callable[[AsyncIterator[bytes], Any], AsyncIterator[bytes]]:
    """Answers a stream's requests one after the other; an error is the answer to its request and does not end it."""
    path, classes, admission = f"/{SERVICE}/ModelStreamInfer", MESSAGES["ModelStreamInfer"], service.admission

    async def answer(bodies: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        try:
            admission.admit(header(context, "authorization"))
        except CheckreaderError as error:
            code, message = describe(path, error)
            admission.count_refusal(error)
            record(admission, path, code, 0, context)
            await context.abort(code, message)
        async for body in bodies:
            reply, start, code = classes.reply(), time.perf_counter_ns(), grpc.StatusCode.OK
            try:
                request = parse(path, classes, body)
                reply.infer_response.id = request.id
                reply.infer_response.MergeFrom(await service.ModelInfer(request))
            except Exception as error:
                code, reply.error_message = describe(path, error)
                admission.count_refusal(error)
            record(admission, path, code, time.perf_counter_ns() - start, context)
            yield reply.SerializeToString()

    return answer
