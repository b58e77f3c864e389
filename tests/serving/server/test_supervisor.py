"""A service of several processes under load: released anew, a worker killed, stopped; every answer is counted."""

from __future__ import annotations

import contextlib
import http.client
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.support.paths import ROOT
from tests.support.tiny import png, seven, write_models

PICTURE = png(seven())
CLIENTS = 8
# One request, on a connection that ends with its answer.
ASKED = (
    b"POST /digits HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(PICTURE)
    + PICTURE
)


class Service:
    """`checkreader serve`; its error output is in the file `errors`."""

    def __init__(self, models: Path, *options: str) -> None:
        self.errors = models.with_name("errors")
        command = [sys.executable, "-m", "serving.cli.main", "serve", "--models", str(models), "--port", "0"]
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [*command, "--device", "cpu", *options],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        match = re.search(r"http://127\.0\.0\.1:(\d+)", self.line)
        assert match, self.errors.read_text()
        self.port = int(match[1])
        self.children = psutil.Process(self.process.pid).children()

    def get(self, path: str) -> str:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    def metric(self, name: str) -> float:
        """A metric's sum over its labels; NaN where the worker that was asked is dying."""
        try:
            text = self.get("/metrics")
        except (OSError, http.client.HTTPException):
            return math.nan
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))

    def serving(self) -> list[psutil.Process]:
        """The workers that are alive."""
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


@contextlib.contextmanager
def started(models: Path, *options: str) -> Iterator[Service]:
    service = Service(models, *options)
    try:
        yield service
    finally:
        service.process.kill()
        service.process.communicate()


@dataclass
class Load:
    """Clients that ask again and again, each over one connection as long as that lasts, or over a new one each time."""

    port: int
    requests: float = math.inf  # over one connection
    stop: threading.Event = field(default_factory=threading.Event)
    versions: list[str] = field(default_factory=list)
    failed: list[tuple[int, str]] = field(default_factory=list)  # the client's port, and what happened

    def client(self) -> None:
        while not self.stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            local_port = 0
            try:
                connection.connect()
                local_port = connection.sock.getsockname()[1]
                asked = 0
                while asked < self.requests and not self.stop.is_set():
                    asked += 1
                    connection.request("POST", "/digits", PICTURE)
                    reply = connection.getresponse()
                    body = reply.read()
                    if reply.status != 200:
                        self.failed.append((local_port, f"{reply.status} {body.decode()}"))
                    else:
                        self.versions.append(re.search(rb'"version":"(\d+)"', body)[1].decode())
            except (OSError, http.client.HTTPException) as error:
                if not self.stop.is_set():
                    self.failed.append((local_port, repr(error)))
            finally:
                connection.close()


@contextlib.contextmanager
def load(port: int, requests: float = math.inf) -> Iterator[Load]:
    traffic = Load(port, requests)
    clients = [threading.Thread(target=traffic.client) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        until(lambda: len(traffic.versions) > 10 * CLIENTS)
        yield traffic
    finally:
        traffic.stop.set()
        for client in clients:
            client.join()


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Waits for an outcome; how long it takes is not what is tested."""
    happened, ended = threading.Event(), threading.Event()
    timer = threading.Timer(seconds, ended.set)
    timer.start()
    try:
        while not holds():
            assert not ended.is_set(), "did not happen"
            happened.wait(0.01)
    finally:
        timer.cancel()


def more(traffic: Load) -> None:
    """Waits for some more answers."""
    before = len(traffic.versions)
    until(lambda: len(traffic.versions) > before + 10 * CLIENTS)


def test_a_release_under_load_fails_nobody(own_models: Path) -> None:
    with started(own_models, "--workers", "2") as service:
        assert service.line.endswith(", 2 workers\n")
        with load(service.port) as traffic:
            for version in ("2", "3"):
                write_models(own_models, version)
                until(lambda version=version: traffic.versions[-200:] == 200 * [version])
        assert traffic.failed == []
        assert set(traffic.versions) == {"1", "2", "3"}
        assert service.errors.read_text() == ""


def test_a_killed_worker_fails_its_own_clients_alone_and_is_replaced(own_models: Path) -> None:
    with started(own_models, "--workers", "2") as service, load(service.port) as traffic:
        victim = service.serving()[0]
        until(
            lambda: (
                len(theirs(victim, service.port)) + len(theirs(service.serving()[1], service.port)) >= CLIENTS
            )
        )
        others = theirs(service.serving()[1], service.port)
        lost = theirs(victim, service.port)
        victim.kill()
        until(lambda: service.metric("checkreader_worker_restarts_total") == 1)
        until(lambda: len(service.serving()) == 2 and victim not in service.serving())
        more(traffic)
        assert {port for port, _ in traffic.failed}.isdisjoint(others)
        assert len(traffic.failed) <= len(lost) + CLIENTS  # clients of the closing worker connected again
        assert service.metric("checkreader_workers") == 2
        answered = service.metric('checkreader_http_requests_total{operation="POST /digits",status="200"}')
        assert answered >= 0.5 * len(traffic.versions)  # the counts that the dead worker published are kept
        assert "worker 0 ended with status -9 and is replaced" in service.errors.read_text()


def theirs(worker: psutil.Process, port: int) -> set[int]:
    """The clients' ports of a worker's connections."""
    connections = worker.net_connections("tcp")
    return {to.raddr.port for to in connections if to.raddr and to.laddr.port == port}


def asking(port: int) -> socket.socket:
    """A client that has sent a request."""
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.sendall(ASKED)
    return client


def answer(client: socket.socket) -> bytes:
    """The first line that the client gets, before the connection ends."""
    with client, contextlib.suppress(ConnectionError):
        reply = b""
        while part := client.recv(65536):
            reply += part
        return reply.partition(b"\r\n")[0]
    return b""


def test_what_waits_at_a_killed_worker_is_answered(own_models: Path) -> None:
    """By the other, or by the one that replaces it; nothing of it was accepted."""
    with started(own_models, "--workers", "2") as service:
        victim = service.serving()[0]
        victim.suspend()
        clients = [asking(service.port) for _ in range(20)]
        assert theirs(victim, service.port) == set()
        victim.kill()
        assert [answer(client) for client in clients] == 20 * [b"HTTP/1.1 200 OK"]


def test_what_waits_at_the_only_workers_is_answered_by_those_that_replace_them(own_models: Path) -> None:
    with started(own_models, "--workers", "2") as service:
        for victim in service.serving():
            victim.suspend()
        clients = [asking(service.port) for _ in range(20)]
        for victim in service.serving():
            victim.kill()
        assert [answer(client) for client in clients] == 20 * [b"HTTP/1.1 200 OK"]


def test_a_worker_that_is_stopped_by_itself_fails_nobody(own_models: Path) -> None:
    with started(own_models, "--workers", "2") as service, load(service.port, requests=1) as traffic:
        victim = service.serving()[1]
        victim.terminate()
        until(lambda: len(service.serving()) == 2 and victim not in service.serving())
        more(traffic)
        until(lambda: service.metric("checkreader_worker_restarts_total") == 1)
        more(traffic)
        assert traffic.failed == []


@pytest.mark.parametrize("workers", ["1", "2"])
def test_connections_that_have_asked_nothing_yet_are_answered_after_sigterm(
    own_models: Path, workers: str
) -> None:
    with started(own_models, "--workers", workers) as service:
        clients = [socket.create_connection(("127.0.0.1", service.port), timeout=60) for _ in range(20)]
        service.process.send_signal(signal.SIGTERM)
        until(lambda: refused(service.port))
        for client in clients:
            client.sendall(ASKED)
        assert [answer(client) for client in clients] == 20 * [b"HTTP/1.1 200 OK"]
        assert service.process.wait(30) == 0
        assert service.errors.read_text() == ""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_waits_is_answered_after_sigterm(own_models: Path, workers: str) -> None:
    """Whoever would accept it is stopped for a moment: signals and connections wait for it together."""
    with started(own_models, "--workers", workers) as service:
        serving = service.serving() or [psutil.Process(service.process.pid)]
        for process in serving:
            process.suspend()
        clients = [asking(service.port) for _ in range(20)]
        service.process.send_signal(signal.SIGTERM)
        if workers == "2":
            until(lambda: refused(service.port))
        for process in serving:
            process.resume()
        assert [answer(client) for client in clients] == 20 * [b"HTTP/1.1 200 OK"]
        assert service.process.wait(30) == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_signals_that_end_nothing(own_models: Path, workers: str) -> None:
    with started(own_models, "--workers", workers) as service:
        for process in (psutil.Process(service.process.pid), *service.serving()):
            process.send_signal(signal.SIGUSR1)
            process.send_signal(signal.SIGUSR2)
        assert [answer(asking(service.port)) for _ in range(10)] == 10 * [b"HTTP/1.1 200 OK"]
        assert service.process.poll() is None
        assert service.errors.read_text() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_was_begun_is_finished_after_a_signal_to_stop(
    own_models: Path, workers: str, number: signal.Signals
) -> None:
    with started(own_models, "--workers", workers) as service:
        with load(service.port) as traffic:
            begun = [socket.create_connection(("127.0.0.1", service.port), timeout=30) for _ in range(6)]
            for client in begun:
                head = f"POST /digits HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {len(PICTURE)}\r\n\r\n"
                client.sendall(head.encode())
                assert client.recv(100).startswith(b"HTTP/1.1 100")  # it is inside
            traffic.stop.set()
            service.process.send_signal(number)
            until(lambda: refused(service.port))
            for client in begun:
                client.sendall(PICTURE)
            for client in begun:
                reply = b""
                while part := client.recv(65536):
                    reply += part
                assert reply.startswith(b"HTTP/1.1 200")
                client.close()
        assert traffic.failed == []
        assert service.process.wait(30) == 0
        assert psutil.wait_procs(service.children, timeout=30)[1] == []
        assert service.errors.read_text() == ""


def refused(port: int) -> bool:
    """Whether no connection is begun any more."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.1).close()
    except OSError:
        return True
    return False


def test_workers_end_with_the_one_that_watches_them(own_models: Path) -> None:
    with started(own_models, "--workers", "2") as service:
        serving = service.serving()
        service.process.kill()
        assert len(psutil.wait_procs(serving, timeout=60)[0]) == 2


def test_ctrl_c(own_models: Path) -> None:
    with started(own_models, "--workers", "2") as service:
        for process in (service.process, *service.serving()):  # as a terminal does
            os.kill(process.pid, signal.SIGINT)
        assert service.process.wait(60) == 130
        assert service.errors.read_text() == ""


def complaint(*options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "serving.cli.main", "serve", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_keeps_workers_from_starting_is_one_line(own_models: Path, workers: str) -> None:
    options = ["--models", str(own_models), "--workers", workers]
    with started(own_models, "--workers", "2") as service:
        error = complaint(*options, "--port", str(service.port))
        assert error == f"error: cannot listen on 127.0.0.1:{service.port}: Address already in use\n"
    both = complaint(*options, "--port", str(service.port), "--grpc-port", str(service.port))
    assert both.startswith("error: HTTP and gRPC need a port each")
    (own_models / "repository/lenet5/1/model.onnx").unlink()
    assert "model.onnx is missing" in complaint(*options, "--port", "0")
    assert (
        complaint(*options, "--port", "0", "--api-keys", "nowhere")
        == "error: API keys: nowhere: No such file or directory\n"
    )
