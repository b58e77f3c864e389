"""One process of the service: uvicorn, and gRPC beside it when it is asked for."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import signal
import socket
from collections.abc import Callable
from types import ModuleType
from typing import Any

import uvicorn

from serving import __version__
from serving.app import App, build_app
from serving.engine.worker_state import SharedState
from serving.extras import install, needed
from serving.http.access_log import flush
from serving.http.connection import DRAIN, uvicorn_config
from serving.server.sockets import format_address
from serving.settings import Settings


def run(
    settings: Settings,
    listener: socket.socket,
    state: SharedState,
    ready: Callable[[str], object],
    parent: int | None = None,
) -> None:
    """One process of the service.

    Args:
        settings: what the operator chose.
        listener: a listening socket.
        state: shared with the other workers.
        ready: is called with one line that says where it answers.
        parent: readable when the process that started this one is no more; this one ends, too.

    Raises:
        CheckreaderError: the models or the port for gRPC cannot be used.
        SystemExit: with 0, after SIGTERM.
    """
    grpc = None
    if settings.grpc_port is not None:
        with needed(f"gRPC needs an extra: {install('serve,grpc')}"):
            grpc = importlib.import_module("serving.grpc.servicer")
    app = build_app(settings, state)
    # Uvicorn finishes what is in flight and then raises the signal again; it ends here, as success.
    signal.signal(signal.SIGTERM, _stop)
    _Server(app, listener, grpc, ready, parent).run(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(
        self,
        app: App,
        listener: socket.socket,
        grpc: ModuleType | None,
        ready: Callable[[str], object],
        parent: int | None,
    ) -> None:
        settings = app.plane.settings
        super().__init__(uvicorn.Config(**uvicorn_config(app, settings.tls_cert, settings.tls_key)))
        self._app = app
        self._listener = listener
        self._module = grpc
        self._grpc: Any = None
        self._ready = ready
        self._parent = parent
        self._keeping: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        also, settings = "", self._app.plane.settings
        if self._module is not None:
            self._grpc, port = await self._module.serve(
                self._app.plane, self._app.reloader, self._app.admission, settings.grpc_port
            )
            also = f", gRPC at {format_address(settings.host, port)}"
        await super().startup(sockets)
        self._keeping = asyncio.create_task(self._app.reloader.run())
        if self._parent is not None:
            asyncio.get_running_loop().add_reader(self._parent, self._orphaned)
        host, port = self._listener.getsockname()[:2]
        scheme = "https" if settings.tls_cert else "http"
        self._ready(f"checkreader {__version__} at {scheme}://{format_address(host, port)}{also}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.plane.stopping = True
        stopping = [super().shutdown(sockets)]
        if self._grpc is not None:
            stopping.append(self._grpc.stop(DRAIN))
        await asyncio.gather(*stopping)
        await asyncio.to_thread(flush)
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping

    def _orphaned(self) -> None:
        assert self._parent is not None
        asyncio.get_running_loop().remove_reader(self._parent)
        self.should_exit = True


def _stop(number: int, frame: object) -> None:
    raise SystemExit(0)
