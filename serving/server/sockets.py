"""Listening sockets: one address for HTTP and gRPC, and an end that loses no connection."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import stat
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from serving.errors import CheckreaderError

_BACKLOG = 2048
_SO_ATTACH_FILTER = 26  # Linux's number; Python has no name for it
# Programs of Berkeley's packet filter, which sees a segment from its TCP header on: code, jumps if true and if
# false, and an operand.
_PASS, _DROP = (0x06, 0, 0, 0xFFFFFFFF), (0x06, 0, 0, 0)
_NO_SYN = (
    (0x30, 0, 0, 13),  # load the byte of flags
    (0x54, 0, 0, 0x12),  # and SYN | ACK
    (0x15, 0, 1, 0x02),  # unless equal to SYN skip one
    _DROP,
    _PASS,
)
_NO_IPV6 = (
    (0x20, 0, 0, 0xFFFFF000),  # load the packet's protocol
    (0x15, 0, 1, 0x86DD),  # unless equal to IPv6's number skip one
    _DROP,
    _PASS,
)


def resolve(host: str) -> str:
    """Returns the address of a host name, the IPv4 one if there are several: HTTP and gRPC listen on the same.

    Raises:
        CheckreaderError: it has none.
    """
    try:
        entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckreaderError(f"cannot listen on {host!r}: {reason}") from None
    families = {entry[0]: str(entry[4][0]) for entry in reversed(entries)}
    return families.get(socket.AF_INET) or families[socket.AF_INET6]


def listen(host: str, port: int, shared: bool = False) -> socket.socket:
    """Opens a listening TCP socket.

    Args:
        host: an IPv4 or IPv6 address; `::` stands for every address of both kinds, 0.0.0.0 for those of IPv4.
        port: 0 = any free one.
        shared: True if other sockets may listen on the port too (SO_REUSEPORT).

    Raises:
        CheckreaderError: the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server(
            (host, port), family=family, backlog=_BACKLOG, reuse_port=shared, dualstack_ipv6=both
        )
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]  # Python repeats the address
        raise CheckreaderError(f"cannot listen on {host}:{port}: {reason}") from None


def listen_shared(host: str, port: int, count: int) -> list[socket.socket]:
    """Opens several listening sockets on one port, over which the kernel spreads the connections.

    Args:
        host: an IPv4 or IPv6 address.
        port: 0 = any free one.
        count: how many.

    Raises:
        CheckreaderError: the address cannot be listened on.
    """
    with listen(host, port) as exclusive:  # finds out whether another program has the port
        port = exclusive.getsockname()[1]
    return [listen(host, port, shared=True) for _ in range(count)]


@contextlib.contextmanager
def reserve(host: str, port: int) -> Iterator[int]:
    """Reserves a port for several processes to listen on, as gRPC does, which opens its own sockets.

    Args:
        host: an IPv4 or IPv6 address.
        port: 0 = any free one.

    Raises:
        CheckreaderError: another program has the port, such as a second service with workers.
    """
    with listen(host, port) as exclusive:
        port = exclusive.getsockname()[1]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as bound:  # gets no connections, since it does not listen
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
        yield port


def refuse_handshakes(listener: socket.socket) -> None:
    """Makes a listening socket begin no more connections, while those that are begun are completed.

    A client whose first segment is dropped sends it again after a second. Then the socket is closed and the
    client is refused, or another process listens and answers.
    """
    _filter(listener, _NO_SYN)


def refuse_ipv6(listener: socket.socket) -> None:
    """Makes a listening socket for both kinds of address one for IPv4 alone: gRPC takes 0.0.0.0 for both."""
    _filter(listener, _NO_IPV6)


def _filter(listener: socket.socket, program: Sequence[tuple[int, int, int, int]]) -> None:
    instructions = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(instructions, len(instructions))
    with contextlib.suppress(OSError):  # not Linux's own kernel: goes without
        listener.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(buffer))
        )


def accept_waiting(listener: socket.socket) -> list[socket.socket]:
    """Accepts the connections that wait."""
    accepted = []
    listener.setblocking(False)
    with contextlib.suppress(OSError):  # none is left
        while True:
            accepted.append(listener.accept()[0])
    return accepted


def listening_sockets(port: int) -> list[socket.socket]:
    """Returns duplicates of this process's sockets that listen on a port: gRPC shows its own to nobody."""
    listening = []
    for descriptor in _sockets():
        with contextlib.suppress(OSError):  # closed meanwhile
            candidate = socket.socket(fileno=os.dup(descriptor))
            if (
                candidate.family in (socket.AF_INET, socket.AF_INET6)
                and candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
                and candidate.getsockname()[1] == port
            ):
                listening.append(candidate)
            else:
                candidate.close()
    return listening


def _sockets() -> list[int]:
    """Returns the descriptors of this process's sockets; none where /proc is not mounted."""
    descriptors = []
    with contextlib.suppress(FileNotFoundError):
        for entry in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                if stat.S_ISSOCK(os.fstat(int(entry.name)).st_mode):
                    descriptors.append(int(entry.name))
    return descriptors
