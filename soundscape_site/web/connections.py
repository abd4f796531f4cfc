"""Waitress's connections with a minimum pace, a bound on memory and the site's own 413 page."""

from __future__ import annotations

import logging
import time
from typing import Any, Final

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.utilities import RequestEntityTooLarge

logger = logging.getLogger(__name__)

PACE_BYTES: Final = 65_536
PACE_S: Final = 20.0
"""A connection is closed when, in so many seconds, fewer bytes move and no request is answered."""

HELD_BODY_BYTES: Final = 400_000_000
"""The most that the bodies of all requests, arriving or being answered, may take together."""

_SMALL_BODY_BYTES: Final = 1_000_000  # never cut off


class Connection(HTTPChannel):
    """A client's connection. Waitress reads requests and writes answers without a thread."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.unwanted_bytes = 0  # of a refused body, still to come
        self._start_counting()
        super().__init__(*args, **kwargs)

    def _start_counting(self) -> None:
        self._moved_bytes = 0
        self._counted_since = time.monotonic()

    def parser_class(self, adj: Adjustments) -> HTTPRequestParser:  # type: ignore[override]
        """Return the parser of the next request."""
        return ArrivingRequest(adj, self)

    def recv(self, buffer_size: int) -> bytes:
        """Count what the client sends."""
        data = super().recv(buffer_size)
        self._moved_bytes += len(data)
        return data

    def send(self, data: bytes, do_close: bool = True) -> int:  # noqa: FBT001, FBT002 # as waitress
        """Count what the client takes."""
        sent = super().send(data, do_close)
        self._moved_bytes += sent
        return sent

    def service(self) -> None:
        """Answer a request, in a thread."""
        super().service()
        self._start_counting()

    def close_if_slow(self) -> None:
        """Close the connection unless it keeps its pace; call this at least once a second."""
        is_being_answered = self.requests and not self.total_outbufs_len
        if is_being_answered or self._moved_bytes >= PACE_BYTES:
            self._start_counting()
        elif time.monotonic() - self._counted_since > PACE_S:
            self.handle_close()  # `will_close` waits until the client takes what was sent

    def is_idle(self) -> bool:
        """Tell whether no request is being answered."""
        return not self.requests and not self.total_outbufs_len


class ArrivingRequest(HTTPRequestParser):
    """Reads one request.

    One whose body is too large goes to the application without it: its answer names the limit, and
    the rest of the body is read and dropped, so that the client can read that answer.
    """

    headers: dict[str, str]

    def __init__(self, adj: Adjustments, connection: Connection) -> None:
        super().__init__(adj)
        self._connection = connection

    def received(self, data: bytes) -> int:
        """Take what belongs to this request; return how many bytes those are."""
        if self._connection.unwanted_bytes:
            dropped = min(len(data), self._connection.unwanted_bytes)
            self._connection.unwanted_bytes -= dropped
            return dropped
        taken = super().received(data)
        if isinstance(self.error, RequestEntityTooLarge):
            self._refuse_body()
        elif not self.completed and self._exceeds_memory():
            logger.warning("an upload was cut off: all together exceed %d bytes", HELD_BODY_BYTES)
            self._connection.will_close = True
        return taken

    def _refuse_body(self) -> None:
        self.error = None
        if self.chunked or self.expect_continue:  # its end is unknown, or it may never be sent
            self.headers["CONNECTION"] = "close"
            self.headers.setdefault("CONTENT_LENGTH", str(self.body_bytes_received))
        else:
            self._connection.unwanted_bytes = self.content_length
        self.expect_continue = False

    def _exceeds_memory(self) -> bool:
        if self.body_bytes_received <= _SMALL_BODY_BYTES:
            return False
        server: Any = self._connection.server
        connections: dict[int, Connection] = server.active_channels
        held_bytes = sum(
            request.body_bytes_received
            for connection in connections.values()
            if not connection.will_close
            for request in (*connection.requests, connection.request)
            if request is not None
        )
        return held_bytes > HELD_BODY_BYTES
