"""A client of TensorFlow Serving's REST API, as its tutorial writes one, against the released models."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from base64 import b64encode
from typing import Any

import numpy as np
import pytest

from tests.support.released import DIGITS, EVERY, FEATURES, NAMES, TOLERANCE, VERSION, Released, Service

LENET5 = "/v1/models/lenet5"
ZEROS = np.zeros((28, 28, 1)).tolist()


@pytest.fixture
def url(service: Service) -> str:
    return f"http://{service.http}"


def ask(url: str, content: Any = None) -> Any:
    """The reply to a GET, or to a POST of JSON."""
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        assert reply.headers["Content-Type"] == "application/json"
        return json.load(reply)


def refused(url: str, content: Any = None) -> tuple[int, str]:
    """The status and the message of a request that must fail."""
    with pytest.raises(urllib.error.HTTPError) as raised:
        ask(url, content)
    with raised.value as reply:
        answer = json.load(reply)
    assert list(answer) == ["error"]
    return raised.value.code, answer["error"]


def assert_close(answer: Any, expected: np.ndarray) -> None:
    answer = np.array(answer)
    assert answer.shape == expected.shape
    np.testing.assert_allclose(answer, expected, rtol=TOLERANCE, atol=TOLERANCE)


def b64(picture: bytes) -> dict[str, str]:
    return {"b64": b64encode(picture).decode()}


def bodies(rows: list[Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every way of asking for `rows`, with the key of its reply."""
    return [
        ("predictions", {"signature_name": "serving_default", "instances": rows}),
        ("predictions", {"signature_name": "", "instances": [{"image": row} for row in rows]}),
        ("outputs", {"inputs": rows}),
        ("outputs", {"signature_name": "serving_default", "inputs": {"image": rows}}),
    ]


@pytest.mark.parametrize("channel", [True, False])
@pytest.mark.parametrize("name", DIGITS)
def test_numbers(url: str, released: Released, name: str, channel: bool) -> None:
    image = released.image[:25]
    expected = released.probabilities(name, image)
    for key, body in bodies((image if channel else image[..., 0]).tolist()):
        reply = ask(f"{url}/v1/models/{name}:predict", body)
        assert list(reply) == [key]
        assert_close(reply[key], expected)
        digits = np.array(reply[key])[: len(released.golden)].argmax(1)
        assert digits.tolist() == [digit.digit for digit in released.golden]


@pytest.mark.parametrize("name", DIGITS)
def test_golden_pictures(url: str, released: Released, name: str) -> None:
    expected = released.probabilities(name, released.image[: len(released.pictures)])
    for key, body in bodies([b64(picture) for picture in released.pictures]):
        reply = ask(f"{url}/v1/models/{name}:predict", body)
        assert list(reply) == [key]
        assert_close(reply[key], expected)


def test_batch_of_64_and_a_single_one(url: str, released: Released) -> None:
    for rows in (released.image, released.image[:1]):
        reply = ask(f"{url}{LENET5}:predict", {"instances": rows.tolist()})
        assert_close(reply["predictions"], released.probabilities("lenet5", rows))


def test_whole_numbers(url: str) -> None:
    zeros, ones = np.zeros((28, 28), int).tolist(), np.ones((28, 28), int).tolist()
    as_integers = ask(f"{url}{LENET5}:predict", {"instances": [zeros, ones]})
    assert as_integers == ask(
        f"{url}{LENET5}:predict", {"instances": np.stack([zeros, ones]).astype(float).tolist()}
    )


def test_several_outputs(url: str, released: Released) -> None:
    expected = released.run(FEATURES, released.image[:2])
    rows = released.image[:2].tolist()
    columns = ask(f"{url}/v1/models/{FEATURES}:predict", {"inputs": rows})["outputs"]
    assert list(columns) == list(expected)
    predictions = ask(f"{url}/v1/models/{FEATURES}:predict", {"instances": rows})["predictions"]
    assert len(predictions) == 2
    for name, tensor in expected.items():
        assert_close(columns[name], tensor)
        assert_close([row[name] for row in predictions], tensor)


@pytest.mark.parametrize("path", ["", f"/versions/{VERSION}", "/labels/stable"])
def test_versions_and_labels(url: str, released: Released, path: str) -> None:
    reply = ask(f"{url}{LENET5}{path}:predict", {"instances": released.image[:2].tolist()})
    assert_close(reply["predictions"], released.probabilities("lenet5", released.image[:2]))
    (status,) = ask(f"{url}{LENET5}{path}")["model_version_status"]
    assert status == {
        "version": VERSION,
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    spec = ask(f"{url}{LENET5}{path}/metadata")["model_spec"]
    assert spec == {"name": "lenet5", "signature_name": "", "version": VERSION}


@pytest.mark.parametrize("name", NAMES)
def test_metadata(url: str, released: Released, name: str) -> None:
    reply = ask(f"{url}/v1/models/{name}/metadata")
    assert reply["model_spec"]["name"] == name
    signature = reply["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    network = released.models[name].network
    for described, specs in ((signature["inputs"], [network.input]), (signature["outputs"], network.outputs)):
        assert described == {
            spec.name: {
                "dtype": "DT_FLOAT",
                "tensor_shape": {
                    "dim": [{"size": str(side), "name": ""} for side in spec.shape],
                    "unknown_rank": False,
                },
                "name": spec.name,
            }
            for spec in specs
        }


def test_paths_that_lead_nowhere(url: str) -> None:
    zeros = {"instances": [ZEROS]}
    for path, why in (
        (
            "nope",
            f"unknown model 'nope'; there are {', '.join(EVERY)}",
        ),
        ("lenet5/versions/9", f"model 'lenet5' has no version '9'; it has '{VERSION}'"),
        ("lenet5/labels/canary", "Unrecognized servable version label: 'canary'; there is 'stable'"),
    ):
        assert refused(f"{url}/v1/models/{path}") == (404, why)
        assert refused(f"{url}/v1/models/{path}/metadata") == (404, why)
        assert refused(f"{url}/v1/models/{path}:predict", zeros) == (404, why)
    code, why = refused(f"{url}/v1/model/lenet5")
    assert (code, why[:38]) == (400, "Malformed request: GET /v1/model/lenet")


MISTAKES = [
    ({}, "Missing 'inputs' or 'instances' key"),
    ({"instances": [ZEROS], "inputs": [ZEROS]}, "expecting only one of 'inputs' or 'instances' keys"),
    ({"instances": []}, "No values in 'instances' array"),
    ({"instances": {"image": [ZEROS]}}, "Expecting 'instances' to be an list/array"),
    ({"instances": [{"picture": ZEROS}]}, "JSON object keys must be equal to: image"),
    ({"inputs": {"picture": [ZEROS]}}, "Missing named input: image in 'inputs' object."),
    (
        {"signature_name": "digits", "instances": [ZEROS]},
        'signature name: "digits" not found in signature def',
    ),
    ({"instances": ZEROS}, "Expected [-1,28,28,1], got [28,28,1]"),
    ({"instances": [ZEROS, ZEROS[:-1]]}, "input 'image' is ragged"),
    ({"instances": [ZEROS[:-1]]}, "Expected [-1,28,28,1], got [1,27,28,1]"),
    ({"instances": [[[255] * 28] * 28]}, "divide 8-bit pixels by 255"),
    ({"instances": [[[float("nan")] * 28] * 28]}, "JSON is malformed"),
    ({"instances": [[["0"] * 28] * 28]}, "input 'image' must hold numbers alone"),
    ({"instances": [b64(b"no picture")]}, "not a picture"),
    ({"instances": [{"b64": "*"}]}, "base64"),
    ([ZEROS], "JSON Parse error"),
]


@pytest.mark.parametrize(("content", "why"), MISTAKES, ids=[why for _, why in MISTAKES])
def test_mistakes(url: str, content: Any, why: str) -> None:
    code, message = refused(f"{url}{LENET5}:predict", content)
    assert code == 400
    assert why in message
