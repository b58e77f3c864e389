"""Pages of other sites, by what browsers send and look at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import Client
from tests.support.service import running
from tests.support.tiny import png, seven

SHOP, TILL, OTHER = "https://shop.example", "http://localhost:3000", "https://other.example"
KEY = "0123456789abcdef"
INFER = "/v2/models/lenet5/infer"
PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization, content-type, inference-header-content-length",
}


@pytest.fixture
def shop(models: Path, tmp_path: Path) -> Iterator[Client]:
    """A service with keys that two sites may ask."""
    (tmp_path / "keys").write_text(KEY)
    with running(models, api_keys=tmp_path / "keys", cors_origins=(SHOP, TILL), max_body=200_000) as (
        _,
        client,
    ):
        yield client


def words(header: str) -> set[str]:
    return {word.strip().lower() for word in header.split(",")}


def readable(reply: httpx.Response, origin: str) -> bool:
    """Whether a browser shows the reply to a page of that origin."""
    return reply.headers.get("access-control-allow-origin") in (origin, "*")


def may_ask(reply: httpx.Response, origin: str) -> bool:
    """Whether a browser sends the request after that reply to its preflight."""
    return (
        reply.is_success
        and readable(reply, origin)
        and "post" in words(reply.headers["access-control-allow-methods"])
        and words(PREFLIGHT["access-control-request-headers"])
        <= words(reply.headers["access-control-allow-headers"])
    )


@pytest.mark.parametrize("path", ["/digits", INFER, "/v1/models/lenet5:predict", "/nowhere"])
def test_preflight_without_a_key(shop: Client, path: str) -> None:
    for origin in (SHOP, TILL):
        reply = shop("OPTIONS", path, headers={"origin": origin, **PREFLIGHT})
        assert may_ask(reply, origin)
        assert "origin" in words(reply.headers["vary"])
    reply = shop("OPTIONS", path, headers={"origin": OTHER, **PREFLIGHT})
    assert reply.status_code == 400
    assert not readable(reply, OTHER)
    assert list(reply.json()) == ["error"]


def test_requests(shop: Client) -> None:
    headers = {"origin": SHOP, "authorization": f"Bearer {KEY}"}
    for reply in (
        shop("POST", "/digits", content=png(seven()), headers=headers),
        shop("POST", INFER, content=bytes(3136), headers=headers | {"inference-header-content-length": "0"}),
    ):
        assert reply.status_code == 200
        assert readable(reply, SHOP)
        assert "origin" in words(reply.headers["vary"])
        exposed = words(reply.headers["access-control-expose-headers"])
        assert {"inference-header-content-length", "x-request-id", "retry-after"} <= exposed
        assert "access-control-allow-credentials" not in reply.headers
    reply = shop("POST", "/digits", content=png(seven()), headers=headers | {"origin": OTHER})
    assert (reply.status_code, readable(reply, OTHER)) == (200, False)


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/digits", b"no picture", 400),
        ("GET", "/nowhere", None, 404),
        ("GET", "/v2/models/nope", None, 404),
        ("PUT", "/digits", b"", 405),
        ("POST", "/digits", bytes(200_001), 413),
    ],
)
def test_errors_can_be_read(shop: Client, method: str, path: str, content: bytes | None, status: int) -> None:
    headers = {"origin": SHOP, "authorization": f"Bearer {KEY}"}
    reply = shop(method, path, content=content, headers=headers)
    assert (reply.status_code, list(reply.json()), readable(reply, SHOP)) == (status, ["error"], True)
    if path != "/nowhere" and status != 405:
        del headers["authorization"]
        reply = shop(method, path, content=content, headers=headers)
        assert (reply.status_code, readable(reply, SHOP)) == (401, True)


def test_another_site_may_not_load_models_for_all_that(shop: Client) -> None:
    headers = {"origin": SHOP, "authorization": f"Bearer {KEY}"}
    reply = shop("POST", "/v2/repository/models/lenet5/load", headers=headers)
    assert (reply.status_code, readable(reply, SHOP)) == (403, True)


def test_any_site(models: Path) -> None:
    with running(models, cors_origins=("*",)) as (_, client):
        assert may_ask(client("OPTIONS", "/digits", headers={"origin": OTHER, **PREFLIGHT}), OTHER)
        assert readable(client("GET", "/v2", headers={"origin": OTHER}), OTHER)


def test_none_by_default(client: Client) -> None:
    reply = client("OPTIONS", "/digits", headers={"origin": SHOP, **PREFLIGHT})
    assert (reply.status_code, readable(reply, SHOP)) == (405, False)
    reply = client("POST", "/digits", content=png(seven()), headers={"origin": SHOP})
    assert not [name for name in reply.headers if re.match("access-control", name)]
