"""The backend. Psycopg waits by our function, which ends after some time."""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db.backends.postgresql import base
from psycopg2 import OperationalError
from psycopg2.extensions import POLL_OK, POLL_READ, connection, set_wait_callback

CONNECT_MS: Final = 2_000
CHECK_MS: Final = 500
"""Of a connection that is used again; a slow answer only means a new connection."""
ANSWER_MS: Final = 6_000
"""A second more than the server's own limit of a statement, which gives the better message."""

_limits = threading.local()


class DatabaseWrapper(base.DatabaseWrapper):
    """Limits every wait for the server; the time-out is an `OperationalError`."""

    def get_new_connection(self, conn_params: Any) -> Any:
        """Connect."""
        set_wait_callback(wait)  # of the whole process; libpq's own limit is not used then
        with _waiting(CONNECT_MS):
            return super().get_new_connection(conn_params)

    def is_usable(self) -> bool:
        """Ask a connection that is used again for an answer."""
        with _waiting(CHECK_MS):
            return super().is_usable()


def wait(open_connection: connection) -> None:
    """Wait until the server has answered; psycopg closes the connection if this raises."""
    limit_ms = getattr(_limits, "ms", ANSWER_MS)
    while (state := open_connection.poll()) != POLL_OK:
        ready = select.poll()
        events = select.POLLIN if state == POLL_READ else select.POLLOUT
        ready.register(open_connection.fileno(), events)
        if not ready.poll(limit_ms):
            raise OperationalError(f"PostgreSQL has not answered for {limit_ms / 1000:g} s")


@contextmanager
def _waiting(limit_ms: int) -> Iterator[None]:
    """Set the limit of this thread's waits within the block."""
    _limits.ms = limit_ms
    try:
        yield
    finally:
        del _limits.ms
