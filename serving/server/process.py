"""Runs one process of the service: HTTP by uvicorn, and gRPC if the settings name a port for it."""

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
from serving.extras import install_command, require_packages
from serving.http.access_log import flush
from serving.http.connection import DRAIN, uvicorn_config
from serving.settings import Settings, format_address


def run(
    settings: Settings,
    listener: socket.socket,
    state: SharedState,
    ready: Callable[[str], object],
    parent: int | None = None,
) -> None:
    """Runs one process of the service until it is stopped.

    Args:
        settings: the operator's settings.
        listener: a listening socket.
        state: shared with the other workers.
        ready: is called once with a line that says at which addresses the process answers.
        parent: a file descriptor that becomes readable when the parent process ends; then this one ends too.

    Raises:
        CheckreaderError: the models or the port for gRPC cannot be used.
        SystemExit: with 0, after SIGTERM.
    """
    grpc = None
    if settings.grpc_port is not None:
        with require_packages(f"gRPC needs an extra: {install_command('serve,grpc')}"):
            grpc = importlib.import_module("serving.grpc.servicer")
    app = build_app(settings, state)
    # Uvicorn finishes the requests in flight and then raises the signal again, which ends the process with status 0.
    signal.signal(signal.SIGTERM, _exit)
    _Server(app, listener, grpc, ready, parent).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Uvicorn's server, with the gRPC server and the model reloader in the same event loop."""

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
        self._grpc_module = grpc
        self._grpc_server: Any = None
        self._ready = ready
        self._parent = parent
        self._reloading: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        settings, grpc_address = self._app.plane.settings, ""
        if self._grpc_module is not None:
            self._grpc_server, port = await self._grpc_module.serve(
                self._app.plane, self._app.reloader, self._app.admission, settings.grpc_port
            )
            grpc_address = f", gRPC at {format_address(settings.host, port)}"
        await super().startup(sockets)
        self._reloading = asyncio.create_task(self._app.reloader.run())
        if self._parent is not None:
            asyncio.get_running_loop().add_reader(self._parent, self._stop_with_parent)
        host, port = self._listener.getsockname()[:2]
        scheme = "https" if settings.tls_cert else "http"
        self._ready(f"checkreader {__version__} at {scheme}://{format_address(host, port)}{grpc_address}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.plane.stopping = True
        stopping = [super().shutdown(sockets)]
        if self._grpc_server is not None:
            stopping.append(self._grpc_server.stop(DRAIN))
        await asyncio.gather(*stopping)
        await asyncio.to_thread(flush)
        if self._reloading is not None:
            self._reloading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reloading

    def _stop_with_parent(self) -> None:
        assert self._parent is not None
        asyncio.get_running_loop().remove_reader(self._parent)
        self.should_exit = True


def _exit(number: int, frame: object) -> None:
    raise SystemExit(0)
