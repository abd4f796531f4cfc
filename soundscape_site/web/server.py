"""The web server: `python -m soundscape_site.web.server` serves the site with waitress.

Waitress reads a request completely before a thread takes it, and sends files without a thread, so
slow clients do not block the site. A body waits in an anonymous temporary file.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
from typing import Any, Final

from django.conf import settings
from django.core.checks import Tags
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, TransferEncodingNotImplemented
from waitress.server import create_server

from retrieval.decoding.web_pool import close_photo_pool, photo_pool

CONNECTIONS: Final = 1_000
_SILENCE_S: Final = 30  # a connection without traffic is closed after that
_SPARE_FILES: Final = 200  # open files besides connections

_END_S: Final = 15
_LARGEST_BODY_IN_PHOTOS: Final = 2
"""Up to so many times the limit of a photo, the site explains that a request is too large; beyond
that, waitress refuses the request by its headers."""


class PlainBodyParser(HTTPRequestParser):
    """Refuses chunked bodies with 501.

    Waitress reads a chunk line without an end in quadratic time; browsers send no chunked bodies,
    and Django reads none.
    """

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the header, or refuse it."""
        super().parse_header(header_plus)
        if self.chunked:
            raise TransferEncodingNotImplemented("Send the body with a Content-Length.")


def main() -> None:
    """Serve the site until SIGTERM or SIGINT; running requests get 15 s to end."""
    os.environ["SOUNDSCAPE_PROGRAM"] = "web"  # the settings shorten the database's time limits
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "soundscape_site.settings.local")
    application = get_wsgi_application()
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # else it logs every short queue
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit())
    check_database_role()
    allow_open_files(CONNECTIONS + _SPARE_FILES)
    HTTPChannel.parser_class = PlainBodyParser
    photo_pool()  # its processes start before the first upload
    try:
        server = create_server(
            application,
            **listening_on(os.environ.get("SOUNDSCAPE_BIND", "127.0.0.1:8000")),
            threads=int(os.environ.get("SOUNDSCAPE_WEB_THREADS", "16")),
            connection_limit=CONNECTIONS,
            channel_timeout=_SILENCE_S,
            max_request_body_size=_LARGEST_BODY_IN_PHOTOS * settings.SOUNDSCAPE_MAX_PHOTO_BYTES,
            clear_untrusted_proxy_headers=False,  # SOUNDSCAPE_PROXIES decides which to trust
            asyncore_use_poll=True,
            ident="",
        )
        server.print_listen("Serving on {}:{}")
        server.run()
        server.task_dispatcher.shutdown(timeout=_END_S)
    finally:
        close_photo_pool()


def check_database_role() -> None:
    """In production, refuse a database role that can change the audit log.

    A database that does not answer gives a warning only.
    """
    if settings.SECURE_SSL_REDIRECT:
        call_command("check", deploy=True, tags=[Tags.database], databases=["default"])
        connection.close()


def listening_on(bind: str) -> dict[str, Any]:
    """Return waitress's options for `host:port`, `[IPv6 address]:port` or `unix:path`."""
    if bind.startswith("unix:"):
        if not isinstance(settings.SOUNDSCAPE_PROXIES, int):
            raise ImproperlyConfigured(
                f"SOUNDSCAPE_BIND={bind!r} is a Unix socket, whose peer is in no network: "
                "SOUNDSCAPE_PROXIES must be a number."
            )
        return {"unix_socket": bind.removeprefix("unix:"), "unix_socket_perms": "666"}
    return {"listen": bind}


def allow_open_files(count: int) -> None:
    """Raise this process's limit of open files, as far as its hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        most = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


if __name__ == "__main__":
    main()
