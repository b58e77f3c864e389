"""The page, its documentation and its interface behind a proxy that shows the service under a path."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import uvicorn
from playwright.sync_api import Browser

from serving.app import build_app
from serving.errors import CheckreaderError
from serving.http.connection import uvicorn_config
from serving.settings import Settings
from tests.conftest import Client
from tests.serving.web.conftest import Tab
from tests.support.page_actions import SEVEN, wait_for_reading
from tests.support.service import running
from tests.support.tiny import png, seven

PREFIX = "/tools/checkreader"


@contextlib.contextmanager
def listening(models: Path, root_path: str) -> Iterator[int]:
    """A service in a thread; yields its port."""
    app = build_app(Settings(models=models, root_path=root_path))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(**uvicorn_config(app)))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


class Proxy(ThreadingHTTPServer):
    """Forwards what lies under `PREFIX` and answers 404 to everything else, as a site with other tools does."""

    daemon_threads = True

    def __init__(self, port: int, strips: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Forwarder)
        self.upstream, self.strips = port, strips
        self.address = f"http://127.0.0.1:{self.server_address[1]}"


class _Forwarder(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        self.forward()

    def do_POST(self) -> None:
        self.forward()

    def forward(self) -> None:
        path = self.path.removeprefix(PREFIX)
        if path == self.path or not (path == "" or path[0] in "/?"):
            return self.send_error(404)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        target = (path if path.startswith("/") else f"/{path}") if self.server.strips else self.path
        connection = HTTPConnection("127.0.0.1", self.server.upstream, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "accept-encoding"}
        connection.request(self.command, target, body or None, headers)
        reply = connection.getresponse()
        content = reply.read()
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in ("date", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        connection.close()

    def log_message(self, *message: object) -> None:
        """Says nothing."""


@contextlib.contextmanager
def proxied(models: Path, strips: bool, root_path: str) -> Iterator[str]:
    """The address of a proxy in front of a service."""
    with listening(models, root_path) as port:
        proxy = Proxy(port, strips)
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield proxy.address
        finally:
            proxy.shutdown()
            thread.join()
            proxy.server_close()


def assets(page: str, text: str) -> list[str]:
    """The addresses of everything that a page of that address names."""
    return [
        urljoin(page, name) for name in re.findall(r'(?:href|src)="([^"#][^"]*)"', text) if ":" not in name
    ]


def fetch(client: Client, address: str) -> str:
    reply = client("GET", urlsplit(address).path)
    assert reply.status_code == 200, (address, reply.text)
    return reply.text


@pytest.mark.parametrize("page", [f"{PREFIX}/", PREFIX])
def test_where_the_proxy_leaves_the_prefix(models: Path, page: str) -> None:
    with running(models, root_path=PREFIX) as (_, client):
        addresses = assets(page, fetch(client, page))
        assert len(addresses) >= 11
        for address in addresses:
            assert address.startswith(f"{PREFIX}/")
            fetch(client, address)
        (docs,) = (address for address in addresses if address.endswith("docs"))
        assert assets(docs, fetch(client, docs)) == [f"{PREFIX}/openapi.json", f"{PREFIX}/"]
        document = client("GET", f"{PREFIX}/openapi.json").json()
        assert document["servers"] == [{"url": PREFIX}]
        for path in ("/digits", "/web/normalized"):
            assert client("POST", f"{PREFIX}{path}", content=png(seven())).status_code == 200
        headers = {"inference-header-content-length": "0"}
        infer = f"{PREFIX}/v2/models/lenet5/infer"
        assert client("POST", infer, content=bytes(3136), headers=headers).status_code == 200
        assert client("GET", f"{PREFIX}/nowhere").status_code == 404
        assert client("GET", f"{PREFIX}docs").status_code == 404  # another path that begins like it


def test_where_the_proxy_strips_the_prefix(models: Path) -> None:
    """The service sees its own paths; what it names has to begin with the prefix, also for a page without slash."""
    for root_path, page in ((PREFIX, f"{PREFIX}/"), (PREFIX, PREFIX), ("", f"{PREFIX}/")):
        with running(models, root_path=root_path) as (_, client):
            for address in assets(page, fetch(client, "/")):
                assert address.startswith(f"{PREFIX}/")
                fetch(client, address.removeprefix(PREFIX))
            docs = assets(f"{PREFIX}/docs", fetch(client, "/docs"))
            assert docs == [f"{PREFIX}/openapi.json", f"{PREFIX}/"]
            servers = client("GET", "/openapi.json").json()["servers"]
            assert servers == [{"url": root_path or "/"}]


@pytest.mark.parametrize("root_path", ["/v2", "/digits/x", "/web", "/docs"])
def test_a_prefix_that_is_a_path_of_the_service(models: Path, root_path: str) -> None:
    with pytest.raises(CheckreaderError, match="begins as a path of the service itself"):
        build_app(Settings(models=models, root_path=root_path))


@pytest.mark.parametrize(
    ("strips", "root_path", "path"),
    [(True, "", "/"), (True, PREFIX, "/"), (True, PREFIX, ""), (False, PREFIX, "/"), (False, PREFIX, "")],
)
def test_in_a_browser(browser: Browser, complete: Path, strips: bool, root_path: str, path: str) -> None:
    with proxied(complete, strips, root_path) as address:
        tab = Tab.new(browser, 1280, 900)
        tab.open(f"{address}{PREFIX}{path}")
        tab.stroke("#paper", SEVEN)
        wait_for_reading(tab, "7")
        tab.until("document.querySelectorAll('.layer').length === 8")
        tab.page.locator("label:has([value=browser])").click()
        tab.until("document.querySelectorAll('#times tr').length === 2")
        tab.page.locator("nav a").click()
        tab.until(
            "document.title.startsWith('checkreader ') && document.querySelectorAll('section').length > 10"
        )
        assert tab.page.url == f"{address}{PREFIX}/docs"
        tab.page.locator("a", has_text="openapi.json").click()
        tab.until('document.body.textContent.includes(\'"openapi":"3.1.0"\')')
        asked = {url for url in tab.requests if not url.startswith(("data:", f"{address}{PREFIX}"))}
        # A document without a head, as the last one, lets the browser look for an icon where the host's is.
        complaints = [text for text in tab.complaints if not text.endswith("/favicon.ico")]
        assert (complaints, asked) == ([], set())
        tab.close()
