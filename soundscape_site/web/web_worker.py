"""Gunicorn's worker with threads, for clients that are as slow as they like.

gunicorn gives a thread to a connection as soon as it says a word, and the thread waits for the rest
of the request: a few clients that send a byte a second would have them all. Here a request gets a
thread when it is there, or its first 32 kB are; until then the loop holds it, and drops it if it
does not come on. A proxy that buffers requests does the same; a laptop has none.
"""

from __future__ import annotations

import re
import socket
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final

from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import (  # type: ignore[attr-defined] # _DEFER is not for all
    _DEFER,
    TConn,
    ThreadWorker,
)

from soundscape_site.web.timed_socket import TimedSocket

ENOUGH_BYTES: Final = 32_768
"""So much arrives of what is meant; far less than the kernel keeps for a reader to come."""

_WAIT_S: Final = 0.1  # by a thread that has nothing else to do
_STEP_S: Final = 0.005
_ROUND_S: Final = 0.05
_FAREWELL_S: Final = 2.0

_HEAD_ENDS: Final = b"\r\n\r\n"
_LAST_CHUNK: Final = b"0\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_ASKS_FIRST: Final = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)
_GO_ON: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class PatientWorker(ThreadWorker):
    """Gives threads to requests that are there, and waits for the others itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._coming: list[TConn] = []  # a part of a request is there
        self._leaving: list[TConn] = []  # answered; the client has not hung up yet
        self._looked_at = 0.0

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection a thread, for as long as its request needs no waiting for."""
        _timed(conn)
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:
        """Serve a request that is there; runs in a thread."""
        if not self._comes_at_once(conn):
            return _DEFER
        conn.data_ready = True
        kept = super().handle(conn)
        _timed(conn).expect_request()
        return kept

    def _comes_at_once(self, conn: TConn) -> bool:
        """Tell whether a request is there, or is in a moment: most are on their way.

        A thread waits only while no other connection waits for it.
        """
        due = time.monotonic() + _WAIT_S
        while not _is_whole(conn):
            is_idle = self.tpool._work_queue.empty()
            if not is_idle or time.monotonic() > due or not _arrived(conn):
                return False
            time.sleep(_STEP_S)
        return True

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Take a connection back: to wait for its request or for the next one, or to let it go."""
        if fs.cancelled() or fs.exception() is not None:
            super().finish_request(conn, fs)
        elif fs.result() is _DEFER and _arrived(conn):
            self._coming.append(conn)
        elif fs.result():
            super().finish_request(conn, fs)
        else:
            self._see_off(conn)

    def _see_off(self, conn: TConn) -> None:
        """End our side; the loop does not stand still, as gunicorn's does, until they end theirs.

        To close at once would take the answer away from a client that is still sending.
        """
        conn.sock.settimeout(0.0)
        with suppress(OSError):
            conn.sock.shutdown(socket.SHUT_WR)
        conn.timeout = time.monotonic() + _FAREWELL_S
        self._leaving.append(conn)

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """Go round sooner while there is something to look at."""
        has_work = self._coming or self._leaving
        super().wait_for_and_dispatch_events(_ROUND_S if has_work else timeout)

    def murder_pending(self) -> None:
        """See to those that come and those that go; gunicorn calls this in each round."""
        super().murder_pending()
        now = time.monotonic()
        if now - self._looked_at < _ROUND_S:
            return
        self._looked_at = now
        self._coming = [conn for conn in self._coming if self._still_comes(conn)]
        self._leaving = [conn for conn in self._leaving if self._still_leaves(conn, now)]

    def _still_comes(self, conn: TConn) -> bool:
        if _is_whole(conn):
            self.enqueue_req(conn)
            return False
        if self.alive and _timed(conn).patience_s(len(_arrived(conn) or b"")) > 0:
            return True
        self._close(conn)
        return False

    def _still_leaves(self, conn: TConn, now: float) -> bool:
        try:
            has_hung_up = not conn.sock.recv(ENOUGH_BYTES)
        except BlockingIOError:
            has_hung_up = False
        except OSError:
            has_hung_up = True
        if not has_hung_up and conn.timeout is not None and now < conn.timeout:
            return True
        self._close(conn)
        return False

    def _close(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()


def is_there(arrived: bytes | None) -> bool:
    """Tell whether a request, by what has arrived of it, is worth a thread.

    Parameters
    ----------
    arrived : bytes or None
        Its first bytes, at most some `ENOUGH_BYTES`; None if the client is gone, which a thread
        notices.
    """
    if arrived is None or len(arrived) >= ENOUGH_BYTES:
        return True
    head, ends, body = arrived.lstrip(b"\r\n").partition(_HEAD_ENDS)
    if not ends:
        return False
    head += b"\r\n"
    if _CHUNKED.search(head):
        return body.endswith(_LAST_CHUNK)
    length = _LENGTH.search(head)
    return length is None or len(body) >= int(length[1])


def _is_whole(conn: TConn) -> bool:
    """Tell whether a request is there; a client that asks before it sends is told to go on."""
    arrived, sock = _arrived(conn), _timed(conn)
    if is_there(arrived):
        return True
    head, ends, _ = (arrived or b"").partition(_HEAD_ENDS)
    if ends and _ASKS_FIRST.search(head) and not sock.is_told_to_go_on:
        sock.is_told_to_go_on = True
        with suppress(OSError):
            sock.send(_GO_ON)
    return False


def _arrived(conn: TConn) -> bytes | None:
    """Return what gunicorn has read ahead and what waits to be read; None at the end of it all."""
    ahead = conn.parser.unreader.buf.getvalue() if isinstance(conn.parser, RequestParser) else b""
    try:
        waiting = _timed(conn).peek(ENOUGH_BYTES)
    except BlockingIOError:
        return ahead
    except OSError:
        return None
    return ahead + waiting if waiting else None


def _timed(conn: TConn) -> TimedSocket:
    """Return a connection's socket, which from its first request on has a watch."""
    if not isinstance(conn.sock, TimedSocket):
        conn.sock = TimedSocket(conn.sock)
    return conn.sock
