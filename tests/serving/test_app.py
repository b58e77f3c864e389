"""The service over HTTP, without a socket."""

from __future__ import annotations

import re

import msgspec
import numpy as np
import pytest

from serving import __version__
from tests.support.paths import ROOT
from tests.support.tiny import png, seven, tiff

SEVEN = png(seven())
BLANK = png(seven(ink=255, paper=255))
INFER = "/v2/models/lenet5/infer"
CASE = ROOT / "tests" / "cases" / "g4-2pages.tif"


def test_one_picture(client) -> None:
    reply = client("POST", "/digits?max_error=0.1", content=SEVEN)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    content = reply.json()
    assert content["model"] == {"name": "lenet5", "version": "1"}
    assert (content["max_error"], content["applied_max_error"]) == (0.1, 0.1)
    (digit,) = content["digits"]
    assert list(digit) == ["page", "digit", "confidence", "accepted", "reason", "top"]
    assert digit["page"] == 1
    assert digit["accepted"] is True
    assert digit["reason"] is None
    assert digit["top"][0] == {"digit": digit["digit"], "probability": digit["confidence"]}


def test_default_bound_rejects(client) -> None:
    (digit,) = client("POST", "/digits", content=SEVEN).json()["digits"]
    assert digit["accepted"] is False
    assert re.fullmatch(
        r"unsure: confidence 0\.\d+ is below 0\.9, the threshold for max_error 0\.01", digit["reason"]
    )


def test_naming_the_default_is_leaving_it_out(client) -> None:
    left_out = client("POST", "/digits", content=SEVEN).json()
    assert (left_out["max_error"], left_out["applied_max_error"]) == (0.01, 0.01)
    assert client("POST", f"/digits?max_error={left_out['max_error']}", content=SEVEN).json() == left_out


def test_below_what_is_certified_all_is_read_and_nothing_accepted(client) -> None:
    content = client("POST", "/digits?max_error=0.0001", content=SEVEN).json()
    (digit,) = content["digits"]
    assert (content["max_error"], content["applied_max_error"], digit["accepted"]) == (0.0001, None, False)
    assert digit["confidence"] > 0
    assert digit["reason"] == (
        "nothing is accepted: this model certifies max_error 0.001, 0.01 and 0.1, none as low as 0.0001"
    )


def test_several_pictures_in_order(client) -> None:
    files = [("a", ("a.png", SEVEN)), ("a", ("b.png", BLANK)), ("c", ("c.png", SEVEN))]
    first, second, third = client("POST", "/digits?max_error=0.1", files=files).json()["digits"]
    assert first == third
    assert second["reason"] == "blank: no ink found"


def test_every_page_in_order(client) -> None:
    pages = [seven(), seven(60, 200, 30)]
    files = [("a", ("a.tif", tiff(*pages))), ("b", ("b.png", png(pages[0])))]
    first, second, third = client("POST", "/digits?max_error=0.1", files=files).json()["digits"]
    assert [digit["page"] for digit in (first, second, third)] == [1, 2, 1]
    for digit, page in ((first, pages[0]), (second, pages[1]), (third, pages[0])):
        (alone,) = client("POST", "/digits?max_error=0.1", content=png(page)).json()["digits"]
        assert digit == alone | {"page": digit["page"]}


def test_pages_of_a_fax(client) -> None:
    content = client("POST", "/digits", content=CASE.read_bytes()).json()
    assert [digit["page"] for digit in content["digits"]] == [1, 2]


def test_crop(client) -> None:
    wide = seven(120).crop((0, 0, 300, 200))  # what lies outside is black
    reply = client("POST", "/digits?crop=0,0,120,120&model=lenet5", content=png(wide))
    assert reply.json()["digits"] == client("POST", "/digits", content=png(seven(120))).json()["digits"]


def test_documentation_needs_nothing_from_elsewhere(client) -> None:
    page = client("GET", "/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert not re.search(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", page.text)
    assert "prefers-color-scheme: dark" in page.text
    assert "width=device-width" in page.text


def test_description_and_page_list_what_is_served(client) -> None:
    description = client("GET", "/openapi.json").json()
    page = client("GET", "/docs").text
    assert description["openapi"] == "3.1.0"
    names = [
        operation["operationId"] for path in description["paths"].values() for operation in path.values()
    ]
    assert len(names) == len(set(names))
    for path, operations in description["paths"].items():
        assert path in page
        concrete = path.replace("{model}", "lenet5").replace("{version}", "1").replace("{label}", "stable")
        if path.endswith("/unload"):  # which `load`, listed before, would have to mend
            continue
        for method in operations:
            assert client(method.upper(), concrete).status_code not in (404, 405), (method, path)


def test_health(client) -> None:
    assert client("GET", "/v2/health/live").json() == {"live": True}
    assert client("GET", "/v2/health/ready").json() == {"ready": True}
    for path in ("/v2/models/lenet5/ready", "/v2/models/lenet5/versions/1/ready"):
        assert client("GET", path).json() == {"name": "lenet5", "ready": True}


def test_metadata(client) -> None:
    server = client("GET", "/v2").json()
    assert server == {
        "name": "checkreader",
        "version": __version__,
        "extensions": [
            *("binary_tensor_data", "classification", "model_configuration", "model_repository"),
            "statistics",
        ],
    }
    model = client("GET", "/v2/models/lenet5").json()
    assert model == client("GET", "/v2/models/lenet5/versions/1").json()
    assert model == {
        "name": "lenet5",
        "versions": ["1"],
        "platform": "onnx_onnxv1",
        "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, 28, 28, 1]}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}],
    }


def ask(client, image: np.ndarray, datatype: str = "FP32", **rest: object) -> dict:
    given = {"name": "image", "datatype": datatype, "shape": image.shape, "data": image.tolist()}
    reply = client("POST", INFER, content=msgspec.json.encode({"inputs": [given], **rest}))
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_infer(client) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1), np.uint8)
    reply = ask(client, pixels.astype(np.float32) / 255, id="one")
    assert (reply["id"], reply["model_name"], reply["model_version"]) == ("one", "lenet5", "1")
    (output,) = reply["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("probabilities", "FP32", [2, 10])
    assert sum(output["data"]) == pytest.approx(2)
    assert output["data"] == pytest.approx(ask(client, pixels, "UINT8")["outputs"][0]["data"])


def test_raw_infer(client) -> None:
    image = np.random.default_rng(0).random((3, 28, 28, 1), np.float32)
    reply = client("POST", INFER, content=image.tobytes(), headers={"Inference-Header-Content-Length": "0"})
    assert reply.headers["content-type"] == "application/octet-stream"
    length = int(reply.headers["inference-header-content-length"])
    (output,) = msgspec.json.decode(reply.content[:length])["outputs"]
    assert output["parameters"] == {"binary_data_size": 120}
    raw = np.frombuffer(reply.content[length:], "<f4")
    assert raw.tolist() == pytest.approx(ask(client, image)["outputs"][0]["data"])


def test_chosen_output(client) -> None:
    body = {
        "inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 28, 28, 1], "data": [0] * 784}],
        "outputs": [{"name": "logits"}],
    }
    reply = client("POST", "/v2/models/lenet5-features/infer", content=msgspec.json.encode(body))
    assert [output["name"] for output in reply.json()["outputs"]] == ["logits"]


def test_our_own_mistake_is_500_without_a_traceback(client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.protocol.metadata.server_metadata", lambda: 1 / 0)
    reply = client("GET", "/v2")
    assert (reply.status_code, reply.json()) == (500, {"error": "internal error: see the service's log"})
