"""The requests of the load generator, and the service's statistics."""

from __future__ import annotations

import asyncio
import io
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from benchmarks.load import scenarios
from benchmarks.load.scenarios import requests, split, stats
from serving.errors import CheckreaderError
from tests.support.fake_service import CHUNKED, FAILED, HANG_UP, OK, service


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 28, 28), np.uint8)


def test_json_request(pixels: np.ndarray) -> None:
    request = requests("http://[::1]:8000/root/", "a b", "json", 3, pixels)
    assert (request.host, request.port, request.path) == ("::1", 8000, "/root/v2/models/a%20b/infer")
    (tensor,) = msgspec.json.decode(request.body)["inputs"]
    assert (tensor["name"], tensor["datatype"], tensor["shape"]) == ("image", "FP32", [3, 28, 28, 1])
    expected = pixels[[0, 1, 0]] / np.float32(255)
    assert (np.array(tensor["data"], np.float32) == expected.ravel()).all()


def test_binary_request(pixels: np.ndarray) -> None:
    request = requests("http://host", "m", "binary", 2, pixels)
    assert (request.port, request.path) == (80, "/v2/models/m/infer")
    assert ("Inference-Header-Content-Length", "0") in request.headers
    assert (np.frombuffer(request.body, "<f4") == (pixels / np.float32(255)).ravel()).all()


def test_picture_request(pixels: np.ndarray) -> None:
    request = requests("http://host", "m", "picture", 1, pixels)
    assert request.path == "/digits?model=m"
    assert (np.asarray(Image.open(io.BytesIO(request.body))) == pixels[0]).all()


@pytest.mark.parametrize("url", ["host:8000", "https://host", "http://", "http://host:x", "http://[::1"])
def test_bad_address(url: str, pixels: np.ndarray) -> None:
    with pytest.raises(CheckreaderError):
        requests(url, "m", "json", 1, pixels)


@pytest.mark.parametrize(("kind", "rows"), [("picture", 2), ("json", 0), ("binary", -1)])
def test_bad_rows(kind: scenarios.Kind, rows: int, pixels: np.ndarray) -> None:
    with pytest.raises(CheckreaderError):
        requests("http://host", "m", kind, rows, pixels)


def test_stats() -> None:
    async def ask(reply: bytes) -> dict[str, Any]:
        async with service(reply) as port:
            return await stats("127.0.0.1", port, "m")

    assert asyncio.run(ask(CHUNKED)) == {}
    with pytest.raises(CheckreaderError, match="404: no such model"):
        asyncio.run(ask(b'HTTP/1.1 404 X\r\nContent-Length: 25\r\n\r\n{"error":"no such model"}'))
    for reply in (FAILED, HANG_UP, b"SMTP ready\r\n", OK[:-2] + b"[]"):
        with pytest.raises(CheckreaderError, match="no JSON object"):
            asyncio.run(ask(reply))


def test_split() -> None:
    def statistics_reply(requests: int, rows: int, executions: int, queue: int, infer: int) -> dict[str, Any]:
        def part(ns: int) -> dict[str, int]:
            return {"count": requests, "ns": ns}

        parts = {"queue": queue, "compute_input": 0, "compute_infer": infer, "compute_output": 0}
        inference_stats = {name: part(ns) for name, ns in parts.items()}
        version = {"inference_count": rows, "execution_count": executions, "inference_stats": inference_stats}
        return {"model_stats": [version]}

    before, after = (
        statistics_reply(10, 10, 10, 5_000, 7_000),
        statistics_reply(110, 410, 60, 205_000, 57_000),
    )
    expected = {"queue": 2.0, "compute_input": 0, "compute_infer": 0.5, "compute_output": 0}
    assert split(before, after) == expected | {"rows_per_execution": 8}
    assert all(math.isnan(value) for value in split(after, after).values())
