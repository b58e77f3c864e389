"""The service's process: sockets, uvicorn, and gRPC beside it when it is asked for."""

from __future__ import annotations

import asyncio
import importlib
import signal
import socket
from types import ModuleType
from typing import Any

import uvicorn

from serving import __version__
from serving.app import App, build_app
from serving.connections import DRAIN, config
from serving.errors import CheckdigitError
from serving.extras import needed
from serving.settings import Settings


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT.

    Raises:
        CheckdigitError: the models or the addresses cannot be used.
        SystemExit: with 0, after SIGTERM.
    """
    grpc = None
    if settings.grpc_port is not None:
        with needed("gRPC needs an extra: pip install 'checkdigit[serve,grpc]'"):
            grpc = importlib.import_module("serving.grpc")
    with _listen(settings.host, settings.port) as listener:
        app = build_app(settings)
        # Uvicorn finishes what is in flight and then raises the signal again; it ends here, as success.
        signal.signal(signal.SIGTERM, _stop)
        _Server(app, listener, grpc).run(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(self, app: App, listener: socket.socket, grpc: ModuleType | None) -> None:
        super().__init__(uvicorn.Config(**config(app)))
        self._plane = app.plane
        self._listener = listener
        self._module = grpc
        self._grpc: Any = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        also = ""
        if self._module is not None:
            settings = self._plane.settings
            self._grpc, port = await self._module.serve(
                self._plane, settings.host, settings.grpc_port, settings.max_body
            )
            also = f", gRPC at {_address(settings.host, port)}"
        await super().startup(sockets)
        host, port = self._listener.getsockname()[:2]
        print(f"checkdigit {__version__} at http://{_address(host, port)}{also}", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        stopping = [super().shutdown(sockets)]
        if self._grpc is not None:
            stopping.append(self._grpc.stop(DRAIN))
        await asyncio.gather(*stopping)


def _stop(number: int, frame: object) -> None:
    raise SystemExit(0)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]  # Python repeats the address
        raise CheckdigitError(f"cannot listen on {host}:{port}: {reason}") from None
