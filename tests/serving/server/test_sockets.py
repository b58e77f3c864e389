"""Listening sockets: alone or shared, IPv4 or IPv6, closed without a loss, and one line for an address not to be had."""

from __future__ import annotations

import socket

import pytest

from serving.errors import CheckreaderError
from serving.server.sockets import (
    accept_waiting,
    listen,
    listen_shared,
    listening_sockets,
    refuse_handshakes,
    refuse_ipv6,
    reserve,
    resolve,
)


def answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=10).close()
    except ConnectionRefusedError:
        return False
    return True


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


def test_sockets_that_share_a_port() -> None:
    first, second = listen_shared("127.0.0.1", 0, 2)
    with first, second:
        assert first.getsockname() == second.getsockname()
        with pytest.raises(CheckreaderError, match=r"Address already in use$"):
            listen_shared("127.0.0.1", first.getsockname()[1], 2)


def test_an_address_of_another_machine() -> None:
    with pytest.raises(CheckreaderError, match=r"cannot listen on 192\.0\.2\.1:0: "):
        listen("192.0.2.1", 0)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("::", "::"),
        ("::1", "::1"),
        ("localhost", "127.0.0.1"),
    ],
)
def test_the_address_of_a_host(host: str, address: str) -> None:
    assert resolve(host) == address


@pytest.mark.parametrize("host", ["", "a b", "nowhere.invalid", "x" * 64, "[::1]"])
def test_a_host_without_an_address(host: str) -> None:
    with pytest.raises(CheckreaderError, match=r"^cannot listen on '.*': ."):
        resolve(host)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="there is no IPv6")
@pytest.mark.parametrize(
    ("host", "ipv4", "ipv6"), [("::", True, True), ("0.0.0.0", True, False), ("::1", False, True)]
)
def test_both_kinds_of_address(host: str, ipv4: bool, ipv6: bool) -> None:
    with listen(host, 0) as listener:
        port = listener.getsockname()[1]
        assert (answers("127.0.0.1", port), answers("::1", port)) == (ipv4, ipv6)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="there is no IPv6")
def test_ipv6_can_be_taken_from_both() -> None:
    with listen("::", 0) as listener:
        port = listener.getsockname()[1]
        refuse_ipv6(listener)
        assert answers("127.0.0.1", port)
        with pytest.raises(TimeoutError):
            socket.create_connection(("::1", port), timeout=0.1)


def test_a_reserved_port() -> None:
    with reserve("127.0.0.1", 0) as port:
        assert not answers("127.0.0.1", port)
        listen("127.0.0.1", port, shared=True).close()
        with listen("127.0.0.1", port, shared=True), pytest.raises(CheckreaderError, match="already in use"):
            reserve("127.0.0.1", port).__enter__()


def test_no_connection_begins_while_those_that_wait_are_accepted() -> None:
    with listen("127.0.0.1", 0) as listener:
        address = listener.getsockname()
        begun = [socket.create_connection(address, timeout=10) for _ in range(3)]
        refuse_handshakes(listener)
        with pytest.raises(TimeoutError):  # its first segment is dropped
            socket.create_connection(address, timeout=0.1)
        accepted = accept_waiting(listener)
        assert {end.getpeername() for end in accepted} == {end.getsockname() for end in begun}
        assert accept_waiting(listener) == []
    for end in accepted:
        end.sendall(b"whole")
        end.close()
    for end in begun:
        assert end.recv(10) == b"whole"
        end.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=10)


def test_a_process_finds_its_own_sockets() -> None:
    with listen("127.0.0.1", 0) as listener, listen("127.0.0.1", 0):
        (duplicate,) = listening_sockets(listener.getsockname()[1])
        with duplicate:
            assert duplicate.getsockname() == listener.getsockname()
