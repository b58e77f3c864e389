"""What `serve` checks before it starts anything, and in how many processes it then runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from serving.errors import CheckreaderError
from serving.server import process, supervisor
from serving.server import serve as serve_module
from serving.server.serve import check_tls, serve
from serving.settings import Settings

TLS = Path(__file__).parent / "tls"
CERT, KEY = TLS / "cert.pem", TLS / "key.pem"


def test_a_certificate_and_its_key() -> None:
    check_tls(Settings())
    check_tls(Settings(tls_cert=CERT, tls_key=KEY))


@pytest.mark.parametrize(
    ("cert", "key", "message"),
    [
        (CERT, None, "give both --tls-cert and --tls-key"),
        (None, KEY, "give both --tls-cert and --tls-key"),
        (TLS / "nowhere.pem", KEY, r"nowhere\.pem: No such file or directory$"),
        (CERT, TLS, "TLS: .*tls: Is a directory$"),
        (CERT, TLS / "other-key.pem", r"cert\.pem does not belong to the key .*other-key\.pem$"),
        (CERT, TLS / "encrypted-key.pem", "no certificate and unencrypted key in PEM"),
        (KEY, KEY, "no certificate and unencrypted key in PEM"),
        (Path(__file__), KEY, "no certificate and unencrypted key in PEM"),
    ],
)
def test_what_is_no_certificate_with_its_key(cert: Path | None, key: Path | None, message: str) -> None:
    with pytest.raises(CheckreaderError, match=message):
        check_tls(Settings(tls_cert=cert, tls_key=key))


def test_http_and_grpc_need_a_port_each() -> None:
    with pytest.raises(CheckreaderError, match="both --port and --grpc-port are 8000"):
        serve(Settings(port=8000, grpc_port=8000))


def test_several_workers_are_supervised(monkeypatch: pytest.MonkeyPatch) -> None:
    def supervise(settings: Settings) -> None:
        raise SystemExit(f"{settings.workers} supervised")

    monkeypatch.setattr(supervisor, "supervise", supervise)
    monkeypatch.setattr(serve_module, "heed_signals", lambda: None)
    with pytest.raises(SystemExit, match="2 supervised"):
        serve(Settings(workers=2))


def test_a_single_worker_runs_in_this_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(settings: Settings, listeners: Any, state: Any, ready: Any) -> None:
        (listener,) = listeners
        assert settings.host == listener.getsockname()[0]
        ready(f"listening at {settings.host}")

    monkeypatch.setattr(process, "run", run)
    monkeypatch.setattr(serve_module, "heed_signals", lambda: None)  # they are the test's own
    serve(Settings(host="localhost", port=0))
    assert capsys.readouterr().out == "listening at 127.0.0.1\n"
