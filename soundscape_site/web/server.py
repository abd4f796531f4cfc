"""The web server: `python -m soundscape_site.web.server` serves the site by waitress."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any, Final
from wsgiref.types import WSGIApplication

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from waitress import wasyncore
from waitress.server import create_server
from waitress.utilities import cleanup_unix_socket

from retrieval.decoding.web_pool import close_photo_pool, photo_pool
from soundscape_site.web.connections import HELD_BODY_BYTES, Connection

logger = logging.getLogger("soundscape_site.web.server")  # also when it runs as __main__

PROGRAM: Final = {"SOUNDSCAPE_PROGRAM": "web"}
"""By this the settings give the web's database statements less time."""

CONNECTIONS: Final = 400  # with all else that is open, below the usual 1024 files
_DRAIN_S: Final = 15.0
_HANG_S: Final = 60.0
_CHECK_EVERY_S: Final = 1.0
_DRAIN_ROUND_S: Final = 0.1
_ANSWER_BYTES: Final = 1_000_000
_FORM_BYTES: Final = 2_000_000  # more than the upload limit allows a form around its photo


def main() -> None:
    """Serve the site until SIGTERM or SIGINT."""
    os.environ.update(PROGRAM)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "soundscape_site.settings.local")
    application = get_wsgi_application()
    photo_pool()
    try:
        serve(
            application,
            bind=os.environ.get("SOUNDSCAPE_BIND", "127.0.0.1:8000"),
            threads=int(os.environ.get("SOUNDSCAPE_WEB_THREADS", "16")),
            largest_body_bytes=settings.SOUNDSCAPE_MAX_PHOTO_BYTES + _FORM_BYTES,
        )
    finally:
        close_photo_pool()


def serve(
    application: WSGIApplication, *, bind: str, threads: int, largest_body_bytes: int
) -> None:
    """Answer requests until SIGTERM or SIGINT, then let those that are being answered end.

    Parameters
    ----------
    bind : str
        `host:port`, `[IPv6 address]:port` or `unix:path`.
    largest_body_bytes : int
        The application gets larger requests without their bodies.
    """
    opened: dict[int, Any] = {}
    server: Any = create_server(
        application,
        map=opened,
        sockets=[listening_socket(bind)],
        threads=threads,
        connection_limit=CONNECTIONS,
        recv_bytes=65_536,
        max_request_body_size=largest_body_bytes,
        inbuf_overflow=HELD_BODY_BYTES,  # never a temporary file
        outbuf_overflow=HELD_BODY_BYTES,  # never a temporary file
        outbuf_high_watermark=_ANSWER_BYTES,
        clear_untrusted_proxy_headers=False,  # Django decides whom it believes
        asyncore_use_poll=True,
        ident="",
    )
    server.channel_class = Connection
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # else a line for each burst
    loop, is_stopping = _Loop(server, opened), False

    def stop(*_: object) -> None:
        nonlocal is_stopping
        is_stopping = True
        server.pull_trigger()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    logger.info("listening on %s with %d threads", bind, threads)
    while not is_stopping:
        loop.go_round(wait_s=_CHECK_EVERY_S)
    logger.info("stopping: requests that are being answered get %g s", _DRAIN_S)
    loop.drain()


def listening_socket(bind: str) -> socket.socket:
    """Open the socket that `host:port`, `[IPv6 address]:port` or `unix:path` names."""
    if bind.startswith("unix:"):
        path = bind.removeprefix("unix:")
        cleanup_unix_socket(path)
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(path)
        Path(path).chmod(0o666)
        listening.listen()
        return listening
    host, _, port = bind.rpartition(":")
    family, _, _, _, address = socket.getaddrinfo(
        host.strip("[]") or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    return socket.create_server(
        (str(address[0]), int(address[1])),
        family=family,
        dualstack_ipv6=family == socket.AF_INET6,
    )


class _Loop:
    """Waitress's loop, with a check of its connections and of itself."""

    def __init__(self, server: Any, opened: dict[int, Any]) -> None:
        self._server, self._opened = server, opened
        self._checked_at = 0.0

    def go_round(self, *, wait_s: float) -> None:
        """Handle what is ready; close slow connections; end a process that hangs."""
        now = time.monotonic()
        if now - self._checked_at >= _CHECK_EVERY_S:
            self._checked_at = now
            faulthandler.dump_traceback_later(_HANG_S, exit=True)
            for connection in tuple(self._server.active_channels.values()):
                connection.close_if_slow()
        wasyncore.loop(timeout=wait_s, use_poll=True, map=self._opened, count=1)

    def drain(self) -> None:
        """Accept nothing more, and wait for answers that are being made or sent."""
        # The server's own `close` would also close the pipe that its threads write to.
        wasyncore.dispatcher.close(self._server)
        end = time.monotonic() + _DRAIN_S
        connections: dict[int, Connection] = self._server.active_channels
        while connections and time.monotonic() < end:
            for connection in connections.values():
                if connection.is_idle():
                    connection.will_close = True
            self.go_round(wait_s=_DRAIN_ROUND_S)
        if connections:
            logger.warning("%d connections were cut off", len(connections))


if __name__ == "__main__":
    main()
