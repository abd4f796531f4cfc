"""The web server: `python -m soundscape_site.web.server` serves the site with waitress.

Waitress reads a request completely before a thread takes it, and sends answers without a thread, so
slow clients do not block the site. A body waits in an anonymous temporary file, and so does a long
answer that is none. Only an answer in several parts that is no file would keep its thread, from
16 MB on; the site sends none.
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
from django.db import connection
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server
from waitress.utilities import Error, RequestEntityTooLarge

from retrieval.api.body_limits import largest_body, largest_body_of_all, photo_form_bytes
from retrieval.decoding.web_pool import close_photo_pool, photo_pool
from soundscape_site.web.application import web_application

CONNECTIONS: Final = 1_000
_KEY: Final = "snd_"  # begins the keys of the API, as in `REST_KNOX`
_SILENCE_S: Final = 30  # a connection without traffic is closed after that
_SPARE_FILES: Final = 1_200  # open files besides connections, such as the photos of batches
_END_S: Final = 15


class LengthRequired(Error):  # noqa: N818 # named as those of waitress
    """A body without a stated length."""

    code = 411
    reason = "Length Required"


class KeyRequired(Error):  # noqa: N818 # named as those of waitress
    """A body that only programs may send."""

    code = 401
    reason = "Unauthorized"


class PlainBodyParser(HTTPRequestParser):
    """Takes one request at a time, and refuses some bodies by the headers before them.

    With 411 chunked ones: waitress reads a chunk line without an end in quadratic time; browsers
    send no chunked bodies, and Django reads none. With 413 those that are too large for their
    address: waitress has one limit for all. With 401 those larger than a photo that come without
    a key of the API: whether it is a valid one is known only when the view has asked the database.
    """

    def received(self, data: bytes) -> int:
        """Read a part of the request; the answer closes the connection if another one follows.

        Waitress answers requests that were sent together one after the other, and keeps a thread
        until the client has read the first answers.
        """
        used = super().received(data)
        if not self.completed or self.empty:
            return used
        if data[used:].strip():
            self.headers = {**self.headers, "CONNECTION": "close"}
        return len(data)

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the header, or refuse it."""
        super().parse_header(header_plus)
        refusal = self._refusal()
        if refusal is not None:
            self.error = refusal
            self.completed = True

    def _refusal(self) -> Error | None:
        if self.chunked:
            return LengthRequired("Send the body with a Content-Length.")
        most = largest_body(getattr(self, "path", ""))
        if self.content_length > most:
            return RequestEntityTooLarge(f"exceeds max_body of {most}")
        sent_key = self.headers.get("AUTHORIZATION", "")
        if self.content_length > photo_form_bytes() and _KEY not in sent_key:
            return KeyRequired("Send a key of the API with a body of this size.")
        return None


def main() -> None:
    """Serve the site until SIGTERM or SIGINT; running requests get 15 s to end."""
    os.environ["SOUNDSCAPE_PROGRAM"] = "web"  # the settings shorten the database's time limits
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "soundscape_site.settings.local")
    application = web_application()
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
            threads=settings.SOUNDSCAPE_WEB_THREADS,
            connection_limit=CONNECTIONS,
            channel_timeout=_SILENCE_S,
            max_request_body_size=largest_body_of_all() + 1,
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
