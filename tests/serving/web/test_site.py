"""The page's files as the service sends them."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.routing import Route

from serving.app import build_app
from serving.engine.statistics import Counts
from serving.http.admission import AdmissionControl
from serving.http.asgi import Endpoint
from serving.images.codec import decode
from serving.images.digit import normalize
from serving.repository.store import Repository
from serving.settings import Settings
from serving.web.site import Site
from tests.conftest import Client
from tests.support import screenshots
from tests.support.paths import ROOT
from tests.support.tiny import png, seven, tiff

FOLDER = ROOT / "serving" / "web" / "static"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
MODULE = b"\0asm" + bytes(100) + b"not really"


@pytest.fixture
def spoiled(own_models: Path, edit_manifest: Callable[..., None]) -> Callable[[bytes], Path]:
    """Models whose manifest names `MODULE` while the given bytes lie there."""

    def write(code: bytes) -> Path:
        (own_models / "edge").mkdir()
        (own_models / "edge/lenet5.wasm").write_bytes(code)
        digest = hashlib.sha256(MODULE).hexdigest()
        entry = {
            "path": "edge/lenet5.wasm",
            "sha256": digest,
            "bytes": len(MODULE),
            "format": "wasm",
            "runtime": "wasm",
        }
        edit_manifest(lambda content: content["models"]["lenet5"]["artifacts"].append(entry))
        return own_models

    return write


@pytest.fixture
def started() -> Iterator[Callable[[Path], Client]]:
    with asyncio.Runner() as runner:
        yield lambda models: Client(build_app(Settings(models=models)), runner)


def first_paths(client: Client) -> list[str]:
    """Returns the paths of the first load: the page, the files that it names, and those that its modules name."""
    paths = ["/"]
    for path in paths:
        text = client("GET", path).text
        names = [f"/{name}" for name in re.findall(r'(?:href|src)="(web/[^"]+)"', text)]
        names += [f"/web/{name}" for name in re.findall(r'from "\./([^"]+)"', text)]
        paths += [path for path in dict.fromkeys(names) if path not in paths]
    return paths


def test_what_the_page_names_is_there(client) -> None:
    paths = first_paths(client)
    files = {file.name for file in FOLDER.iterdir() if file.suffix in TYPES} - {"docs.html", "index.html"}
    assert set(paths) == {"/", *(f"/web/{name}" for name in files)}  # and nothing that nobody uses
    for path in paths:
        reply = client("GET", path)
        assert reply.status_code == 200
        assert reply.headers["content-type"] == TYPES[Path(path).suffix or ".html"]


def test_every_module_is_fetched_at_once(client) -> None:
    page = client("GET", "/").text
    for file in FOLDER.glob("*.js"):
        assert f'="web/{file.name}"' in page, "a module that another one names is found a round trip later"


def test_nothing_is_loaded_from_elsewhere() -> None:
    for file in FOLDER.iterdir():
        if file.suffix in TYPES:
            assert not re.search(r"https?:|[\"'(]//|@import", file.read_text()), file.name


def test_policy(client) -> None:
    for path in first_paths(client):
        headers = client("GET", path).headers
        policy = dict(
            directive.strip().partition(" ")[::2]
            for directive in headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == "'self'"
        assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
        assert policy["frame-ancestors"] == "'none'"
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-cache"
    assert not re.search(r"<style|style=|\son\w+=", client("GET", "/").text)  # which the policy forbids


@pytest.mark.parametrize(
    ("accepted", "packed"), [("gzip, br", True), ("identity", False), ("", False), ("gzip;q=0", False)]
)
def test_compression(client, accepted: str, packed: bool) -> None:
    plain = client("GET", "/web/page.css", headers={"accept-encoding": "identity"})
    reply = client("GET", "/web/page.css", headers={"accept-encoding": accepted})
    assert reply.headers.get("content-encoding") == ("gzip" if packed else None)
    assert reply.headers["vary"] == "accept-encoding"
    assert reply.content == plain.content == (FOLDER / "page.css").read_bytes()
    assert (int(reply.headers["content-length"]) < len(plain.content)) is packed
    assert (reply.headers["etag"] != plain.headers["etag"]) is packed


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_what_is_known_is_not_sent_again(client, encoding: str) -> None:
    headers = {"accept-encoding": encoding}
    tag = client("GET", "/", headers=headers).headers["etag"]
    for tags in (tag, f'"other", W/{tag}', "*"):
        reply = client("GET", "/", headers={**headers, "if-none-match": tags})
        assert (reply.status_code, reply.content, reply.headers["etag"]) == (304, b"", tag)
        assert "content-length" not in reply.headers
    assert client("GET", "/", headers={**headers, "if-none-match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/web/none.js",
        "/web/docs.html",
        "/web/__init__.py",
        "/web/..%2f__init__.py",
        "/web/golden/none.png",
        "/web/golden/..%2fdigits.json",
    ],
)
def test_unknown_names(client, path: str) -> None:
    reply = client("GET", path)
    assert reply.status_code == 404
    assert set(reply.json()) == {"error"}


def test_the_documentation_is_linked(client) -> None:
    assert 'href="docs"' in client("GET", "/").text


def test_what_the_page_may_offer(client, models: Path) -> None:
    offered = client("GET", "/web/models.json").json()
    assert offered["max_body"] == 200_000
    assert (offered["digit"]["model"], offered["field"]["model"]) == ("lenet5", "lenet5-field")
    assert [threshold["max_error"] for threshold in offered["digit"]["thresholds"]] == [0.001, 0.01, 0.1]
    assert (offered["digit"]["max_error"], offered["field"]["max_error"]) == (0.01, 0.01)
    assert offered["features"] == "lenet5-features"
    assert offered["browser"] is None
    assert offered["no_browser"] == "this release has no model in WebAssembly"
    assert offered["digits"] == [{"file": "7a.png", "text": "7"}, {"file": "7b.png", "text": "7"}]
    assert offered["fields"] == [{"file": "field-a.png", "text": "12.50"}]
    for sample in offered["digits"] + offered["fields"]:
        reply = client("GET", f"/web/golden/{sample['file']}")
        assert reply.headers["content-type"] == "image/png"
        assert reply.content == (models / "golden" / sample["file"]).read_bytes()


def test_one_model_alone(own_models: Path) -> None:
    with asyncio.Runner() as runner:
        client = Client(build_app(Settings(models=own_models, only=("lenet5-field",))), runner)
        offered = client("GET", "/web/models.json").json()
    assert (offered["digit"], offered["features"]) == (None, None)
    assert offered["field"]["model"] == "lenet5-field"


def test_what_the_networks_see(client) -> None:
    picture, other = png(seven()), png(seven(60, 200, 30))
    files = [("a", ("a.png", picture)), ("b", ("b.png", other))]
    reply = client("POST", "/web/normalized", files=files)
    assert reply.headers["content-type"] == "application/octet-stream"
    pixels = np.frombuffer(reply.content, np.uint8).reshape(2, 28, 28)
    np.testing.assert_array_equal(pixels, [normalize(decode(encoded)) for encoded in (picture, other)])
    reply = client("POST", "/web/normalized?crop=0,0,30,40", content=picture)
    np.testing.assert_array_equal(
        np.frombuffer(reply.content, np.uint8).reshape(28, 28), normalize(decode(picture)[:, :30])
    )


def test_what_the_networks_see_of_a_page(client) -> None:
    pages = [seven(), seven(60, 200, 30)]
    rows = [normalize(np.asarray(page)) for page in pages]
    for query, expected in (("", rows), ("?page=1", rows[:1]), ("?page=2", rows[1:])):
        reply = client("POST", f"/web/normalized{query}", content=tiff(*pages))
        np.testing.assert_array_equal(np.frombuffer(reply.content, np.uint8).reshape(-1, 28, 28), expected)
    # The part of a page may lie outside of another.
    reply = client("POST", "/web/normalized?page=2&crop=0,0,50,50", content=tiff(*pages))
    assert reply.status_code == 200


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [
        ("", b"%PDF-1.7", 400),
        ("?page=2", png(seven()), 400),
        ("?page=0", png(seven()), 400),
        ("?page=x", png(seven()), 400),
        ("", b"", 400),
        ("?crop=0,0,1", png(seven()), 400),
        ("?model=lenet5", png(seven()), 400),
        ("", bytes(200_001), 413),
    ],
)
def test_what_they_cannot_see(client, query: str, body: bytes, status: int) -> None:
    reply = client("POST", f"/web/normalized{query}", content=body)
    assert reply.status_code == status
    assert set(reply.json()) == {"error"}


def test_the_module(spoiled, started) -> None:
    client = started(spoiled(MODULE))
    module = client("GET", "/web/models.json").json()["browser"]
    assert (module["model"], module["version"], module["max_error"]) == ("lenet5", "1", 0.01)
    assert module["plain"] == {"path": "/web/lenet5.wasm", "bytes": len(MODULE)}
    assert module["simd"] is None
    assert [threshold["max_error"] for threshold in module["thresholds"]] == [0.001, 0.01, 0.1]
    reply = client("GET", module["plain"]["path"])
    assert (reply.headers["content-type"], reply.content) == ("application/wasm", MODULE)


def test_both_modules(spoiled, started, edit_manifest) -> None:
    """A browser chooses: one without SIMD refuses the other file as a whole."""
    models, simd = spoiled(MODULE), MODULE + b"!"
    (models / "edge/lenet5-simd.wasm").write_bytes(simd)
    entry = {
        "path": "edge/lenet5-simd.wasm",
        "sha256": hashlib.sha256(simd).hexdigest(),
        "bytes": len(simd),
        "format": "wasm_simd",
        "runtime": "wasm",
    }
    edit_manifest(lambda content: content["models"]["lenet5"]["artifacts"].insert(0, entry))
    client = started(models)
    module = client("GET", "/web/models.json").json()["browser"]
    assert [client("GET", module[kind]["path"]).content for kind in ("plain", "simd")] == [MODULE, simd]
    assert module["simd"] == {"path": "/web/lenet5-simd.wasm", "bytes": len(simd)}


@pytest.mark.parametrize("code", [MODULE[:-1] + b"?", None], ids=["another", "missing"])
def test_a_module_that_was_not_released_is_refused(spoiled, started, caplog, code: bytes | None) -> None:
    models = spoiled(code or b"")
    if code is None:
        (models / "edge/lenet5.wasm").unlink()
    with caplog.at_level(logging.WARNING, "checkreader"):
        client = started(models)
    assert "lenet5.wasm is " in caplog.text
    offered = client("GET", "/web/models.json").json()
    assert offered["browser"] is None
    assert offered["no_browser"] == "the file of lenet5 on this server is not the one that was released"
    reply = client("GET", "/web/lenet5.wasm")
    assert reply.status_code == 404
    assert "not the one that was released" in reply.json()["error"]
    assert client("POST", "/digits", content=png(seven())).status_code == 200


def test_another_release_is_shown(models: Path, spoiled) -> None:
    plane = build_app(Settings(models=models)).plane
    site = Site(plane, Repository.open(models))
    site.show_release(Repository.open(spoiled(MODULE)))
    with asyncio.Runner() as runner:
        app = Starlette(
            routes=[
                Route(path, Endpoint(handler, path, AdmissionControl(Counts())), methods=[method])
                for method, path, handler in site.routes()
            ]
        )
        assert Client(app, runner)("GET", "/web/lenet5.wasm").content == MODULE


@pytest.mark.parametrize("name", ["page.png", "page-phone.png"])
def test_the_documents_show_this_page(name: str) -> None:
    with Image.open(ROOT / "docs" / name) as picture:
        assert picture.info.get(screenshots.HASH) == screenshots.page_hash(), "run `make page-picture`"


def test_the_first_load_is_small(complete: Path, started) -> None:
    client = started(complete)
    offered = client("GET", "/web/models.json").json()
    total = 0
    for path in [*first_paths(client), "/web/models.json", offered["browser"]["simd"]["path"]]:
        reply = client("GET", path, headers={"accept-encoding": "gzip"})
        head = sum(len(name) + len(value) + 4 for name, value in reply.headers.raw) + len(
            "HTTP/1.1 200 OK\r\n\r\n"
        )
        total += head + int(reply.headers["content-length"])
    assert total <= 150_000
