"""HTTP → data plane → HTTP: every endpoint reads a request, calls one function and returns a response."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from serving.engine.check_pictures import read_checks
from serving.engine.dataplane import SMALL, DataPlane
from serving.engine.field_pictures import ReadingOptions, answer_parameters, are_field_pictures
from serving.engine.hot_reload import ModelReloader
from serving.engine.served_model import ServedModel
from serving.engine.tensors import Tensor, check_shape
from serving.engine.worker_state import total_counts
from serving.errors import Forbidden
from serving.http import metrics
from serving.http.asgi import HttpRequest, HttpResponse, json_response
from serving.protocol import checks, metadata, oip, pictures, tensorflow_serving
from serving.protocol.reading_parameters import reading_options

_OCTETS = b"application/octet-stream"
_HEADER_LENGTH = oip.HEADER_LENGTH.encode()
ShapeCheck: TypeAlias = Callable[[Sequence[int]], None]


class _TensorRequest(NamedTuple):
    """A parsed request for inference on tensors, whatever its protocol.

    Attributes:
        inputs: of the model.
        render: makes the response of the outputs.
        outputs: names of the outputs to compute; none: all.
        timeout: s in the queue; None: the service's.
        reading: how pictures of fields and MICR lines are read.
    """

    inputs: list[Tensor]
    render: Callable[[list[Tensor]], HttpResponse]
    outputs: Sequence[str] = ()
    timeout: float | None = None
    reading: ReadingOptions = ReadingOptions()


class Endpoints:
    """One handler for each operation; `serving.http.routes` maps paths to them."""

    def __init__(self, plane: DataPlane, reloader: ModelReloader) -> None:
        self.plane = plane
        self.reloader = reloader
        self.settings = plane.settings

    async def digits(self, request: HttpRequest) -> HttpResponse:
        query = pictures.parse_query(request.query_parameters())
        posted = await self._pictures(request)
        at_once = self.plane.reads_at_once(posted, query.model)
        reading = self.plane.read_digits(posted, query.model, query.max_error, query.crop)
        # As a request for inference that runs at once.
        answer = await (reading if at_once else request.cancel_on_disconnect(reading))
        return HttpResponse(pictures.render_digits(*answer), reading=True)

    async def fields(self, request: HttpRequest) -> HttpResponse:
        query = pictures.parse_query(request.query_parameters(), pictures.FIELD_PARAMETERS)
        posted = await self._pictures(request)
        reading = self.plane.read_fields(posted, query.model, query.max_error, query.crop, query.field_format)
        return HttpResponse(
            pictures.render_fields(*await request.cancel_on_disconnect(reading)), reading=True
        )

    async def micr(self, request: HttpRequest) -> HttpResponse:
        query = pictures.parse_query(request.query_parameters(), pictures.MICR_PARAMETERS)
        posted = await self._pictures(request)
        reading = self.plane.read_lines(posted, query.model, query.max_error, query.crop, query.country)
        return HttpResponse(pictures.render_micr(*await request.cancel_on_disconnect(reading)), reading=True)

    async def checks(self, request: HttpRequest) -> HttpResponse:
        query = checks.parse_query(request.query_parameters())
        posted = await self._pictures(request)
        reading = read_checks(self.plane, posted, query.max_error, query.expected)
        return HttpResponse(checks.render(*await request.cancel_on_disconnect(reading)), reading=True)

    async def server(self, request: HttpRequest) -> HttpResponse:
        return json_response(metadata.server_metadata())

    async def live(self, request: HttpRequest) -> HttpResponse:
        return json_response(metadata.Live(True))

    async def ready(self, request: HttpRequest) -> HttpResponse:
        ready = self.plane.ready  # the port is opened after every model passed its check
        return json_response(metadata.Ready(ready), 200 if ready else 503)

    async def metadata(self, request: HttpRequest) -> HttpResponse:
        return json_response(metadata.model_metadata(self._served(request)))

    async def model_ready(self, request: HttpRequest) -> HttpResponse:
        return json_response(metadata.ModelReady(self._served(request).name, True))

    async def config(self, request: HttpRequest) -> HttpResponse:
        rows, delay = self.settings.batch_rows, self.settings.batch_delay
        return json_response(metadata.model_config(self._served(request), rows, delay))

    async def statistics(self, request: HttpRequest) -> HttpResponse:
        models = [self._served(request)] if request.path_parameters else self.plane.served_models
        return json_response(metadata.statistics(models, self.reloader.counts()))

    async def metrics(self, request: HttpRequest) -> HttpResponse:
        versions = {name: served.version for name, served in self.plane.models.items()}
        reports = self.reloader.reports()
        text = metrics.exposition(total_counts(reports), reports, versions)
        return HttpResponse(text, metrics.CONTENT_TYPE)

    async def index(self, request: HttpRequest) -> HttpResponse:
        ready_only = metadata.parse_index_request(await self._body(request))
        return json_response(metadata.index(self.reloader.index(), ready_only))

    async def load(self, request: HttpRequest) -> HttpResponse:
        await self.reloader.load(await self._controlled_model(request))
        return json_response({})

    async def unload(self, request: HttpRequest) -> HttpResponse:
        await self.reloader.unload(await self._controlled_model(request))
        return json_response({})

    async def infer(self, request: HttpRequest) -> HttpResponse:
        header_length = request.header(_HEADER_LENGTH)

        def parse(body: bytes, served: ServedModel, check: ShapeCheck) -> _TensorRequest:
            parsed = oip.parse(body, header_length, served.loaded.network.input, check)

            reading = reading_options(served, parsed.inputs, parsed.parameters)

            def render(outputs: list[Tensor]) -> HttpResponse:
                about = answer_parameters(served, parsed.inputs, reading)
                encoded = oip.render(parsed, served, outputs, about)
                if encoded.header_length is None:
                    return HttpResponse(encoded.body, reading=are_field_pictures(served, parsed.inputs))
                headers = ((_HEADER_LENGTH, b"%d" % encoded.header_length),)
                return HttpResponse(encoded.body, _OCTETS, headers=headers)

            outputs = [output.name for output in parsed.outputs]
            return _TensorRequest(parsed.inputs, render, outputs, parsed.timeout, reading)

        # Binary tensors are not parsed, only the JSON in front of them is.
        json_bytes = None
        if header_length and header_length.isdigit() and len(header_length) < 10:
            json_bytes = int(header_length)
        return await self._run_tensors(request, parse, json_bytes)

    async def predict(self, request: HttpRequest) -> HttpResponse:
        def parse(body: bytes, served: ServedModel, check: ShapeCheck) -> _TensorRequest:
            parsed = tensorflow_serving.parse(body, served.loaded.network.input, check)
            about = answer_parameters(served, parsed.inputs, ReadingOptions())
            return _TensorRequest(
                parsed.inputs, lambda outputs: HttpResponse(tensorflow_serving.render(parsed, outputs, about))
            )

        return await self._run_tensors(request, parse)

    async def _run_tensors(
        self,
        request: HttpRequest,
        parse: Callable[[bytes, ServedModel, ShapeCheck], _TensorRequest],
        json_bytes: int | None = None,
    ) -> HttpResponse:
        """Parses a request, runs the model and renders the outputs.

        Args:
            request: with the model in its path.
            parse: off the event loop where there is much to parse.
            json_bytes: how much of the body is JSON; None: all.
        """
        served = self._served(request)
        body = await self._body(request)
        start = time.perf_counter_ns()
        try:
            spec = served.loaded.network.input
            check = partial(check_shape, served.name, spec, max_rows=self.settings.max_rows)
            if (len(body) if json_bytes is None else json_bytes) <= SMALL:
                parsed = parse(body, served, check)
            else:
                parsed = await self.plane.offload(lambda: parse(body, served, check))
            running = self.plane.infer(
                served, parsed.inputs, parsed.outputs, parsed.timeout, start, parsed.reading
            )
            # A request that runs at once is answered before its client could have disconnected.
            waits = served.batcher.busy or (parsed.inputs[:1] and parsed.inputs[0].datatype == "BYTES")
            outputs = await (request.cancel_on_disconnect(running) if waits else running)
            computed = time.perf_counter_ns()
            response = parsed.render(outputs)
        except BaseException:  # also ClientDisconnected and CancelledError
            served.statistics.fail.add(time.perf_counter_ns() - start)
            raise
        served.statistics.record_success(start, computed, time.perf_counter_ns())
        return response

    async def status(self, request: HttpRequest) -> HttpResponse:
        return json_response(tensorflow_serving.status(self._served(request).version))

    async def signature(self, request: HttpRequest) -> HttpResponse:
        return json_response(tensorflow_serving.metadata(self._served(request)))

    async def _pictures(self, request: HttpRequest) -> list[bytes]:
        body = await self._body(request)
        return pictures.parse_body(request.header(b"content-type"), body, self.settings.max_pictures)

    async def _body(self, request: HttpRequest) -> bytes:
        return await request.body(self.settings.max_body)

    async def _controlled_model(self, request: HttpRequest) -> str:
        """Returns the name of the model to load or unload.

        Raises:
            Forbidden: anybody could ask for it, or another site's page does.
        """
        metadata.check_control_request(await self._body(request))
        self.settings.require_control()
        origin, host = request.header(b"origin"), request.header(b"host") or ""
        if origin is not None and origin.partition("://")[2] != host:
            raise Forbidden("another site's page may not load or unload models")
        return request.path_parameters["model"]

    def _served(self, request: HttpRequest) -> ServedModel:
        parameters = request.path_parameters
        return self.plane.find(parameters["model"], parameters.get("version"), parameters.get("label"))
