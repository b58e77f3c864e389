"""Handlers between HTTP and the data plane."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.app import App, build_app
from serving.settings import Settings
from tests.support.service import running
from tests.support.tiny import amount, png, seven

INFER, PREDICT = "/v2/models/lenet5/infer", "/v1/models/lenet5:predict"
KEY = "0123456789abcdef"
LOAD = "/v2/repository/models/lenet5/load"
IMAGE = np.linspace(0, 1, 784, dtype=np.float32).reshape(1, 28, 28, 1)


def infer(image: np.ndarray, **rest: Any) -> dict[str, Any]:
    tensor = {"name": "image", "datatype": "FP32", "shape": image.shape, "data": image.ravel().tolist()}
    return {"inputs": [tensor], **rest}


def binary(image: np.ndarray, outputs: bool) -> dict[str, Any]:
    """The keywords of a request with a binary tensor."""
    tensor = {"name": "image", "datatype": "FP32", "shape": image.shape}
    tensor["parameters"] = {"binary_data_size": image.nbytes}
    header = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": outputs}}).encode()
    headers = {"inference-header-content-length": str(len(header))}
    return {"content": header + image.tobytes(), "headers": headers}


def test_every_protocol_computes_the_same(client) -> None:
    as_json = client("POST", INFER, json=infer(IMAGE)).json()["outputs"][0]["data"]
    as_rows = client("POST", PREDICT, json={"instances": IMAGE.tolist()}).json()["predictions"]
    as_columns = client("POST", PREDICT, json={"inputs": IMAGE[..., 0].tolist()}).json()["outputs"]
    reply = client("POST", INFER, **binary(IMAGE, outputs=True))
    length = int(reply.headers["inference-header-content-length"])
    assert reply.headers["content-type"] == "application/octet-stream"
    assert json.loads(reply.content[:length])["outputs"][0]["parameters"] == {"binary_data_size": 40}
    as_bytes = np.frombuffer(reply.content[length:], "<f4").tolist()
    assert as_rows == as_columns == [pytest.approx(as_json)]
    assert as_bytes == pytest.approx(as_json)


def test_binary_inputs_may_be_answered_in_json(client) -> None:
    reply = client("POST", INFER, **binary(IMAGE, outputs=False))
    assert reply.headers["content-type"] == "application/json"
    assert len(reply.json()["outputs"][0]["data"]) == 10


def test_a_body_beyond_the_event_loop_is_answered_the_same(models: Path) -> None:
    """A large body is parsed by a thread."""
    with running(models, max_rows=64) as (_, client):
        image = np.repeat(IMAGE, 64, axis=0)
        (output,) = client("POST", INFER, json=infer(image)).json()["outputs"]
        (first,) = client("POST", INFER, json=infer(IMAGE)).json()["outputs"]
    assert output["shape"] == [64, 10]
    assert output["data"][-10:] == pytest.approx(first["data"], abs=1e-6)


def test_pictures_are_read_with_the_parameters_of_the_url(client) -> None:
    reply = client("POST", "/digits?max_error=0.1&model=lenet5", content=png(seven()))
    assert reply.json()["digits"][0]["accepted"] is True
    reply = client("POST", "/fields?kind=amount", content=png(amount("12.50")))
    assert reply.json()["fields"][0]["raw"] == "12.50"
    reply = client("POST", "/digits?kind=amount", content=png(seven()))
    assert (reply.status_code, "unknown parameter 'kind'" in reply.text) == (400, True)


def statistics(client, model: str = "lenet5") -> dict[str, Any]:
    return client("GET", f"/v2/models/{model}/stats").json()["model_stats"][0]["inference_stats"]


def test_requests_are_counted_as_successes_and_failures(models: Path) -> None:
    with running(models) as (_, client):
        client("POST", INFER, json=infer(IMAGE))
        client("POST", INFER, json=infer(IMAGE[:, :27]))
        client("POST", PREDICT, content=b"rubbish")
        counted = statistics(client)
        assert (counted["success"]["count"], counted["fail"]["count"]) == (1, 2)
        assert counted["success"]["ns"] > 0


def test_a_client_that_disconnects_in_its_body_gets_no_answer(models: Path) -> None:
    app = build_app(Settings(models=models))
    assert asyncio.run(interrupted(app, INFER)) == []
    (counted,) = [
        served.statistics
        for served in app.plane.served_models
        if (served.name, served.version) == ("lenet5", "1")
    ]
    assert (counted.success.count, counted.fail.count) == (0, 0)
    assert app.plane.counts.requests == {"POST /v2/models/{model}/infer 499": 1}


async def interrupted(app: App, path: str) -> list[Any]:
    """The messages to a client that disconnects in the middle of its body."""
    messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""}
    await app({**scope, "http_version": "1.1", "scheme": "http", "root_path": ""}, receive, send)
    return sent


def test_readiness_is_a_status(models: Path) -> None:
    with running(models) as (app, client):
        assert client("GET", "/v2/health/ready").status_code == 200
        app.plane.stopping = True
        reply = client("GET", "/v2/health/ready")
        assert (reply.status_code, reply.json()) == (503, {"ready": False})
        assert client("GET", "/v2/health/live").json() == {"live": True}


def test_the_index_lists_what_is_ready(client) -> None:
    entries = client("POST", "/v2/repository/index", json={"ready": True}).json()
    assert {entry["state"] for entry in entries} == {"READY"}
    assert "lenet5" in {entry["name"] for entry in entries}


def test_models_are_loaded_by_request_on_this_machine_or_with_a_key(models: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(KEY)
    with running(models, host="0.0.0.0") as (_, client):
        reply = client("POST", LOAD)
        assert (reply.status_code, "need --api-keys" in reply.text) == (403, True)
    with running(models, host="0.0.0.0", api_keys=tmp_path / "keys") as (_, client):
        assert client("POST", LOAD, headers={"authorization": f"Bearer {KEY}"}).status_code == 200


def test_another_sites_page_loads_nothing(models: Path) -> None:
    with running(models) as (_, client):
        assert client("POST", LOAD, headers={"origin": "http://evil.example"}).status_code == 403
        assert client("POST", LOAD, headers={"origin": "http://checkreader"}).status_code == 200


def test_a_loaded_model_comes_from_the_repository_alone(client) -> None:
    reply = client("POST", LOAD, json={"parameters": {"config": "{}"}})
    assert (reply.status_code, "models come from the repository alone" in reply.text) == (400, True)
