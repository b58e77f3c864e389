"""Listening sockets and their addresses."""

from __future__ import annotations

import socket

from serving.errors import CheckreaderError


def listen(host: str, port: int, shared: bool = False) -> socket.socket:
    """A listening socket, or one that shares its port with others of its kind.

    Raises:
        CheckreaderError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048, reuse_port=shared)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]  # Python repeats the address
        raise CheckreaderError(f"cannot listen on {host}:{port}: {reason}") from None


def format_address(host: str, port: int) -> str:
    """Formats `host:port`; an IPv6 address goes in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
