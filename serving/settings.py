"""What an operator may choose about the service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    host: str = "127.0.0.1"
    port: int = 8000
    models: Path | None = None  # None: see repository.find
    max_body: int = 16 * 2**20  # bytes; a 50-megapixel photograph fits as JPEG
    max_rows: int = 4096  # pictures in one inference request; as JSON each takes 25 kB of memory
    max_pictures: int = 100  # in one multipart body; each may cost a large picture's decoding
