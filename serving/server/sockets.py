"""Listening sockets."""

from __future__ import annotations

import socket

from serving.errors import CheckreaderError


def listen(host: str, port: int, shared: bool = False) -> socket.socket:
    """Opens a listening TCP socket.

    Args:
        host: an IPv4 or IPv6 address, or a name.
        port: 0 = any free one.
        shared: True if other sockets may listen on the port too (SO_REUSEPORT).

    Raises:
        CheckreaderError: the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048, reuse_port=shared)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]  # Python repeats the address
        raise CheckreaderError(f"cannot listen on {host}:{port}: {reason}") from None
