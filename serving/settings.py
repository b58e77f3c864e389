"""What an operator may choose about the service."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from serving.errors import Forbidden

API_KEYS_VARIABLE: Final = "CHECKREADER_API_KEYS"
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Settings:
    host: str = "127.0.0.1"
    port: int = 8000
    grpc_port: int | None = None  # None: no gRPC
    models: Path | None = None  # None: see repository.find
    only: tuple[str, ...] = ()  # names of the models to load; none = all
    device: str = "auto"  # a key of serving.runtime.onnx.DEVICES, or "auto"
    tf32: bool = False  # rounding float32 products to 10 bits, on a GPU
    max_body: int = 16 * 2**20  # bytes; a 50-megapixel photograph fits as JPEG
    max_rows: int = 4096  # pictures in one inference request; as JSON each takes 25 kB of memory
    max_pictures: int = 100  # encoded ones in one request; each may cost a large picture's decoding
    batch_rows: int = (
        256  # see serving.engine.batcher, and benchmarks/results/batching.json for this and the next
    )
    batch_delay: float = 0.0  # s
    queue_rows: int = 8192  # two of the largest requests
    queue_timeout: float = 10.0  # s
    max_requests: int = 1024  # under way at a time, of each worker; more are refused
    workers: int = 1  # processes that share the port
    api_keys: Path | None = None  # a file with a key in each line; None: $CHECKREADER_API_KEYS, or no keys
    tls_cert: Path | None = None  # PEM; with `tls_key`, or neither
    tls_key: Path | None = None
    access_log: Literal["off", "requests", "readings"] = "off"

    def require_control(self) -> None:
        """Models are loaded and unloaded by request only where no stranger could ask without a key.

        Raises:
            Forbidden: one could.
        """
        if self.api_keys is None and API_KEYS_VARIABLE not in os.environ and self.host not in _LOOPBACK:
            raise Forbidden("load and unload need --api-keys where the service listens beyond this machine")
