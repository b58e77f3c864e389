"""The description and the page that are made of a table of operations."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from serving.errors import CheckreaderError, Unknown
from serving.http.asgi import HttpRequest, HttpResponse
from serving.http.openapi import Operation, Parameter, document, page


class Question(msgspec.Struct):
    text: str


class Yes(msgspec.Struct):
    yes: bool


class No(msgspec.Struct):
    no: bool


async def ask(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"{}")


async def look(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"{}")


JSON = "application/json"
PATHS = ("/ask/{model}", "/ask/{model}/versions/{version}")
TABLE = [
    *(
        Operation(
            "POST",
            path,
            ask,
            "Questions",
            "Ask <something>.",
            "At length & in detail.",
            (Parameter("limit", "how much", {"type": "integer"}), Parameter("X-Mode", "how", place="header")),
            request_bodies={JSON: Question},
            body_optional=True,
            response_bodies={JSON: (Yes, No)},
            errors=(CheckreaderError, Unknown),
            curl="curl -d '{}' localhost/ask",
            reply='{"yes":true}',
        )
        for path in PATHS
    ),
    Operation("GET", "/look", look, "Others", "Look.", response_bodies={"text/plain": {"type": "string"}}),
]


@pytest.fixture(scope="module")
def operation() -> dict[str, Any]:
    return document(TABLE)["paths"][PATHS[1]]["post"]


def test_parameters_of_path_query_and_header(operation: dict[str, Any]) -> None:
    places = [(parameter["in"], parameter["name"]) for parameter in operation["parameters"]]
    assert places == [("path", "model"), ("path", "version"), ("query", "limit"), ("header", "X-Mode")]
    assert all(parameter.get("required") is True for parameter in operation["parameters"][:2])
    assert operation["parameters"][2]["schema"] == {"type": "integer"}


def test_bodies_refer_to_the_schemas_of_their_types(operation: dict[str, Any]) -> None:
    schemas = document(TABLE)["components"]["schemas"]
    assert set(schemas) == {"Error", "Question", "Yes", "No"}
    assert operation["requestBody"] == {
        "required": False,
        "content": {JSON: {"schema": {"$ref": "#/components/schemas/Question"}}},
    }
    choices = [{"$ref": "#/components/schemas/Yes"}, {"$ref": "#/components/schemas/No"}]
    assert operation["responses"]["200"]["content"] == {JSON: {"schema": {"anyOf": choices}}}
    assert document(TABLE)["paths"]["/look"]["get"]["responses"]["200"]["content"] == {
        "text/plain": {"schema": {"type": "string"}}
    }


def test_errors_are_described_by_their_classes(operation: dict[str, Any]) -> None:
    assert list(operation["responses"]) == ["200", "400", "404"]
    assert operation["responses"]["404"] == {
        "description": Unknown.about,
        "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def test_operations_have_names_of_their_own() -> None:
    paths = document(TABLE)["paths"]
    names = [operation["operationId"] for methods in paths.values() for operation in methods.values()]
    assert names == ["post_ask_model", "post_ask_model_versions_version", "get_look"]
    assert "requestBody" not in paths["/look"]["get"]


def test_the_page_describes_each_handler_once() -> None:
    html = page(TABLE)
    assert html.count("<section>") == 2
    assert f"<p class=also>Also <code>{PATHS[1]}</code>" in html
    assert html.index("<h2>Questions</h2>") < html.index("<h2>Others</h2>")


def test_the_page_shows_all_that_the_table_says() -> None:
    html = page(TABLE)
    for part in (
        "Ask &lt;something&gt;.",
        "At length &amp; in detail.",
        "<tr><td><code>limit</code><td>how much",
        "<p>Body: <code>application/json</code></p>",
        "curl -d &#x27;{}&#x27; localhost/ask",
        "&quot;yes&quot;: true",
        f"<li><b>404</b> {Unknown.about}",
    ):
        assert part in html
