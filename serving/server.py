"""The service's process: sockets, uvicorn, and gRPC beside it when it is asked for."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import signal
import socket
import ssl
from collections.abc import Callable
from types import ModuleType
from typing import Any

import uvicorn

from serving import __version__
from serving.app import App, build_app
from serving.board import Board
from serving.connections import DRAIN, config
from serving.door import flush
from serving.errors import CheckdigitError
from serving.extras import needed
from serving.settings import Settings


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, in as many processes as `settings` says.

    Raises:
        CheckdigitError: the models, the addresses, the keys or the certificate cannot be used.
        SystemExit: with 0, after SIGTERM.
    """
    check_tls(settings)
    if settings.grpc_port and settings.grpc_port == settings.port:
        raise CheckdigitError(
            f"HTTP and gRPC need a port each: both --port and --grpc-port are {settings.port}"
        )
    if settings.workers > 1:
        from serving import workers

        workers.supervise(settings)
    with listen(settings.host, settings.port) as listener:
        run(settings, listener, Board(), lambda address: print(address, flush=True))


def run(
    settings: Settings,
    listener: socket.socket,
    board: Board,
    ready: Callable[[str], object],
    parent: int | None = None,
) -> None:
    """One process of the service.

    Args:
        settings: what the operator chose.
        listener: a listening socket.
        board: shared with the other workers.
        ready: is called with one line that says where it answers.
        parent: readable when the process that started this one is no more; this one ends, too.

    Raises:
        CheckdigitError: the models or the port for gRPC cannot be used.
        SystemExit: with 0, after SIGTERM.
    """
    grpc = None
    if settings.grpc_port is not None:
        with needed("gRPC needs an extra: pip install 'checkdigit[serve,grpc]'"):
            grpc = importlib.import_module("serving.grpc")
    app = build_app(settings, board)
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
        super().__init__(uvicorn.Config(**config(app, settings.tls_cert, settings.tls_key)))
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
            self._grpc, port = await self._module.serve(self._app, settings.grpc_port)
            also = f", gRPC at {_address(settings.host, port)}"
        await super().startup(sockets)
        self._keeping = asyncio.create_task(self._app.keeper.run())
        if self._parent is not None:
            asyncio.get_running_loop().add_reader(self._parent, self._orphaned)
        host, port = self._listener.getsockname()[:2]
        scheme = "https" if settings.tls_cert else "http"
        self._ready(f"checkdigit {__version__} at {scheme}://{_address(host, port)}{also}")

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


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_tls(settings: Settings) -> None:
    """Looks at the certificate before anything is started.

    Raises:
        CheckdigitError: there is no key to it or no certificate, or they are no pair.
    """
    cert, key = settings.tls_cert, settings.tls_key
    if cert is None and key is None:
        return
    if cert is None or key is None:
        raise CheckdigitError("TLS takes a certificate and its key: give both --tls-cert and --tls-key")
    for path in (cert, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise CheckdigitError(f"TLS: {path}: {error.strerror}") from None
    try:
        # An encrypted key would ask at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password=lambda: "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise CheckdigitError(f"TLS: the certificate {cert} does not belong to the key {key}") from None
        raise CheckdigitError(
            f"TLS: {cert} and {key} are no certificate and unencrypted key in PEM: {error.reason or error}"
        ) from None


def listen(host: str, port: int, shared: bool = False) -> socket.socket:
    """A listening socket, or one that shares its port with others of its kind.

    Raises:
        CheckdigitError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048, reuse_port=shared)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]  # Python repeats the address
        raise CheckdigitError(f"cannot listen on {host}:{port}: {reason}") from None
