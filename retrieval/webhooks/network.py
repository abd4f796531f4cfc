"""Resolve names and open connections; tests put a network of their own in its place."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Sequence
from typing import Protocol


class UnknownNameError(Exception):
    """No name server knows the name."""


class Network(Protocol):
    """What a sender needs of the network."""

    def resolve(self, host: str, port: int, *, within_s: float) -> Sequence[str]:
        """Return a name's network addresses; raises UnknownNameError or TimeoutError."""

    def connect(self, address: str, port: int, *, within_s: float) -> socket.socket:
        """Return a connection to a network address; raises OSError."""


class Internet:
    """The network that this machine has."""

    def resolve(self, host: str, port: int, *, within_s: float) -> Sequence[str]:
        """Return a name's network addresses.

        `getaddrinfo` takes no limit of time, so it runs in a thread that is left to itself when
        it takes too long.
        """
        answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                answers.put([str(address[0]) for *_, address in found])
            except OSError as error:
                answers.put(error)

        threading.Thread(target=look_up, name="resolve", daemon=True).start()
        try:
            answer = answers.get(timeout=within_s)
        except queue.Empty as error:
            raise TimeoutError("no name server answered in time") from error
        if isinstance(answer, OSError):
            raise UnknownNameError(host) from answer
        return list(dict.fromkeys(answer))

    def connect(self, address: str, port: int, *, within_s: float) -> socket.socket:
        """Return a connection to a network address; no name is looked up again."""
        return socket.create_connection((address, port), timeout=within_s)
