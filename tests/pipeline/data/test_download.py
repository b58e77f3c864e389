"""Against a server in this very process; nothing leaves the machine."""

from __future__ import annotations

import hashlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.data import download
from serving.errors import CheckreaderError

CONTENT = bytes(range(256)) * 2_000  # eight of the chunks that are written at once
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT at /file; `cut` bytes into an answer it hangs up, or says no more (`stall`)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []
        self.cut: int | None = None
        self.stall = False
        self.ranges = True
        self.done = threading.Event()  # ends what is kept waiting

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.server.asked.append(wanted)
        if self.path == "/silent":
            self.server.done.wait()
            return
        if self.path != "/file":
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start:][: self.server.cut])
        if self.server.stall:
            self.wfile.flush()
            self.server.done.wait()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.done.set()
        server.shutdown()
        thread.join()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_downloads(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "cache" / "file.npz"
    assert download.fetch(server.url, target, SHA256) == target
    assert target.read_bytes() == CONTENT
    assert names(target.parent) == ["file.npz"]
    assert server.asked == [None]


def test_progress_goes_to_standard_error(server: Server, tmp_path: Path, capsys) -> None:
    download.fetch(server.url, tmp_path / "file.npz", SHA256)
    output = capsys.readouterr()
    assert output.out == ""
    assert "file.npz: 100%" in output.err


def test_goes_on_after_a_broken_connection(server: Server, tmp_path: Path) -> None:
    server.cut = 200_000
    with pytest.raises(CheckreaderError, match=r"check the network and try again"):
        download.fetch(server.url, tmp_path / "file", SHA256)
    assert names(tmp_path) == ["file.part"]
    got = (tmp_path / "file.part").stat().st_size
    assert 0 < got <= 200_000
    server.cut = None
    download.fetch(server.url, tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert names(tmp_path) == ["file"]
    assert server.asked == [None, f"bytes={got}-"]


@pytest.mark.parametrize("size", [1, 65_536, len(CONTENT) - 1])
def test_resumes_what_a_kill_left(server: Server, tmp_path: Path, size: int) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT[:size])
    download.fetch(server.url, tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.asked == [f"bytes={size}-"]


def test_killed_just_before_the_end(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT)
    download.fetch(server.url, tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert names(tmp_path) == ["file"]


def test_server_without_ranges(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    (tmp_path / "file.part").write_bytes(CONTENT[:1000])
    download.fetch(server.url, tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_interrupted(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle leaves the part for the next time, and nothing under the final name."""
    bars = []

    class Bar(download.tqdm):
        def update(self, n: int = 1) -> None:
            bars.append(n)
            if len(bars) == 3:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download, "tqdm", Bar)
        with pytest.raises(KeyboardInterrupt):
            download.fetch(server.url, tmp_path / "file", SHA256)
    assert names(tmp_path) == ["file.part"]
    got = (tmp_path / "file.part").stat().st_size
    assert got == sum(bars) < len(CONTENT)
    download.fetch(server.url, tmp_path / "file", SHA256)
    assert server.asked == [None, f"bytes={got}-"]


@pytest.mark.parametrize("part", [None, b"rubbish", CONTENT + b"more"], ids=["none", "rubbish", "longer"])
def test_other_bytes_leave_nothing_behind(server: Server, tmp_path: Path, part: bytes | None) -> None:
    wanted = SHA256 if part else "0" * 64
    if part:
        (tmp_path / "file.part").write_bytes(part)
    with pytest.raises(CheckreaderError, match=r"other bytes than expected \(SHA-256\): try again"):
        download.fetch(server.url, tmp_path / "file", wanted)
    assert names(tmp_path) == []


def test_a_failure_to_write_names_the_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        download.fetch(server.url, tmp_path / "file", SHA256)
    assert caught.value.filename == str(tmp_path / "file")


def test_not_found(server: Server, tmp_path: Path) -> None:
    with pytest.raises(CheckreaderError, match=r"/missing: the server answered 404 Not Found"):
        download.fetch(server.url.replace("file", "missing"), tmp_path / "file", SHA256)
    assert names(tmp_path) == []


def test_refused(tmp_path: Path, server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(CheckreaderError, match=r"no connection: check the network and try again, or put"):
        download.fetch(f"http://127.0.0.1:{port}/file", tmp_path / "file", SHA256)
    assert names(tmp_path) == []


def test_silence(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PATIENCE", 0.1)
    with pytest.raises(CheckreaderError, match=r"/silent: no answer within 0 seconds: check the network"):
        download.fetch(server.url.replace("file", "silent"), tmp_path / "file", SHA256)
    assert names(tmp_path) == []


def test_silent_name_server(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up that hangs is bounded by no time-out of the HTTP library."""
    monkeypatch.setattr(download, "PATIENCE", 0.1)
    monkeypatch.setattr(download.requests, "get", lambda *_, **__: server.done.wait(60))
    with pytest.raises(CheckreaderError, match="no answer within"):
        download.fetch(server.url, tmp_path / "file", SHA256)


def test_silence_in_the_middle(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PATIENCE", 2.0)  # enough for the beginning to arrive on a busy machine
    server.cut, server.stall = 100_000, True
    with pytest.raises(CheckreaderError, match="check the network and try again"):
        download.fetch(server.url, tmp_path / "file", SHA256)
    assert names(tmp_path) == ["file.part"]


def test_five_seconds() -> None:
    assert download.PATIENCE == 5.0
