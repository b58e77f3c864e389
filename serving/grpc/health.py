"""Answers gRPC's health protocol, by which Kubernetes probes a container and load balancers watch a server.

https://github.com/grpc/grpc/blob/master/doc/health-checking.md

A service is the whole server, by an empty name or that of the inference protocol's service, or one model.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import grpc

from serving.engine.dataplane import DataPlane
from serving.engine.hot_reload import ModelReloader
from serving.errors import Busy, Unknown
from serving.grpc import messages
from serving.grpc.calls import admit, describe, record, unary
from serving.http.admission import AdmissionControl

SERVICE: Final = "grpc.health.v1.Health"
MESSAGES: Final = messages.message_classes("health.protoset", SERVICE)
MAX_WATCHERS: Final = 64  # of a worker; each occupies a call for as long as it likes
_SERVER: Final = ("", messages.SERVICE)
_POLL: Final = 0.1  # s, as the models are polled


class Health:
    """The status of the server and its models.

    Args:
        plane: the served models.
        reloader: knows those that are not served.
    """

    def __init__(self, plane: DataPlane, reloader: ModelReloader) -> None:
        self._plane = plane
        self._reloader = reloader

    def status(self, service: str) -> str:
        """Returns a service's status, the name of a `ServingStatus`."""
        if service in _SERVER:
            return "SERVING" if self._plane.ready else "NOT_SERVING"
        if service in self._plane.models:
            return "NOT_SERVING" if self._plane.stopping else "SERVING"
        return "NOT_SERVING" if service in self._models() else "SERVICE_UNKNOWN"

    async def check(self, request: Any) -> Any:
        """Answers `Check`; raises Unknown if there is no such service."""
        status = self.status(request.service)
        if status == "SERVICE_UNKNOWN":
            raise Unknown(f"unknown service {request.service!r}: name a model, or none for the whole server")
        return {"status": status}

    async def list(self, request: Any) -> Any:
        """Answers `List`."""
        return {"statuses": {name: {"status": self.status(name)} for name in (*_SERVER, *self._models())}}

    async def watch(self, request: Any) -> AsyncIterator[Any]:
        """Answers `Watch`: yields the status at once and whenever it has changed, until the service stops."""
        reply, last = MESSAGES["Watch"].reply, None
        while True:
            stopping, status = self._plane.stopping, self.status(request.service)
            if status != last:
                yield reply(status=status)
            if stopping:  # an open call would delay the stop
                return
            last = status
            await asyncio.sleep(_POLL)

    def _models(self) -> dict[str, None]:
        return dict.fromkeys(entry.name for entry in self._reloader.index())


def handler(health: Health, admission: AdmissionControl) -> Any:
    """Returns gRPC's handler for the service. As over HTTP, probing the server needs no key, asking for a model does."""

    def needs_key(request: Any) -> bool:
        return request.service not in _SERVER

    watch = _watch(health, admission, needs_key)
    handlers = {
        "Check": unary(f"/{SERVICE}/Check", MESSAGES["Check"], health.check, admission, needs_key),
        "List": unary(f"/{SERVICE}/List", MESSAGES["List"], health.list, admission),
        "Watch": grpc.unary_stream_rpc_method_handler(watch),
    }
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


def _watch(
    health: Health, admission: AdmissionControl, needs_key: Callable[[Any], bool]
) -> Callable[[bytes, Any], AsyncIterator[bytes]]:
    path, watchers = f"/{SERVICE}/Watch", 0

    async def answer(body: bytes, context: Any) -> AsyncIterator[bytes]:
        nonlocal watchers
        start, code = time.perf_counter_ns(), grpc.StatusCode.OK
        watchers += 1
        try:
            request = admit(path, MESSAGES["Watch"], body, context, admission, needs_key)
            if watchers > MAX_WATCHERS:
                raise Busy(f"too many watchers: {MAX_WATCHERS} are served; use Check")
            async for reply in health.watch(request):
                yield reply.SerializeToString()
        except Exception as error:
            code, message = describe(path, error)
            admission.count_refusal(error)
            await context.abort(code, message)
        finally:
            watchers -= 1
            record(admission, path, code, time.perf_counter_ns() - start, context)

    return answer
