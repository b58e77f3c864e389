"""Listening sockets: alone or shared, IPv4 or IPv6, and one line where the address cannot be had."""

from __future__ import annotations

import pytest

from serving.errors import CheckreaderError
from serving.server.sockets import listen


def test_any_free_port() -> None:
    with listen("127.0.0.1", 0) as first, listen("127.0.0.1", 0) as second:
        assert first.getsockname()[1] != second.getsockname()[1]


def test_a_port_is_shared_only_among_sockets_that_share() -> None:
    with listen("127.0.0.1", 0, shared=True) as first:
        port = first.getsockname()[1]
        listen("127.0.0.1", port, shared=True).close()
        message = f"cannot listen on 127.0.0.1:{port}: Address already in use$"
        with pytest.raises(CheckreaderError, match=message):
            listen("127.0.0.1", port)


def test_an_address_of_another_machine() -> None:
    with pytest.raises(CheckreaderError, match=r"cannot listen on 192\.0\.2\.1:0: "):
        listen("192.0.2.1", 0)
