"""Clients that misbehave, over real sockets: each gets its status and `{"error": …}`, and the next one is served."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import itertools
import logging
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import uvicorn
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from serving.app import App, build_app
from serving.engine.served_model import add_queue
from serving.http import connection
from serving.settings import Settings
from tests.hostile.test_pictures import FORM, INFER, SEVEN, bomb, error, part
from tests.support.tiny import png, seven

PATIENCE = 20  # s until a test gives up on what should come at once
VERSIONED = "/v2/models/lenet5/versions/1/infer"
PREDICT = "/v1/models/lenet5:predict"
LENGTH = "Inference-Header-Content-Length"
TENSORS = (INFER, VERSIONED, PREDICT, "/v1/models/lenet5/versions/1:predict")


@dataclass
class Reply:
    status_code: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    def json(self) -> Any:
        return msgspec.json.decode(self.content)


class Wire:
    """A connection, by its bytes."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.file = self.socket.makefile("rb")

    def send(self, data: bytes) -> Wire:
        """Sends; a service that has heard enough may hang up meanwhile."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(data)
        return self

    def post(self, path: str, body: bytes = b"", **headers: str) -> Wire:
        return self.send(message("POST", path, body, headers))

    def get(self, path: str) -> Wire:
        return self.send(message("GET", path))

    def reply(self, empty: bool = False) -> Reply:
        """The next reply; `empty` if its Content-Length is of what a GET would have got."""
        line = self.file.readline()
        assert line.startswith(b"HTTP/1.1 "), line
        headers = {}
        while entry := self.file.readline().strip():
            name, _, value = entry.decode().partition(": ")
            headers[name.lower()] = value
        size = 0 if empty or line.startswith(b"HTTP/1.1 100") else int(headers["content-length"])
        content = self.file.read(size)
        assert len(content) == size
        return Reply(int(line.split()[1]), headers, content)

    def ended(self) -> bool:
        """Whether the service hung up, having said all."""
        with contextlib.suppress(ConnectionError):
            return self.file.read(1) == b""
        return True

    def close(self) -> None:
        self.file.close()
        self.socket.close()


def message(method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    given = {"Host": "checkreader", "Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


class Service:
    """The application behind uvicorn in a thread."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self._server = uvicorn.Server(uvicorn.Config(**connection.uvicorn_config(app), log_config=None))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]})
        self._thread.start()
        self._wires: list[Wire] = []

    def wire(self) -> Wire:
        self._wires.append(Wire(self.port))
        return self._wires[-1]

    def hang_up(self) -> None:
        while self._wires:
            self._wires.pop().close()

    def stop(self) -> None:
        self.hang_up()
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        self._listener.close()
        assert not self._thread.is_alive()


def works(service: Service) -> None:
    """A new connection is answered."""
    reply = service.wire().post(INFER, infer()).reply()
    assert reply.status_code == 200, reply.text
    assert reply.json()["outputs"][0]["shape"] == [1, 10]


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing that a client does is an error of ours."""
    yield
    assert not [one.getMessage() for one in caplog.get_records("call") if one.levelno >= logging.ERROR]


@pytest.fixture(scope="module")
def shared(models: Path) -> Iterator[Service]:
    service = Service(build_app(Settings(models=models, max_body=400_000, max_rows=8, max_pictures=3)))
    yield service
    service.stop()


@pytest.fixture
def service(shared: Service, quiet: None) -> Iterator[Service]:
    """A service with small limits, which serves the next client whatever the test did."""
    yield shared
    shared.hang_up()
    works(shared)
    shared.hang_up()


@pytest.fixture
def serve(models: Path, quiet: None) -> Iterator[Callable[..., Service]]:
    """Starts a service of the test's own."""
    started: list[Service] = []

    def start(**settings: Any) -> Service:
        started.append(Service(build_app(Settings(models=models, only=("lenet5",), **settings))))
        return started[-1]

    yield start
    for service in started:
        service.stop()


class Gate:
    """Serves lenet5 so that every batch waits until it is let through, and records batches and requests."""

    def __init__(self, service: Service) -> None:
        self._service, plane = service, service.app.plane
        loaded = plane.models["lenet5"].loaded
        self.run = loaded.network.run
        held = dataclasses.replace(loaded, network=dataclasses.replace(loaded.network, run=self._held))
        served = add_queue(held, plane.models["lenet5"].statistics, plane.settings)
        self._batcher, self._submit = served.batcher, served.batcher.submit
        self._batcher.submit = self._counted  # type: ignore[method-assign]
        plane.swap({"lenet5": served}, {}, "lenet5")
        self.batches: list[list[int]] = []  # the level of each row, 0–255
        self.started = threading.Semaphore(0)
        self.submitted = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)  # requests answered, refused or given up
        self._let = threading.Semaphore(0)

    def let(self, batches: int = 1000) -> None:
        self._let.release(batches)

    def fill(self) -> list[Wire]:
        """As many requests of level 1 as run at once: what comes after them waits."""
        wires: list[Wire] = []
        while not self._batcher.busy:
            wires.append(self._service.wire().post(INFER, infer(1)))
            await_(self.started)
            await_(self.submitted)
        return wires

    @property
    def rows(self) -> list[int]:
        return list(itertools.chain.from_iterable(self.batches))

    def _held(self, image: np.ndarray) -> Any:
        self.batches.append([round(255 * float(row.max())) for row in image])
        self.started.release()
        assert self._let.acquire(timeout=PATIENCE)
        return self.run(image)

    def _counted(self, image: np.ndarray, timeout: float | None = None, continued: bool = False) -> Any:
        answer = self._submit(image, timeout, continued)
        answer.add_done_callback(lambda done: self.ended.release())
        self.submitted.release()
        return answer


@pytest.fixture
def gated(serve) -> Iterator[Callable[..., tuple[Service, Gate]]]:
    gates = []

    def start(**settings: Any) -> tuple[Service, Gate]:
        service = serve(**settings)
        gates.append(Gate(service))
        return service, gates[-1]

    yield start
    for gate in gates:
        gate.let()


def await_(event: threading.Semaphore, times: int = 1) -> None:
    for _ in range(times):
        assert event.acquire(timeout=PATIENCE)


def tensor(level: int = 0, rows: int = 1, **changes: object) -> dict[str, Any]:
    data = [level] * 784 * rows
    return {"name": "image", "datatype": "UINT8", "shape": [rows, 28, 28, 1], "data": data} | changes


def infer(level: int = 0, rows: int = 1, **rest: object) -> bytes:
    return msgspec.json.encode({"inputs": [tensor(level, rows)], **rest})


def predict(level: int = 0) -> bytes:
    return msgspec.json.encode({"instances": [[[level / 255] * 28] * 28]})


# Slow clients


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEADER_TIMEOUT", 0.1)
    monkeypatch.setattr(connection, "BODY_TIMEOUT", 0.1)


@pytest.mark.parametrize(
    "head", [b"", b"POST", b"GET /v2 HTTP/1.1\r\n", b"POST /digits HTTP/1.1\r\nHost: checkreader\r\nContent-"]
)
def test_slow_headers(hasty, service: Service, head: bytes) -> None:
    wire = service.wire().send(head)
    assert "headers did not arrive within 0.1 s" in error(wire.reply(), 408)
    assert wire.ended()


def test_slow_headers_of_a_second_request(hasty, service: Service) -> None:
    wire = service.wire().get("/v2")
    assert wire.reply().status_code == 200
    assert "headers did not arrive" in error(wire.send(b"GET /v2 HT").reply(), 408)
    assert wire.ended()


def test_headers_that_trickle(hasty, service: Service) -> None:
    """The clock does not start anew with each byte."""
    wire = service.wire().send(b"GET /v2 HTTP/1.1\r\nX: ")
    while not select.select([wire.socket], [], [], 0.01)[0]:
        wire.send(b"x")
    error(wire.reply(), 408)


@pytest.mark.parametrize(
    ("request_", "more"),
    [
        (message("GET", "/v2"), b"\r\n"),
        (message("POST", "/nothing", b"x", {"Content-Length": "1000"}), b"x"),
    ],
    ids=["blank lines", "the rest of a refused body"],
)
def test_what_begins_no_request_keeps_no_connection(
    hasty, service: Service, request_: bytes, more: bytes
) -> None:
    wire = service.wire().send(request_)
    assert wire.reply().status_code in (200, 404)
    wire.socket.settimeout(8)  # beyond uvicorn's own 5 s for an idle connection
    with contextlib.suppress(ConnectionError):
        wire.send(more).file.read()  # to the end, 408 or not


@pytest.mark.parametrize("path", ["/digits", "/fields", *TENSORS])
@pytest.mark.parametrize("begun", [b"", b'{"inputs":['], ids=["nothing", "some"])
def test_slow_body(hasty, service: Service, path: str, begun: bytes) -> None:
    wire = service.wire().post(path, begun, **{"Content-Length": "100"})
    assert "the request's body did not arrive within 0.1 s" in error(wire.reply(), 408)
    assert wire.ended()
    works(service)


def test_body_that_trickles(hasty, service: Service) -> None:
    wire = service.wire().post("/digits", b"x", **{"Content-Length": "100000"})
    while not select.select([wire.socket], [], [], 0.01)[0]:
        wire.send(b"x")
    error(wire.reply(), 408)


# Clients that send on, and clients that end their side


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/digits", {}, 413),
        (INFER, {}, 413),
        ("/digits", {"Content-Encoding": "br"}, 415),
        ("/nothing", {}, 404),
        ("/v2", {}, 405),
        ("/nothing", {"Connection": "close"}, 404),
        ("/v2", {"Connection": "close"}, 405),
        ("/digits", {"Host": "a b"}, 400),
    ],
)
def test_a_refusal_is_read_after_all_was_sent(
    service: Service, path: str, headers: dict[str, str], status: int
) -> None:
    wire = service.wire()
    wire.socket.sendall(message("POST", path, bytes(8_000_000), headers))  # no part of it fails
    error(wire.reply(), status)


def test_no_key_is_told_after_all_was_sent(serve, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("a-key-that-is-long-enough\n")
    wire = serve(api_keys=keys).wire()
    wire.socket.sendall(message("POST", "/digits", bytes(8_000_000)))
    error(wire.reply(), 401)


@pytest.mark.parametrize("path", ["/digits", "/fields", *TENSORS])
def test_half_closed(service: Service, path: str) -> None:
    body = SEVEN if path in ("/digits", "/fields") else predict() if path.endswith("predict") else infer()
    wire = service.wire().post(path, body)
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.reply().status_code == 200
    assert wire.ended()


def test_half_closed_behind_others(service: Service) -> None:
    wire = service.wire().send(3 * message("POST", INFER, infer()))
    wire.socket.shutdown(socket.SHUT_WR)
    assert [wire.reply().status_code for _ in range(3)] == [200] * 3
    assert wire.ended()


@pytest.mark.parametrize("begun", [b"POST /dig", message("POST", "/digits", b"x", {"Content-Length": "9"})])
def test_half_closed_too_early(service: Service, begun: bytes) -> None:
    wire = service.wire().send(begun)
    wire.socket.shutdown(socket.SHUT_WR)
    assert error(wire.reply()) == "the request ended before it was complete"
    assert wire.ended()


def test_half_closed_in_the_queue(gated) -> None:
    """While it waits, it gets no more than an interim response, which HTTP/1.1 lets it drop."""
    service, gate = gated()
    first = gate.fill()
    half = service.wire().post(INFER, infer(2))
    half.socket.shutdown(socket.SHUT_WR)
    assert half.reply().status_code == 100
    gate.let()
    assert half.reply().status_code == 200
    assert [wire.reply().status_code for wire in first] == [200] * len(first)


# Clients that go away


@pytest.mark.parametrize("path", ["/digits", "/fields", *TENSORS])
@pytest.mark.parametrize("abrupt", [False, True])
def test_short_body_and_disconnect(gated, path: str, abrupt: bool) -> None:
    service, gate = gated()
    gate.let()
    wire = service.wire().post(path, infer(5), **{"Content-Length": "100000"})
    if abrupt:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()
    works(service)
    assert gate.batches == [[0]]


@pytest.mark.parametrize("path", ["/digits", *TENSORS])
def test_disconnect_in_the_queue(gated, path: str) -> None:
    service, gate = gated()
    first = gate.fill()
    body = SEVEN if path == "/digits" else predict(2) if path.endswith("predict") else infer(2)
    gone = service.wire().post(path, body)
    await_(gate.submitted)
    kept = service.wire().post(INFER, infer(3))
    await_(gate.submitted)
    gone.close()
    await_(gate.ended)  # nothing else can have ended
    gate.let()
    assert [wire.reply().status_code for wire in (*first, kept)] == [200] * (len(first) + 1)
    assert gate.rows == [1] * len(first) + [3]
    works(service)


def test_disconnect_in_mid_batch(gated) -> None:
    service, gate = gated()
    first = gate.fill()
    gone = service.wire().post(INFER, infer(2))
    await_(gate.submitted)
    kept = service.wire().post(INFER, infer(3))
    await_(gate.submitted)
    gate.let(1)
    await_(gate.ended)
    await_(gate.started)
    gone.close()
    await_(gate.ended)
    gate.let()
    assert [wire.reply().status_code for wire in first] == [200] * len(first)
    assert kept.reply().json()["outputs"][0]["data"] == answer(service, 3)
    assert gate.batches[: len(first) + 1] == [[1]] * len(first) + [[2, 3]]
    works(service)


def answer(service: Service, level: int) -> list[float]:
    """What a request that is alone gets."""
    return service.wire().post(INFER, infer(level)).reply().json()["outputs"][0]["data"]


# Too much at once


def test_full_queue(gated) -> None:
    service, gate = gated(queue_rows=4)
    first = gate.fill()
    waiting = service.wire().post(INFER, infer(2, rows=4))
    await_(gate.submitted)
    for path, body in ((INFER, infer(3)), (PREDICT, predict(3)), ("/digits", SEVEN)):
        refused = service.wire().post(path, body)
        reply = refused.reply()
        assert "too many requests: 4 rows are waiting" in error(reply, 503)
        assert reply.headers["retry-after"] == "1"
        assert refused.get("/v2").reply().status_code == 200  # on the same connection
    gate.let()
    assert [wire.reply().status_code for wire in (*first, waiting)] == [200] * (len(first) + 1)
    works(service)
    assert gate.rows == [1] * len(first) + [2] * 4 + [0]


def test_timeout_in_the_queue(gated) -> None:
    service, gate = gated()
    first = gate.fill()
    late = service.wire().post(INFER, infer(2, parameters={"timeout": 1000}))
    patient = service.wire().post(INFER, infer(3, parameters={"timeout": 60_000_000}))
    assert "waited longer than its timeout of 0.001 s" in error(late.reply(), 504)
    await_(gate.submitted, 2)
    gate.let()
    assert [wire.reply().status_code for wire in (*first, patient)] == [200] * (len(first) + 1)
    works(service)
    assert gate.rows == [1] * len(first) + [3, 0]


@pytest.mark.parametrize(("path", "body"), [(INFER, infer(2)), (PREDICT, predict(2)), ("/digits", SEVEN)])
def test_the_services_own_timeout(gated, path: str, body: bytes) -> None:
    service, gate = gated(queue_timeout=0.05)
    first = gate.fill()
    error(service.wire().post(path, body).reply(), 504)
    gate.let()
    assert [wire.reply().status_code for wire in first] == [200] * len(first)
    assert gate.rows == [1] * len(first)


def test_200_connections(gated) -> None:
    """All of them at once; each gets its own answer."""
    service, gate = gated()
    wires = [service.wire() for _ in range(200)]
    for level, wire in enumerate(wires):
        wire.post(INFER, infer(level))
    await_(gate.submitted, len(wires))
    gate.let()
    answers = [wire.reply().json()["outputs"][0]["data"] for wire in wires]
    images = np.repeat(np.arange(200), 784).reshape(200, 28, 28, 1).astype(np.float32) / np.float32(255)
    (expected,) = gate.run(images)
    np.testing.assert_allclose(answers, expected, rtol=1e-4, atol=1e-6)
    assert not np.allclose(expected[0], expected[199])
    assert sorted(gate.rows) == list(range(200))
    works(service)


# What is no HTTP, or just about


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"\0" * 100,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /v2 HTTP/9.9\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n",
        b"GET /v2 HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST /digits HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST /digits HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /digits HTTP/1.1\r\nContent-Length: 1" + b"0" * 5000 + b"\r\n\r\n",
        b"POST /digits HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /digits HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /digits HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
def test_garbage(service: Service, sent: bytes) -> None:
    wire = service.wire().send(sent)
    assert error(wire.reply()) == "not an HTTP request: expected HTTP/1.1"
    assert wire.ended()


@examples(max_examples=40, deadline=None)
@given(st.binary(min_size=1, max_size=60))
def test_any_bytes_on_a_socket(shared: Service, sent: bytes) -> None:
    wire = shared.wire().send(sent + b"\r\n\r\n")
    error(wire.reply())
    shared.hang_up()


@pytest.mark.parametrize("host", ["[", "a b", "x/v1/", "\xff", "a\r\nHost: b", "a\r\nHost: a"])
def test_strange_host(service: Service, host: str) -> None:
    wire = service.wire().send(f"GET /nothing HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1"))
    assert "Host header" in error(wire.reply())
    assert wire.ended()


def test_no_host(service: Service) -> None:
    assert "Host header" in error(service.wire().send(b"GET /v2 HTTP/1.1\r\n\r\n").reply())
    assert service.wire().send(b"GET /v2 HTTP/1.1\r\nHost:\r\n\r\n").reply().status_code == 200


def test_http_1_0(service: Service) -> None:
    wire = service.wire().send(b"GET /v2/health/live HTTP/1.0\r\n\r\n")
    assert wire.reply().json() == {"live": True}
    assert wire.ended()


def test_upgrade_is_declined(service: Service) -> None:
    """As curl --http2 asks; the request itself is answered."""
    headers = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"}
    assert service.wire().post("/digits", SEVEN, **headers).reply().status_code == 200


# One connection, many requests


def test_pipelined_requests(service: Service) -> None:
    requests = [
        (message("POST", INFER, infer(9, id="first")), 200),
        (message("GET", "/v2"), 200),
        (message("POST", INFER, b"{"), 400),
        (message("POST", "/digits", SEVEN), 200),
        (message("GET", "/nothing"), 404),
        (message("POST", INFER, infer(7, rows=8, id="last")), 200),
    ]
    wire = service.wire().send(b"".join(request for request, _ in requests))
    replies = [wire.reply() for _ in requests]
    assert [reply.status_code for reply in replies] == [status for _, status in requests]
    assert (replies[0].json()["id"], replies[-1].json()["id"]) == ("first", "last")
    assert "digits" in replies[3].json()
    error(replies[2])


def test_what_comes_before_garbage_is_answered(service: Service) -> None:
    wire = service.wire().send(2 * message("POST", INFER, infer()) + b"garbage\r\n\r\n")
    assert [wire.reply().status_code for _ in range(2)] == [200, 200]
    assert error(wire.reply()) == "not an HTTP request: expected HTTP/1.1"
    assert wire.ended()


def test_pipelined_requests_larger_than_a_read(service: Service) -> None:
    body = infer(rows=8, id="%") + b" " * 300_000
    wire = service.wire()
    requests = b"".join(message("POST", INFER, body.replace(b"%", b"%d" % number)) for number in range(4))
    sender = threading.Thread(target=wire.send, args=(requests,))
    sender.start()
    assert [wire.reply().json()["id"] for _ in range(4)] == ["0", "1", "2", "3"]
    sender.join(PATIENCE)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (message("POST", INFER, b"{"), 400),
        (message("POST", "/digits?nonsense=1", SEVEN), 400),
        (message("POST", "/digits", b"%PDF"), 400),
        (message("POST", PREDICT, b"[]"), 400),
        (message("POST", "/v2/models/nope/infer", infer()), 404),
        (message("GET", "/nothing"), 404),
        (message("GET", INFER), 405),
        (message("POST", INFER, infer(), {"Content-Encoding": "br"}), 415),
    ],
)
def test_the_connection_outlives_a_mistake(service: Service, request_: bytes, status: int) -> None:
    wire = service.wire()
    for _ in range(2):
        error(wire.send(request_).reply(), status)
        assert wire.post(INFER, infer()).reply().status_code == 200


@pytest.mark.parametrize(
    "path", ["/v2", "/v2/health/ready", "/v2/models/lenet5", "/v1/models/lenet5", "/docs", "/openapi.json"]
)
def test_head(service: Service, path: str) -> None:
    wire = service.wire().send(message("HEAD", path))
    headers = wire.reply(empty=True).headers
    reply = wire.get(path).reply()
    assert reply.status_code == 200
    assert headers["content-length"] == reply.headers["content-length"] == str(len(reply.content))


@pytest.mark.parametrize(("path", "status"), [("/digits", 405), (INFER, 405), ("/nothing", 404)])
def test_head_of_what_has_none(service: Service, path: str, status: int) -> None:
    wire = service.wire().send(message("HEAD", path))
    assert wire.reply(empty=True).status_code == status
    assert wire.get("/v2").reply().status_code == 200


# Bodies


@pytest.mark.parametrize("path", ["/digits", "/fields", *TENSORS])
def test_too_large_by_its_length(service: Service, path: str) -> None:
    wire = service.wire().post(path, b"{", **{"Content-Length": "1000000000"})
    assert "at most 400,000 bytes" in error(wire.reply(), 413)
    assert wire.ended()


@pytest.mark.parametrize("path", ["/digits", "/fields", *TENSORS])
def test_too_large_in_chunks(service: Service, path: str) -> None:
    wire = service.wire().send(
        f"POST {path} HTTP/1.1\r\nHost: checkreader\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    )
    for _ in range(5):
        wire.send(b"186a0\r\n" + bytes(100_000) + b"\r\n")
    assert "at most 400,000 bytes" in error(wire.reply(), 413)
    assert wire.ended()


def test_too_large_is_told_before_it_is_sent(service: Service) -> None:
    wire = service.wire().post("/digits", **{"Content-Length": "400001", "Expect": "100-continue"})
    error(wire.reply(), 413)
    wire = service.wire().post("/digits", **{"Content-Length": str(len(SEVEN)), "Expect": "100-continue"})
    assert wire.reply().status_code == 100
    assert wire.send(SEVEN).reply().status_code == 200


@pytest.mark.parametrize("path", ["/digits", "/fields", *TENSORS])
def test_gzip_bomb(service: Service, path: str) -> None:
    packed = gzip.compress(bytes(50_000_000))
    assert len(packed) < 100_000
    wire = service.wire().post(path, packed, **{"Content-Encoding": "gzip"})
    assert "body too large" in error(wire.reply(), 413)


@pytest.mark.parametrize("path", ["/digits", "/fields", *TENSORS])
@pytest.mark.parametrize("encoding", ["identity", "Identity", "GZIP", "X-Gzip"])
def test_encodings_have_no_case(service: Service, path: str, encoding: str) -> None:
    body = SEVEN if path in ("/digits", "/fields") else predict() if path.endswith("predict") else infer()
    packed = body if encoding.lower() == "identity" else gzip.compress(body)
    reply = service.wire().post(path, packed, **{"Content-Encoding": encoding}).reply()
    assert reply.status_code == 200, reply.text


# Pictures


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_of_many_frames_the_first_is_read(service: Service, kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    more = [seven().rotate(90), seven(ink=240)]
    body = png(seven(), kind, save_all=True, append_images=more, **options)
    reply = service.wire().post("/digits", body).reply()
    assert reply.status_code == 200, reply.text
    assert reply.json()["digits"] == service.wire().post("/digits", SEVEN).reply().json()["digits"]


def gif(count: int) -> bytes:
    frame = b"\x2c" + struct.pack("<4HB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return b"GIF89a" + struct.pack("<2H3B", 1, 1, 0x80, 0, 0) + bytes(6) + frame * count + b"\x3b"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (gif(10_000), "not a picture: expected PNG, JPEG, TIFF, BMP, WEBP"),
        (bomb(60_000, 60_000), "picture too large"),
        (bomb(9000, 9000), "picture too large: 9000×9000 pixels"),
        (SEVEN[:-30], "damaged PNG"),
    ],
    ids=["gif", "bomb", "large", "cut"],
)
def test_pictures(service: Service, body: bytes, message: str) -> None:
    status = 413 if "too large" in message else 400
    assert message in error(service.wire().post("/digits", body).reply(), status)
    form = part('form-data; name="a"; filename="a.png"', body) + b"--cut--"
    headers = {"Content-Type": FORM["content-type"]}
    assert message in error(service.wire().post("/digits", form, **headers).reply(), status)
    element = struct.pack("<I", len(body)) + body
    given = tensor(datatype="BYTES", shape=[1], parameters={"binary_data_size": len(element)})
    del given["data"]
    head = msgspec.json.encode({"inputs": [given]})
    reply = service.wire().post(INFER, head + element, **{LENGTH: str(len(head))}).reply()
    assert message in error(reply, status)
    inputs = msgspec.json.encode({"instances": [{"b64": body}]})
    assert message in error(service.wire().post(PREDICT, inputs).reply(), status)


# Tensors


def floats(value: float, rows: int = 1) -> bytes:
    image = np.zeros((rows, 28, 28, 1), np.float32)
    image[0, 5, 5, 0] = value
    return image.tobytes()


def binary(data: bytes, size: int, **changes: object) -> tuple[bytes, str]:
    """The body of a binary request and the length of its JSON."""
    given = tensor(datatype="FP32", parameters={"binary_data_size": size}) | changes
    del given["data"]
    head = msgspec.json.encode({"inputs": [given]})
    return head + data, str(len(head))


@pytest.mark.parametrize(
    ("body", "length", "message"),
    [
        (floats(np.nan), "0", "holds NaN"),
        (floats(np.inf), "0", "spans 0 to inf"),
        (floats(255), "0", "divide 8-bit pixels by 255"),
        (floats(0)[:-1], "0", "whole FP32 pictures of 3136 bytes, got 3135 bytes"),
        (floats(0) + b"x", "0", "whole FP32 pictures"),
        (b"", "0", "whole FP32 pictures"),
        (floats(0, 9), "0", "batch-size must be 1 to 8"),
        (*binary(floats(0)[:-4], 3136), "expecting 4 additional bytes"),
        (*binary(floats(0) + b"xyz", 3136), "3 bytes follow the last tensor"),
        (*binary(floats(0), 3132), "its shape takes 3136 bytes, binary_data_size is 3132"),
        (*binary(floats(0), -1), "binary_data_size is -1"),
        (*binary(floats(0), 2**62), "binary_data_size is"),
        (*binary(b"\xff\xff\xff\xff", 4, datatype="BYTES", shape=[1]), "is longer than binary_data_size"),
        (*binary(b"\x01", 1, datatype="BYTES", shape=[1]), "is longer than binary_data_size"),
        (infer(), "-1", "must be the JSON's length"),
        (infer(), "1.0", "must be the JSON's length"),
        (infer(), "", "must be the JSON's length"),
        (infer(), "x" * 1000, "must be the JSON's length"),
        (infer(), "9" * 5000, "must be the JSON's length"),
        (infer(), str(len(infer()) + 1), "must be the JSON's length"),
        (infer(), str(len(infer()) - 1), "failed to parse the request JSON"),
    ],
)
@pytest.mark.parametrize("path", [INFER, VERSIONED])
def test_binary_bodies(service: Service, path: str, body: bytes, length: str, message: str) -> None:
    assert message in error(service.wire().post(path, body, **{LENGTH: length}).reply())


@pytest.mark.parametrize("value", ["NaN", "Infinity", "255.0", "-1.0", "1e999", "1e39"])
def test_numbers_out_of_range(service: Service, value: str) -> None:
    given = tensor(datatype="FP32", data=[0.0] * 784)
    body = msgspec.json.encode({"inputs": [given]}).replace(b"0.0", value.encode(), 1)
    error(service.wire().post(INFER, body).reply())
    error(service.wire().post(PREDICT, predict().replace(b"0.0", value.encode(), 1)).reply())


LARGEST = 2**64 - 1


@pytest.mark.parametrize("shape", [[0, LARGEST], [0, 2**63], [0, 2**62, 2**62], [0] + [2**40] * 7])
@pytest.mark.parametrize(
    "given",
    [
        {"datatype": "BYTES", "data": []},
        {"datatype": "BYTES", "parameters": {"binary_data_size": 0}},
        {"name": "x", "datatype": "FP32", "data": []},
        {"name": "x", "datatype": "INT8", "parameters": {"binary_data_size": 0}},
    ],
)
def test_empty_tensors_of_huge_shape(service: Service, shape: list[int], given: dict[str, Any]) -> None:
    body = msgspec.json.encode({"inputs": [{"name": "image", "shape": shape} | given]})
    headers = {LENGTH: str(len(body))} if "parameters" in given else {}
    error(service.wire().post(INFER, body, **headers).reply())


# Paths


@pytest.mark.parametrize("verb", ["GET", "POST"])
@pytest.mark.parametrize(
    "path",
    [
        "/v1/",
        "/v1/models",
        "/v1/models/",
        "/v1/models/lenet5/",
        "/v1/models/lenet5:predict/",
        "/v1/models/lenet5/versions",
        "/v1/models/lenet5/versions/1/x",
        "/v1/models/lenet5/labels/",
        "/v1/models/a/b/c:predict",
        "/v1/nonsense",
    ],
)
def test_malformed_paths_of_tensorflow_serving(service: Service, verb: str, path: str) -> None:
    reply = service.wire().send(message(verb, path, predict() if verb == "POST" else b"")).reply()
    assert error(reply).startswith(f"Malformed request: {verb} {path};")


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("POST", "/v2/models/nope/infer", 404),
        ("POST", "/v2/models/lenet5/versions/2/infer", 404),
        ("POST", "/v2/models/lenet5/versions//infer", 404),
        ("POST", "/v1/models/nope:predict", 404),
        ("POST", "/v1/models/lenet5/versions/2:predict", 404),
        ("POST", "/v1/models/lenet5/labels/canary:predict", 404),
        ("POST", "/digits?model=nope", 404),
        ("GET", "/v2/models/nope", 404),
        ("GET", "/v2/models/nope/stats", 404),
        ("GET", "/v2/models/lenet5/versions/2/config", 404),
        ("GET", "/v1/models/nope", 404),
        ("GET", "/v1/models/lenet5/versions/2/metadata", 404),
        ("GET", "/v1/models/lenet5/labels/canary%0Ax", 404),
        ("GET", "/v2/models/%2e%2e%2f%2e%2e", 404),
        ("GET", "/v2/models/" + "x" * 20_000, 404),
        ("GET", "/digits", 405),
        ("PUT", INFER, 405),
        ("DELETE", "/v2/models/lenet5", 405),
        ("PATCH", "/v1/models/lenet5", 405),
        ("POST", "/v2/health/live", 405),
    ],
)
def test_paths(service: Service, verb: str, path: str, status: int) -> None:
    body = infer() if verb == "POST" else b""
    error(service.wire().send(message(verb, path, body)).reply(), status)


# Anything at all


POSTS = ("/digits", *TENSORS, "/v1/models/lenet5/labels/stable:predict")
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(
            [FORM["content-type"], "application/json", "image/png", "multipart/form-data; boundary=a;=", ";"]
        ),
        "content-encoding": st.sampled_from(["identity", "gzip", "deflate", "br", "gzip, gzip", ","]),
        "accept-encoding": st.sampled_from(["gzip", "deflate;q=0", "*", ";;,"]),
        LENGTH: st.sampled_from(["0", "1", "2", "10", "x", "-0"]),
    },
)
STARTS = st.sampled_from(
    [b"", b"{", b'{"inputs":', b'{"instances":', b"--cut\r\n", SEVEN[:33], b"\x1f\x8b\x08", b"[" * 2000]
)


@examples(max_examples=80, deadline=None)
@given(st.sampled_from(POSTS), STARTS, st.binary(max_size=300), HEADERS)
def test_any_body(client, path: str, start: bytes, rest: bytes, headers: dict[str, str]) -> None:
    reply = client("POST", path, content=start + rest, headers=headers)
    assert reply.status_code in (400, 413, 415), reply.text
    error(reply, reply.status_code)


SIDES = st.lists(st.sampled_from([0, 1, 2, 28, -1, 2**31, 2**62, 2**63, LARGEST]), max_size=4)
DATA = st.recursive(
    st.sampled_from([0, 1, -1, 0.5, 256, 1e300, LARGEST, None, True, "", "aGVsbG8=", "é", {"b64": ""}]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)
INPUT = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["image", "x", ""]),
        "datatype": st.sampled_from(["FP32", "UINT8", "BYTES", "INT64", "FP16", "BOOL", ""]),
        "shape": SIDES,
    },
    optional={
        "data": DATA,
        "parameters": st.dictionaries(
            st.sampled_from(["binary_data_size", "classification", "x"]),
            st.sampled_from([0, 1, -1, 0.0, LARGEST, "0", True]),
        ),
    },
)
REQUEST = st.fixed_dictionaries(
    {},
    optional={
        "inputs": st.lists(INPUT, max_size=2) | DATA,
        "instances": st.lists(DATA, max_size=3) | DATA,
        "id": st.sampled_from(["", "é", 5, None]),
        "parameters": st.dictionaries(st.sampled_from(["timeout", "binary_data_output"]), DATA),
        "outputs": st.lists(st.fixed_dictionaries({"name": st.sampled_from(["probabilities", "x"])})) | DATA,
        "signature_name": st.sampled_from(["", "serving_default", "x", 1]),
    },
)


@examples(max_examples=200, deadline=None)
@given(st.sampled_from(POSTS[1:]), REQUEST, st.booleans())
def test_any_json(client, path: str, body: dict[str, Any], whole: bool) -> None:
    content = msgspec.json.encode(body)
    headers = {LENGTH: str(len(content))} if whole else {}
    error(client("POST", path, content=content, headers=headers))


def test_endless_headers(service: Service) -> None:
    wire = service.wire().send(b"GET /v2 HTTP/1.1\r\nX: " + b"x" * 2**16)
    assert "headers are too large: at most 65,536 bytes" in error(wire.reply(), 431)
    works(service)
