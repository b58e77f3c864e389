"""`/openapi.json` is valid and complete, and every reply keeps to it, whatever is sent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from serving.app import App, build_app
from serving.errors import Busy, CheckreaderError, Expired, TooLarge, Unauthorized, Unknown, Unsupported
from serving.settings import Settings
from tests.hostile.test_pictures import FILE, FORM, SEVEN, error, part
from tests.support.tiny import amount, png

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
BODY_ERRORS = [CheckreaderError, Unauthorized, Unknown, TooLarge, Unsupported, Busy, Expired]
KNOWN = {"model": "lenet5", "version": "1", "label": "stable"}
few = settings(
    max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def app(models: Path) -> App:
    return build_app(Settings(models=models, max_body=200_000, max_rows=8, max_pictures=3))


@pytest.fixture(scope="module")
def schema(app: App) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", app)


def operations(schema: Any) -> list[Any]:
    listed = [result.ok() for result in schema.get_all_operations()]
    assert listed
    return listed


def test_it_is_openapi_3_1(schema: Any) -> None:
    document = schema.raw_schema
    assert document["openapi"].startswith("3.1.")
    assert [str(error) for error in OPENAPI_31_VALIDATOR.iter_errors(document)] == []


def test_its_references_and_parameters_lead_somewhere(schema: Any) -> None:
    document = schema.raw_schema
    names = set(re.findall(r"'\$ref': '([^']*)'", str(document)))
    assert names == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            parameters = [(parameter["in"], parameter["name"]) for parameter in operation["parameters"]]
            assert len(parameters) == len(set(parameters))
            assert {name for place, name in parameters if place == "path"} == set(
                re.findall(r"{(\w+)}", path)
            )


def test_it_lists_every_method_of_its_paths_and_no_other(client, schema: Any) -> None:
    for path, methods in schema.raw_schema["paths"].items():
        for method in ("GET", "PUT", "POST", "PATCH", "DELETE"):
            reply = client(method, path.format(**KNOWN), content=b"rubbish")
            refused = (
                reply.status_code == 405 or "Malformed request" in reply.text
            )  # TensorFlow Serving's 400
            if method == "GET" and ":" in path:  # the status of a model, version or label of that name
                refused = ":predict" in reply.text
            assert refused == (method.lower() not in methods), (method, path, reply.text)


def test_it_lists_every_mistake_that_a_body_can_hold(schema: Any) -> None:
    for operation in operations(schema):
        if "requestBody" in operation.definition.raw:
            expected = {str(kind.status) for kind in BODY_ERRORS}
            assert expected <= operation.definition.raw["responses"].keys()


@pytest.mark.parametrize("served", [False, True], ids=["any model", "lenet5"])
def test_what_it_allows(schema: Any, subtests: pytest.Subtests, served: bool) -> None:
    for operation in operations(schema):
        with subtests.test(operation.label):

            @few
            @given(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
            def send(case: Any) -> None:
                if served:
                    case.path_parameters.update({name: KNOWN[name] for name in case.path_parameters})
                case.call_and_validate(checks=CHECKS)

            send()


def test_what_it_does_not_allow(schema: Any, subtests: pytest.Subtests) -> None:
    for operation in operations(schema):
        if "requestBody" not in operation.definition.raw:
            continue  # a name is a string, and any string may be one
        with subtests.test(operation.label):

            @few
            @given(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
            def send(case: Any) -> None:
                case.call_and_validate(checks=[*CHECKS, checks.negative_data_rejection])

            send()


def infer(**more: object) -> dict[str, Any]:
    tensor = {"name": "image", "datatype": "UINT8", "shape": [1, 28, 28, 1], "data": [0] * 784}
    return {"inputs": [tensor]} | more


ROW = np.zeros((28, 28)).tolist()
INFER = ("/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer")
PREDICT = tuple(
    f"/v1/models/{{model}}{part}:predict" for part in ("", "/versions/{version}", "/labels/{label}")
)
RAW = {"Inference-Header-Content-Length": "0"}


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        ("/digits", {"content": SEVEN, "headers": {"content-type": "image/png"}}),
        ("/digits", {"content": part(FILE) + b"--cut--", "headers": FORM}),
        ("/fields", {"content": png(amount()), "headers": {"content-type": "image/png"}}),
        ("/fields", {"content": part(FILE, png(amount())) + b"--cut--", "headers": FORM}),
        *((path, {"json": infer()}) for path in INFER),
        *((path, {"json": infer(parameters={"binary_data_output": True})}) for path in INFER),
        *(
            (path, {"json": infer(outputs=[{"name": "probabilities", "parameters": {"classification": 3}}])})
            for path in INFER
        ),
        *((path, {"content": bytes(3136), "headers": RAW}) for path in INFER),
        *((path, {"json": {"instances": [ROW]}}) for path in PREDICT),
        *((path, {"json": {"inputs": [ROW]}}) for path in PREDICT),
    ],
)
def test_what_is_right_is_answered_as_it_says(
    client, schema: Any, path: str, request_: dict[str, Any]
) -> None:
    reply = client("POST", path.format(**KNOWN), **request_)
    assert reply.status_code == 200, reply.text
    schema[path]["POST"].validate_response(reply)


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/v1/models/{model}"),
        ("GET", "/v1/models/{model}/metadata"),
        ("POST", "/v1/models/{model}:predict"),
        ("GET", "/v2/models/{model}"),
        ("POST", "/v2/models/{model}/infer"),
    ],
)
def test_a_slash_in_a_name_is_answered_as_it_says(client, schema: Any, verb: str, path: str) -> None:
    """As %2F, which makes another path of it."""
    reply = client(verb, path.format(model="a%2Fb"))
    assert str(reply.status_code) in schema[path][verb].definition.raw["responses"], reply.text
    assert list(reply.json()) == ["error"]


@pytest.mark.parametrize(
    "query",
    [
        "model=",
        "crop=1_0,0,1_0,10",
        "crop=%2B1,2,10,10",
        "crop=1, 2,10,10",
        "max_error=0_1.0",
        "max_error= 1",
    ],
)
def test_a_parameter_that_it_does_not_allow(client, query: str) -> None:
    reply = client("POST", f"/digits?{query}", content=SEVEN)
    assert reply.status_code in (400, 404), reply.text
    error(reply, reply.status_code)
