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
_ROUND_S: Final = 1.0
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
    is_stopping = False

    def stop(*_: object) -> None:
        nonlocal is_stopping
        is_stopping = True
        server.pull_trigger()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    logger.info("listening on %s with %d threads", bind, threads)
    while not is_stopping:
        _go_round(server, opened, wait_s=_ROUND_S)
    logger.info("stopping: requests that are being answered get %g s", _DRAIN_S)
    _drain(server, opened)


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


def _go_round(server: Any, opened: dict[int, Any], *, wait_s: float) -> None:
    """Let waitress handle what is ready; end a process that does not return from it."""
    faulthandler.dump_traceback_later(_HANG_S, exit=True)
    wasyncore.loop(timeout=wait_s, use_poll=True, map=opened, count=1)
    for connection in tuple(server.active_channels.values()):
        connection.close_if_slow()


def _drain(server: Any, opened: dict[int, Any]) -> None:
    """Accept nothing more, and wait for answers that are being made or sent."""
    wasyncore.dispatcher.close(server)  # the server's own `close` would also end its wake-up pipe
    end = time.monotonic() + _DRAIN_S
    while server.active_channels and time.monotonic() < end:
        for connection in server.active_channels.values():
            if connection.is_idle():
                connection.will_close = True
        _go_round(server, opened, wait_s=_DRAIN_ROUND_S)
    if server.active_channels:
        logger.warning("%d connections were cut", len(server.active_channels))


if __name__ == "__main__":
    main()
