"""The minimal service answers as the service of the same model does."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import numpy as np
import pytest

from benchmarks.servers import request, server
from serving.repository.store import Repository


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with server("benchmarks.bare", "{port}") as (port, _):
        yield port


@pytest.fixture
def expected() -> np.ndarray:
    """The released probabilities of the first golden digit."""
    return np.array(Repository.open().golden[0][0].expected["lenet5"]["onnx_float32"])


def test_json(port: int, expected: np.ndarray) -> None:
    posted = request(port, "json", 1)
    reply = httpx.post(f"http://127.0.0.1:{port}/json", content=posted.body).json()
    assert (reply["model_name"], reply["model_version"]) == (
        "lenet5",
        Repository.open().model("lenet5").version,
    )
    (tensor,) = reply["outputs"]
    assert (tensor["name"], tensor["datatype"], tensor["shape"]) == ("probabilities", "FP32", [1, 10])
    np.testing.assert_allclose(tensor["data"], expected, atol=1e-3)


def test_binary(port: int, expected: np.ndarray) -> None:
    posted = request(port, "binary", 1)
    reply = httpx.post(f"http://127.0.0.1:{port}/binary", content=posted.body)
    np.testing.assert_allclose(np.frombuffer(reply.content, np.float32), expected, atol=1e-3)
