"""A connection on which neither a reader nor a writer waits for ever."""

from __future__ import annotations

import errno
import socket
import time
from typing import Any, Final

GRACE_S: Final = 10.0
LEAST_BYTES_PER_S: Final = 8_000.0
"""A request has the grace and the time that its bytes take at this rate."""

STALL_S: Final = 20.0
"""So long a client may take none of an answer; a block of 64 kB has to be gone by then."""


class TimedSocket(socket.socket):
    """A client's connection, without TLS: that is a proxy's business.

    A client that is behind its time is told of as gunicorn and Django know it: as one that went
    away.
    """

    def __init__(self, plain: socket.socket) -> None:
        timeout_s = plain.gettimeout()
        super().__init__(fileno=plain.detach())
        self.settimeout(timeout_s)
        self.expect_request()

    def expect_request(self) -> None:
        """Begin to count anew, as soon as a part of the next request is there."""
        self._began: float | None = None
        self._received = 0
        self.is_told_to_go_on = False

    def patience_s(self, arrived: int = 0) -> float:
        """Return for how much longer the request may take, if so much of it waits to be read."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
        return self._began + GRACE_S + (self._received + arrived) / LEAST_BYTES_PER_S - now

    def setblocking(self, flag: bool, /) -> None:  # noqa: FBT001 # as the socket's own
        """Wait, but not for ever; or do not wait."""
        self.settimeout(STALL_S if flag else 0.0)

    def peek(self, size: int) -> bytes:
        """Return what waits to be read, and leave it there; raise where nothing does."""
        asked_s = self.gettimeout()
        self.settimeout(0.0)  # with any other, Python would wait before it asks
        try:
            return super().recv(size, socket.MSG_PEEK)
        finally:
            self.settimeout(asked_s)

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Read what there is, within what is left of the request's time."""
        asked_s = self.gettimeout()
        self.settimeout(min(STALL_S if asked_s is None else asked_s, max(self.patience_s(), 0.001)))
        try:
            data = super().recv(size, flags)
        except TimeoutError as error:
            if asked_s not in (None, STALL_S) and self.patience_s() > 0:
                raise  # gunicorn wanted to wait no longer itself
            raise _gone("sends") from error
        finally:
            self.settimeout(asked_s)
        self._received += len(data)
        return data

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Write all of it, unless the client takes none."""
        try:
            super().sendall(data, flags)
        except TimeoutError as error:
            raise _gone("reads") from error

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Write a file, unless the client takes none of it."""
        try:
            return super().sendfile(file, offset, count)
        except TimeoutError as error:
            raise _gone("reads") from error


def _gone(does: str) -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, f"the client {does} too slowly")
