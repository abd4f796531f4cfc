"""Gunicorn's worker with threads, for clients that send as slowly as they like.

gunicorn gives a thread to a connection as soon as it says a word, and the thread waits for the rest
of the request: a few clients that send a byte a second would have them all. Here a request gets a
thread when it is there, or so much of it that somebody means it; until then the loop holds it, and
drops it if it does not come on. A proxy that buffers requests does the same; a laptop has none.
"""

from __future__ import annotations

import errno
import re
import socket
import time
from concurrent.futures import Future
from typing import Any, Final

from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import (  # type: ignore[attr-defined] # _DEFER is not for all
    _DEFER,
    TConn,
    ThreadWorker,
)

ENOUGH_BYTES: Final = 32_768
"""So much has arrived of what is meant; far less than the kernel keeps for a reader to come."""

GRACE_S: Final = 10.0
LEAST_BYTES_PER_S: Final = 8_000.0
"""A request has the grace and the time that its bytes take at this rate."""

_WAIT_S: Final = 0.1
_STEP_S: Final = 0.005
_ROUND_S: Final = 0.05

_HEAD_ENDS: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_OF_UNKNOWN_LENGTH: Final = re.compile(rb"\r\n(transfer-encoding|expect):", re.IGNORECASE)


class TimedSocket(socket.socket):
    """A connection whose reader does not wait for ever; TLS is a proxy's business."""

    def __init__(self, plain: socket.socket) -> None:
        timeout = plain.gettimeout()
        super().__init__(fileno=plain.detach())
        self.settimeout(timeout)
        self.expect_request()

    def expect_request(self) -> None:
        """Begin to count anew, as soon as a part of the next request is there."""
        self._began: float | None = None
        self._received = 0

    def patience_s(self, arrived: int = 0) -> float:
        """Return for how much longer the request may take, if so much of it waits to be read."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
        return self._began + GRACE_S + (self._received + arrived) / LEAST_BYTES_PER_S - now

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Read what there is; give up a client that is behind its time."""
        if flags:
            return super().recv(size, flags)
        asked_s, patience_s = self.gettimeout(), max(self.patience_s(), 0.001)
        self.settimeout(patience_s if asked_s is None else min(asked_s, patience_s))
        try:
            data = super().recv(size)
        except TimeoutError as error:
            if asked_s is not None and asked_s <= patience_s:
                raise
            # What gunicorn and Django take for a client that went away.
            raise ConnectionResetError(errno.ECONNRESET, "the client is too slow") from error
        finally:
            self.settimeout(asked_s)
        self._received += len(data)
        return data


class PatientWorker(ThreadWorker):
    """Gives threads to requests that are there, and waits for the others itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._coming: list[TConn] = []  # a part is there; looked at in each round of the loop

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection a thread, for as long as its request needs no waiting for."""
        _timed(conn)
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:
        """Serve a request that is there; runs in a thread."""
        if not (_has_read_ahead(conn) or _comes_at_once(conn.sock)):
            return _DEFER
        conn.data_ready = True
        kept = super().handle(conn)
        _timed(conn).expect_request()
        return kept

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Take back a connection; one whose request is only half there is looked at again."""
        deferred = not fs.cancelled() and fs.exception() is None and fs.result() is _DEFER
        if deferred and _peek(conn.sock):
            self._coming.append(conn)
        else:
            super().finish_request(conn, fs)

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """Go round sooner while requests are coming."""
        super().wait_for_and_dispatch_events(_ROUND_S if self._coming else timeout)

    def murder_pending(self) -> None:
        """See to requests that are coming, too; gunicorn calls this in each round."""
        super().murder_pending()
        coming, self._coming = self._coming, []
        for conn in coming:
            arrived = _peek(conn.sock)
            if is_there(arrived):
                self.enqueue_req(conn)
            elif _timed(conn).patience_s(len(arrived or b"")) > 0:
                self._coming.append(conn)
            else:
                self.nr_conns -= 1
                conn.close()


def is_there(arrived: bytes | None) -> bool:
    """Tell whether a request, by what has arrived of it, is worth a thread.

    Parameters
    ----------
    arrived : bytes or None
        Its first bytes, at most `ENOUGH_BYTES`; None if the client is gone, which a thread notices.
    """
    if arrived is None or len(arrived) >= ENOUGH_BYTES:
        return True
    head, ends, body = arrived.partition(_HEAD_ENDS)
    if not ends:
        return False
    length = _LENGTH.search(head)
    return (
        length is None
        or _OF_UNKNOWN_LENGTH.search(head) is not None
        or (len(body) >= int(length[1]))
    )


def _peek(sock: socket.socket) -> bytes | None:
    """Return what waits to be read, and leave it there; None if the connection has ended."""
    try:
        return sock.recv(ENOUGH_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT) or None
    except BlockingIOError:
        return b""
    except OSError:
        return None


def _timed(conn: TConn) -> TimedSocket:
    """Return a connection's socket, which from its first request on has a watch."""
    if not isinstance(conn.sock, TimedSocket):
        conn.sock = TimedSocket(conn.sock)
    return conn.sock


def _comes_at_once(sock: socket.socket) -> bool:
    """Tell whether a request is there, or is while a thread may wait for it.

    Most are on their way when their first bytes are read: to send them round would cost more.
    """
    due = time.monotonic() + _WAIT_S
    while not is_there(arrived := _peek(sock)):
        if not arrived or time.monotonic() > due:
            return False
        time.sleep(_STEP_S)
    return True


def _has_read_ahead(conn: TConn) -> bool:
    """Tell whether gunicorn holds a part of the next request already."""
    return isinstance(conn.parser, RequestParser) and bool(conn.parser.unreader.buf.getvalue())
