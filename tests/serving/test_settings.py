"""Settings: each is declared once, with its option of `checkreader serve`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from serving.errors import Forbidden
from serving.runtime.onnx import DEVICES
from serving.settings import (
    API_KEYS_VARIABLE,
    Settings,
    add_option,
    format_address,
    from_options,
    option_names,
)


def parse(*arguments: str) -> Settings:
    parser = argparse.ArgumentParser()
    for name in option_names():
        add_option(parser, name)
    return from_options(parser.parse_args(arguments))


def test_an_empty_command_line_gives_the_defaults() -> None:
    assert parse() == Settings()


@pytest.mark.parametrize(
    ("arguments", "setting", "expected"),
    [
        ("--models folder", "models", Path("folder")),
        ("--models=", "models", None),
        ("--host ::1", "host", "::1"),
        ("--port 0", "port", 0),
        ("--grpc-port 8001", "grpc_port", 8001),
        ("--workers 4", "workers", 4),
        ("--api-keys keys", "api_keys", Path("keys")),
        ("--tls-cert cert", "tls_cert", Path("cert")),
        ("--tls-key key", "tls_key", Path("key")),
        ("--cors-origin https://a.example:8443", "cors_origins", ("https://a.example:8443",)),
        (
            "--cors-origin HTTP://A,http://[::1]:80 --cors-origin *",
            "cors_origins",
            ("http://a", "http://[::1]:80", "*"),
        ),
        ("--root-path /a/b-c", "root_path", "/a/b-c"),
        ("--root-path /a/", "root_path", "/a"),
        ("--root-path /", "root_path", ""),
        ("--access-log", "access_log", "requests"),
        ("--access-log readings", "access_log", "readings"),
        ("--max-requests 7", "max_requests", 7),
        ("--max-body 2", "max_body", 2 * 2**20),
        ("--model a --model b", "only", ("a", "b")),
        ("--device cuda", "device", "cuda"),
        ("--tf32", "tf32", True),
        ("--batch-rows 8", "batch_rows", 8),
        ("--batch-delay 1500", "batch_delay", 0.0015),
    ],
)
def test_options(arguments: str, setting: str, expected: Any) -> None:
    assert getattr(parse(*arguments.split()), setting) == expected


def test_every_option_is_tested_above() -> None:
    (mark,) = test_options.pytestmark
    assert {setting for _, setting, _ in mark.args[1]} == set(option_names())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--port 65536", "expected a port, 0 to 65535, got"),
        ("--grpc-port -1", "expected a port, 0 to 65535, got"),
        ("--workers 0", "expected a whole number from 1"),
        ("--max-body 0", "expected a whole number from 1"),
        ("--batch-delay 1000001", "expected microseconds, 0 to 1000000"),
        ("--access-log all", "invalid choice: 'all'"),
        ("--cors-origin a.example", "expected an origin as https://shop.example"),
        ("--cors-origin https://a.example/", "got 'https://a.example/'"),
        ("--cors-origin https://a.example,", "got ''"),
        ("--cors-origin https://*.example", "expected an origin"),
        ("--root-path a", "expected a path as /checkreader, got 'a'"),
        ("--root-path /a//b", "expected a path as /checkreader"),
        ("--root-path /a?b", "expected a path as /checkreader"),
    ],
)
def test_mistakes(arguments: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(*arguments.split())
    assert message in capsys.readouterr().err


def test_devices_are_those_of_the_runtime() -> None:
    assert [parse("--device", device).device for device in ("auto", *DEVICES)] == ["auto", *DEVICES]


def test_strangers_may_not_control_models_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(API_KEYS_VARIABLE, raising=False)
    Settings().require_control()
    Settings(host="0.0.0.0", api_keys=Path("keys")).require_control()
    with pytest.raises(Forbidden, match="--api-keys"):
        Settings(host="0.0.0.0").require_control()
    monkeypatch.setenv(API_KEYS_VARIABLE, "0123456789abcdef")
    Settings(host="0.0.0.0").require_control()


def test_addresses() -> None:
    assert format_address("127.0.0.1", 80) == "127.0.0.1:80"
    assert format_address("::1", 80) == "[::1]:80"
