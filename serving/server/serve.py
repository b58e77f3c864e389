"""Starts the service in as many processes as the settings ask for."""

from __future__ import annotations

import dataclasses
import ssl

from serving.engine.worker_state import SharedState
from serving.errors import CheckreaderError
from serving.server import process, supervisor
from serving.server.signals import heed_signals
from serving.server.sockets import listen, resolve
from serving.settings import Settings


def serve(settings: Settings) -> None:
    """Serves until SIGTERM, SIGHUP or SIGINT, in as many processes as `settings` says.

    Raises:
        CheckreaderError: the models, the addresses, the keys or the certificate cannot be used.
        SystemExit: with 0, after SIGTERM or SIGHUP.
    """
    check_tls(settings)
    if settings.grpc_port and settings.grpc_port == settings.port:
        raise CheckreaderError(
            f"HTTP and gRPC need a port each: both --port and --grpc-port are {settings.port}"
        )
    heed_signals()
    settings = dataclasses.replace(settings, host=resolve(settings.host))
    if settings.workers > 1:
        supervisor.supervise(settings)
    with listen(settings.host, settings.port) as listener:
        process.run(settings, [listener], SharedState(), lambda address: print(address, flush=True))


def check_tls(settings: Settings) -> None:
    """Checks the certificate and its key before anything is started.

    Raises:
        CheckreaderError: one of them is missing or cannot be read, or they do not belong together.
    """
    cert, key = settings.tls_cert, settings.tls_key
    if cert is None and key is None:
        return
    if cert is None or key is None:
        raise CheckreaderError("TLS takes a certificate and its key: give both --tls-cert and --tls-key")
    for path in (cert, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise CheckreaderError(f"TLS: {path}: {error.strerror}") from None
    try:
        # With an encrypted key, OpenSSL would prompt at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password=lambda: "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise CheckreaderError(f"TLS: the certificate {cert} does not belong to the key {key}") from None
        raise CheckreaderError(
            f"TLS: {cert} and {key} are no certificate and unencrypted key in PEM: {error.reason or error}"
        ) from None
