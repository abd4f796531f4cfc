"""Clients that occupy a web server for as long as they can."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

_STEP_S = 0.1


@dataclass(frozen=True)
class Kind:
    """What a slow client sends at once, and how much of the rest it sends each second."""

    first: bytes
    rest_bytes_per_s: int = 0


def post(sent_bytes: int, length: int = 4_000_000) -> bytes:
    head = f"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: {length}\r\n\r\n"
    return head.encode() + b"x" * sent_bytes


KINDS = {
    "chunk without its end": Kind(
        b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nxxxx0\r\n\r\n"
    ),
    "upload at 9 kB/s": Kind(post(0), rest_bytes_per_s=9_000),
    "40 kB, then nothing": Kind(post(40_000)),
    "one byte a second": Kind(b"P", rest_bytes_per_s=1),
}


@contextmanager
def slow_clients(
    address: tuple[str, int], kind: Kind, *, count: int
) -> Iterator[list[socket.socket]]:
    """Connect `count` clients that go on sending within the block; yield their connections."""
    ended = threading.Event()
    connections = [socket.create_connection(address, timeout=20) for _ in range(count)]
    for connection in connections:
        connection.sendall(kind.first)
    sender = threading.Thread(target=_send, args=(connections, kind, ended))
    sender.start()
    try:
        yield connections
    finally:
        ended.set()
        sender.join()
        for connection in connections:
            connection.close()


def _send(connections: list[socket.socket], kind: Kind, ended: threading.Event) -> None:
    began, sent = time.monotonic(), 0
    while not ended.wait(_STEP_S):
        due = int((time.monotonic() - began) * kind.rest_bytes_per_s) - sent
        sent += due
        for connection in connections if due else ():
            with suppress(OSError):
                connection.sendall(b"x" * due)


def is_connected(connection: socket.socket) -> bool:
    """Tell whether the server has neither answered nor closed the connection."""
    connection.settimeout(0)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
