"""The tracer must see what it is there to see."""

import sys

import pytest

from tests.support.tracing import outside_connections

# 192.0.2.0/24 and 2001:db8::/32 are for documentation: nothing answers there. Connecting a UDP
# socket sends nothing.
CONNECT = "import socket; s = socket.socket(socket.{0}, socket.SOCK_DGRAM); s.connect_ex(({1!r}, {2}))"


@pytest.mark.parametrize(
    ("family", "address", "port", "outside"),
    [
        ("AF_INET", "192.0.2.1", 443, True),
        ("AF_INET6", "2001:db8::1", 443, True),
        ("AF_INET", "127.0.0.53", 53, True),
        ("AF_INET", "127.0.0.1", 8000, False),
        ("AF_INET6", "::1", 8000, False),
    ],
)
def test_connections_are_seen(family: str, address: str, port: int, outside: bool) -> None:
    code = CONNECT.format(family, address, port)
    assert bool(outside_connections([sys.executable, "-c", code])) is outside


def test_children_are_followed() -> None:
    child = CONNECT.format("AF_INET", "192.0.2.1", 443)
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    assert outside_connections([sys.executable, "-c", code])


def test_unconnected_datagrams_are_seen() -> None:
    code = (
        "import contextlib, socket\n"
        "with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:\n"
        "    s.sendto(b'x', ('192.0.2.1', 9))"
    )
    assert outside_connections([sys.executable, "-c", code])
