"""The requests that are sent to the service, and the service's own statistics."""

from __future__ import annotations

import asyncio
import contextlib
import io
import math
from collections.abc import Mapping
from functools import reduce
from types import SimpleNamespace
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import httptools
import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.load.generator import TIMEOUT, Request, unreachable
from serving.errors import CheckreaderError

Kind = Literal["json", "binary", "picture"]


def requests(url: str, model: str, kind: Kind, rows: int, pixels: npt.NDArray[np.uint8]) -> Request:
    """Returns a request to `model` at `url` for `rows` of `pixels`, which repeat if there are fewer.

    Args:
        url: the service's address, such as http://127.0.0.1:8000.
        model: the model's name.
        kind: "json" and "binary" are Open Inference Protocol requests with FP32 in 0 to 1, "binary" as
            the bare little-endian tensor; "picture" is a PNG, which takes one row.
        rows: pictures in the request, at least 1.
        pixels: uint8 [N, 28, 28].

    Raises:
        CheckreaderError: `url` is no http address, or there is no row.
    """
    host, port, root = _address(url)
    if rows < 1 or not len(pixels) or (kind == "picture" and rows != 1):
        raise CheckreaderError(
            f"a {kind} request of {rows} rows out of {len(pixels)}: there is no such thing"
        )
    batch = pixels[np.arange(rows) % len(pixels)]
    infer = f"{root}/v2/models/{quote(model, safe='')}/infer"
    if kind == "picture":
        path, file = f"{root}/digits?model={quote(model, safe='')}", io.BytesIO()
        Image.fromarray(batch[0]).save(file, "PNG")
        return Request(host, port, path, (("Content-Type", "image/png"),), file.getvalue())
    tensor = batch.reshape(rows, 28, 28, 1).astype("<f4") / np.float32(255)
    if kind == "binary":
        headers = (("Content-Type", "application/octet-stream"), ("Inference-Header-Content-Length", "0"))
        return Request(host, port, infer, headers, tensor.tobytes())
    data = {"name": "image", "shape": tensor.shape, "datatype": "FP32", "data": tensor.ravel().tolist()}
    body = msgspec.json.encode({"inputs": [data]})
    return Request(host, port, infer, (("Content-Type", "application/json"),), body)


def _address(url: str) -> tuple[str, int, str]:
    """Returns host, port and the prefix of every path."""
    try:
        parts = urlsplit(url)
        port = parts.port or 80
    except ValueError as error:
        raise CheckreaderError(f"{url}: {error}") from None
    if parts.scheme != "http" or not parts.hostname:
        raise CheckreaderError(f"{url}: expected an address such as http://127.0.0.1:8000")
    return parts.hostname, port, parts.path.rstrip("/")


async def stats(host: str, port: int, model: str) -> dict[str, Any]:
    """Returns the service's statistics of `model`, as `split` takes them.

    Raises:
        CheckreaderError: nothing listens there, or it answers no statistics.
    """
    path = f"/v2/models/{quote(model, safe='')}/stats"
    chunks: list[bytes] = []
    parser = httptools.HttpResponseParser(SimpleNamespace(on_body=chunks.append))
    with unreachable(host, port):
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await asyncio.open_connection(host, port)
            with contextlib.closing(writer):
                writer.write(Request(host, port, path, (("Connection", "close"),)).encode())
                reply = await reader.read()
    try:
        parser.feed_data(reply)
        status = parser.get_status_code()
        content: dict[str, Any] = msgspec.json.decode(b"".join(chunks), type=dict[str, Any])
    except (httptools.HttpParserError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CheckreaderError(f"{host}:{port}{path} answered no JSON object: {error}") from None
    if status != 200:
        raise CheckreaderError(f"{host}:{port}{path} answered {status}: {content.get('error', 'no reason')}")
    return content


def split(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float]:
    """Splits the service's time between two replies of `stats`.

    Returns:
        Mean microseconds per request in `queue`, `compute_input`, `compute_infer` and `compute_output`,
        and `rows_per_execution`; NaN where nothing happened.
    """

    def grown(*path: str) -> float:
        return _total(after, path) - _total(before, path)

    parts = ("queue", "compute_input", "compute_infer", "compute_output")
    times = {
        part: _ratio(grown("inference_stats", part, "ns"), grown("inference_stats", part, "count")) / 1e3
        for part in parts
    }
    return times | {"rows_per_execution": _ratio(grown("inference_count"), grown("execution_count"))}


def _total(reply: Mapping[str, Any], path: tuple[str, ...]) -> float:
    """Returns the sum over a model's versions."""
    return float(sum(reduce(lambda at, key: at[key], path, version) for version in reply["model_stats"]))


def _ratio(amount: float, count: float) -> float:
    return amount / count if count else math.nan
