"""`python -m soundscape_site.tests.web.small_site`: a small application on the web server."""

from __future__ import annotations

import io
import json
import logging
import time

from soundscape_site.web import server

LARGE_ANSWER_BYTES = 20_000_000  # more than sockets and waitress's watermark hold


def application(environ, start_response):
    """Echo the body, or do what the path names."""
    body = environ["wsgi.input"].read()
    match environ["PATH_INFO"]:
        case "/file":
            start_response("200 OK", [("Content-Length", str(LARGE_ANSWER_BYTES))])
            return environ["wsgi.file_wrapper"](io.BytesIO(bytes(LARGE_ANSWER_BYTES)))
        case "/text":
            body = bytes(LARGE_ANSWER_BYTES)
        case "/forwarded":
            names = ("REMOTE_ADDR", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO")
            body = json.dumps({name: environ.get(name) for name in names}).encode()
        case "/wait":
            time.sleep(1.5)
            body = b"waited"
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


if __name__ == "__main__":
    logging.basicConfig(level="INFO")
    setattr(server, "web_application", lambda: application)  # noqa: B010
    server.main()
