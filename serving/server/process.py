"""Runs one process of the service: HTTP by uvicorn, and gRPC if the settings name a port for it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import signal
import socket
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection as Pipe
from types import ModuleType
from typing import Any, Final

import uvicorn

from serving import __version__
from serving.app import App, build_app
from serving.engine.worker_state import SharedState
from serving.extras import install_command, require_packages
from serving.http.access_log import flush
from serving.http.connection import DRAIN, LAST_REQUEST, Connection, uvicorn_config
from serving.server.sockets import accept_waiting, listening_sockets, refuse_handshakes, refuse_ipv6
from serving.settings import Settings, format_address

_HANDSHAKE: Final = 0.1  # s that connections which are begun may take to be complete, at a stop


def run(
    settings: Settings,
    listeners: Sequence[socket.socket],
    state: SharedState,
    ready: Callable[[str], object],
    place: int = 0,
    supervisor: Pipe | None = None,
) -> None:
    """Runs one process of the service until it is stopped.

    Args:
        settings: the operator's settings.
        listeners: a listening socket for each worker.
        state: shared with the other workers.
        ready: is called once with a line that says at which addresses the process answers.
        place: this worker's number: it accepts the connections of that socket.
        supervisor: sends the places whose connections nobody else accepts, and is sent None when this process
            is about to stop. When it is closed, the supervisor has ended, and this process ends too.

    Raises:
        CheckreaderError: the models or the port for gRPC cannot be used.
        SystemExit: with 0, after SIGTERM.
    """
    # Uvicorn finishes the requests in flight and then raises the signal again, which ends the process with status 0.
    signal.signal(signal.SIGTERM, _exit)
    grpc = None
    if settings.grpc_port is not None:
        with require_packages(f"gRPC needs an extra: {install_command('serve,grpc')}"):
            grpc = importlib.import_module("serving.grpc.servicer")
    app = build_app(settings, state)
    _Server(app, listeners, place, grpc, ready, supervisor).run()


class _Server(uvicorn.Server):
    """Uvicorn's server, with the gRPC server and the model reloader in the same event loop."""

    def __init__(
        self,
        app: App,
        listeners: Sequence[socket.socket],
        place: int,
        grpc: ModuleType | None,
        ready: Callable[[str], object],
        supervisor: Pipe | None,
    ) -> None:
        settings = app.plane.settings
        super().__init__(uvicorn.Config(**uvicorn_config(app, settings.tls_cert, settings.tls_key)))
        self._app = app
        self._listeners = listeners
        self._place = place
        self._accepting: dict[int, asyncio.Server] = {}  # by place
        self._changing = asyncio.Lock()
        self._grpc_module = grpc
        self._grpc_server: Any = None
        self._grpc_port = 0
        self._ready = ready
        self._supervisor = supervisor
        self._reloading: asyncio.Task[None] | None = None
        self._adopting: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        settings, grpc_address = self._app.plane.settings, ""
        if self._grpc_module is not None:
            self._grpc_server, self._grpc_port = await self._grpc_module.serve(
                self._app.plane, self._app.reloader, self._app.admission, settings.grpc_port
            )
            if settings.host == "0.0.0.0":
                for listener in listening_sockets(self._grpc_port):
                    with listener:
                        refuse_ipv6(listener)
            grpc_address = f", gRPC at {format_address(settings.host, self._grpc_port)}"
        await super().startup([])
        await self._accept(frozenset({self._place}))
        self._reloading = asyncio.create_task(self._app.reloader.run())
        if self._supervisor is not None:
            asyncio.get_running_loop().add_reader(self._supervisor.fileno(), self._on_message)
        host, port = self._listeners[self._place].getsockname()[:2]
        scheme = "https" if settings.tls_cert else "http"
        self._ready(f"checkreader {__version__} at {scheme}://{format_address(host, port)}{grpc_address}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.plane.stopping = True
        grpc_listeners = [] if self._grpc_server is None else listening_sockets(self._grpc_port)
        # The supervisor's sockets outlive this process; it does the same to them where the service stops.
        for listener in (*grpc_listeners, *(self._listeners if self._supervisor is None else ())):
            refuse_handshakes(listener)
        for listener in grpc_listeners:
            listener.close()
        if self._supervisor is not None:
            asyncio.get_running_loop().remove_reader(self._supervisor.fileno())
            with contextlib.suppress(OSError):  # it has ended
                self._supervisor.send(None)
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(
            _HANDSHAKE if self.config.ssl is None else LAST_REQUEST
        )  # TLS has more to exchange
        stopping = [self._stop_http()]
        if self._grpc_server is not None:
            stopping.append(self._grpc_server.stop(DRAIN))
        await asyncio.gather(*stopping)
        await asyncio.to_thread(flush)
        if self._reloading is not None:
            self._reloading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reloading

    async def _stop_http(self) -> None:
        """Accepts the connections that wait, closes the sockets and lets the requests that are begun finish."""
        places = list(self._accepting)
        await self._accept(frozenset())
        waiting = [connection for place in places for connection in accept_waiting(self._listeners[place])]
        for listener in self._listeners:
            listener.close()
        loop, create, tls = asyncio.get_running_loop(), self._create_connection(), self.config.ssl
        timeout = None if tls is None else LAST_REQUEST
        await asyncio.gather(
            *(
                loop.connect_accepted_socket(create, connection, ssl=tls, ssl_handshake_timeout=timeout)
                for connection in waiting
            ),
            return_exceptions=True,  # a client that has gone, or speaks no TLS
        )
        await super().shutdown()

    def _create_connection(self) -> Callable[[], Connection]:
        return partial(Connection, self.config, self.server_state, self.lifespan.state)

    async def _accept(self, places: frozenset[int]) -> None:
        """Accepts the connections of these places, and of no others."""
        loop, create = asyncio.get_running_loop(), self._create_connection()
        async with self._changing:
            for place in self._accepting.keys() - places:
                self._accepting.pop(place).close()
            for place in places - self._accepting.keys():
                self._accepting[place] = await loop.create_server(
                    create, sock=self._listeners[place].dup(), ssl=self.config.ssl
                )

    def _on_message(self) -> None:
        """Reads which places are orphaned; at the pipe's end the supervisor has ended, and this process ends too."""
        assert self._supervisor is not None
        try:
            orphans: frozenset[int] = self._supervisor.recv()
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(self._supervisor.fileno())
            self._supervisor = None
            self.should_exit = True
            return
        task = asyncio.create_task(self._accept(orphans | {self._place}))
        self._adopting.add(task)
        task.add_done_callback(self._adopting.discard)


def _exit(number: int, frame: object) -> None:
    raise SystemExit(0)
