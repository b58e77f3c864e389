"""API keys: where they come from, and who is let in."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.errors import CheckreaderError, Unauthorized
from serving.http.api_keys import Keys, read
from serving.settings import API_KEYS_VARIABLE

ONE, OTHER = "k" * 32, "0123456789abcdef"


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(API_KEYS_VARIABLE, raising=False)


@pytest.mark.parametrize("header", [f"Bearer {ONE}", f"bearer  {OTHER} "])
def test_a_key_is_admitted(header: str) -> None:
    Keys([ONE, OTHER]).check(header)


@pytest.mark.parametrize(
    "header", [None, "", ONE, f"Basic {ONE}", "Bearer ", f"Bearer {ONE}x", f"Bearer {ONE[1:]}", "Bearer \xff"]
)
def test_anything_else_does_not(header: str | None) -> None:
    with pytest.raises(Unauthorized):
        Keys([ONE, OTHER]).check(header)


def test_every_key_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr(
        "hmac.compare_digest", lambda left, right: compared.append(len(left)) or left == right
    )
    Keys([ONE, OTHER, "z" * 20]).check(f"Bearer {ONE}")
    assert compared == [32, 32, 32]  # digests of equal length, also after the right one


def test_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# of the till\n{ONE}\n\n  {OTHER}\n")
    keys = read(file)
    assert keys is not None
    keys.check(f"Bearer {OTHER}")
    with pytest.raises(Unauthorized):
        keys.check("Bearer # of the till")


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert read(None) is None
    monkeypatch.setenv(API_KEYS_VARIABLE, f"{ONE},{OTHER}\n")
    keys = read(None)
    assert keys is not None
    keys.check(f"Bearer {OTHER}")
    (tmp_path / "keys").write_text("x" * 16)
    keys = read(tmp_path / "keys")  # the file wins
    assert keys is not None
    with pytest.raises(Unauthorized):
        keys.check(f"Bearer {ONE}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no key there"),
        (b"# nothing\n\n", "no key there"),
        (b"short\n", "key 1 is no secret: expected 16 or more"),
        (ONE.encode() + b"\nwith blanks in between\n", "key 2 is no secret"),
        (b"\xff" * 20, "not a text file"),
        (None, "No such file"),
    ],
)
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CheckreaderError, match=message) as raised:
        read(file)
    assert str(file) in str(raised.value)
    assert "short" not in str(raised.value)  # nothing of a secret is told


def test_an_empty_variable_admits_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(API_KEYS_VARIABLE, "")
    with pytest.raises(CheckreaderError, match=f"{API_KEYS_VARIABLE}: no key there"):
        read(None)
