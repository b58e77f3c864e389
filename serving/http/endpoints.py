"""HTTP → data plane → HTTP: every endpoint reads a request, calls one function, writes a reply."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from serving.engine.dataplane import SMALL, DataPlane, Tensor
from serving.engine.hot_reload import ModelReloader
from serving.engine.served_model import ServedModel
from serving.engine.tensor_checks import check_shape
from serving.engine.worker_state import total_counts
from serving.errors import Forbidden
from serving.http import metrics
from serving.http.asgi import Reply, Request, json
from serving.protocol import metadata, oip, pictures, tensorflow_serving

_OCTETS = b"application/octet-stream"
_LENGTH = oip.HEADER_LENGTH.encode()
Check: TypeAlias = Callable[[Sequence[int]], None]


class _Asked(NamedTuple):
    """A request for tensors, whatever its protocol."""

    inputs: list[Tensor]
    render: Callable[[list[Tensor]], Reply]
    outputs: Sequence[str] = ()
    timeout: float | None = None


class Endpoints:
    """One method for each operation; `operations.py` says which path it answers."""

    def __init__(self, plane: DataPlane, reloader: ModelReloader) -> None:
        self.plane = plane
        self.reloader = reloader
        self.settings = plane.settings

    async def digits(self, request: Request) -> Reply:
        query = pictures.query(request.items())
        posted = await self._pictures(request)
        reading = self.plane.read_digits(posted, query.model, query.max_error, query.crop)
        return Reply(pictures.render_digits(*await request.unless_gone(reading)), reading=True)

    async def fields(self, request: Request) -> Reply:
        query = pictures.query(request.items(), pictures.FIELD_PARAMETERS)
        posted = await self._pictures(request)
        reading = self.plane.read_fields(posted, query.model, query.max_error, query.crop, query.what)
        return Reply(pictures.render_fields(*await request.unless_gone(reading)), reading=True)

    async def server(self, request: Request) -> Reply:
        return json(metadata.server_metadata())

    async def live(self, request: Request) -> Reply:
        return json(metadata.Live(True))

    async def ready(self, request: Request) -> Reply:
        ready = self.plane.ready  # the port is opened after every model passed its check
        return json(metadata.Ready(ready), 200 if ready else 503)

    async def metadata(self, request: Request) -> Reply:
        return json(metadata.model_metadata(self._served(request)))

    async def model_ready(self, request: Request) -> Reply:
        return json(metadata.ModelReady(self._served(request).name, True))

    async def config(self, request: Request) -> Reply:
        settings = self.settings
        return json(metadata.model_config(self._served(request), settings.batch_rows, settings.batch_delay))

    async def statistics(self, request: Request) -> Reply:
        named = [self._served(request)] if request.parameters else self.plane.served_models
        return json(metadata.statistics(named, self.reloader.counts()))

    async def metrics(self, request: Request) -> Reply:
        serving = {name: one.version for name, one in self.plane.models.items()}
        reports = self.reloader.reports()
        text = metrics.exposition(total_counts(reports), reports, serving)
        return Reply(text, metrics.CONTENT_TYPE)

    async def index(self, request: Request) -> Reply:
        ready = metadata.index_query(await self._body(request))
        return json(metadata.index(self.reloader.index(), ready))

    async def load(self, request: Request) -> Reply:
        await self.reloader.load(await self._controlled(request))
        return json({})

    async def unload(self, request: Request) -> Reply:
        await self.reloader.unload(await self._controlled(request))
        return json({})

    async def infer(self, request: Request) -> Reply:
        length = request.header(_LENGTH)

        def parse(body: bytes, served: ServedModel, check: Check) -> _Asked:
            asked = oip.parse(body, length, served.loaded.network.input, check)

            def render(outputs: list[Tensor]) -> Reply:
                reply = oip.render(asked, served, outputs)
                if reply.header_length is None:
                    return Reply(reply.body)
                return Reply(reply.body, _OCTETS, headers=((_LENGTH, b"%d" % reply.header_length),))

            return _Asked(asked.inputs, render, [output.name for output in asked.outputs], asked.timeout)

        # Binary tensors are not parsed, only the JSON in front of them is.
        parsed = int(length) if length and length.isdigit() and len(length) < 10 else None
        return await self._tensors(request, parse, parsed)

    async def predict(self, request: Request) -> Reply:
        def parse(body: bytes, served: ServedModel, check: Check) -> _Asked:
            asked = tensorflow_serving.parse(body, served.loaded.network.input, check)
            return _Asked(asked.inputs, lambda outputs: Reply(tensorflow_serving.render(asked, outputs)))

        return await self._tensors(request, parse)

    async def _tensors(
        self,
        request: Request,
        parse: Callable[[bytes, ServedModel, Check], _Asked],
        parsed: int | None = None,
    ) -> Reply:
        served = self._served(request)
        body = await self._body(request)
        start = time.perf_counter_ns()
        try:
            spec = served.loaded.network.input
            check = partial(check_shape, served.name, spec, max_rows=self.settings.max_rows)
            if (len(body) if parsed is None else parsed) <= SMALL:
                asked = parse(body, served, check)
            else:
                asked = await self.plane.offload(lambda: parse(body, served, check))
            running = self.plane.infer(served, asked.inputs, asked.outputs, asked.timeout, start)
            # What runs at once is answered before anybody could have gone.
            waits = served.batcher.busy or (asked.inputs[:1] and asked.inputs[0].datatype == "BYTES")
            outputs = await (request.unless_gone(running) if waits else running)
            computed = time.perf_counter_ns()
            reply = asked.render(outputs)
        except BaseException:  # the client may be gone, too
            served.statistics.fail.add(time.perf_counter_ns() - start)
            raise
        served.statistics.record_success(start, computed, time.perf_counter_ns())
        return reply

    async def status(self, request: Request) -> Reply:
        return json(tensorflow_serving.status(self._served(request).version))

    async def signature(self, request: Request) -> Reply:
        return json(tensorflow_serving.metadata(self._served(request)))

    async def _pictures(self, request: Request) -> list[bytes]:
        body = await self._body(request)
        return pictures.pictures(request.header(b"content-type"), body, self.settings.max_pictures)

    async def _body(self, request: Request) -> bytes:
        return await request.body(self.settings.max_body)

    async def _controlled(self, request: Request) -> str:
        """The name of the model that the operator means; raises Forbidden where anybody could be that."""
        metadata.control_query(await self._body(request))
        self.settings.require_control()
        origin, host = request.header(b"origin"), request.header(b"host") or ""
        if origin is not None and origin.partition("://")[2] != host:
            raise Forbidden("another site's page may not load or unload models")
        return request.parameters["model"]

    def _served(self, request: Request) -> ServedModel:
        named = request.parameters
        return self.plane.find(named["model"], named.get("version"), named.get("label"))
