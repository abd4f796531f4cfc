"""`python -m soundscape_site.tests.web.small_site`: a small application on our web server."""

from __future__ import annotations

import ctypes
import io
import json
import logging
import os
import resource
import time

from soundscape_site.web import connections, server

LARGEST_BODY_BYTES = 8_000_000
LARGE_ANSWER_BYTES = 50_000_000
_LARGEST_FILE_BYTES = 1_000_000  # enough for the log; a body that overflows to a file fails


def application(environ, start_response):
    """Echo the body, or do what the path names."""
    return ANSWERS.get(environ["PATH_INFO"], echo)(environ, start_response)


def echo(environ, start_response):
    return answer(start_response, environ["wsgi.input"].read())


def show_environment(environ, start_response):
    names = ("REMOTE_ADDR", "wsgi.url_scheme", "CONTENT_LENGTH", "HTTP_X_FORWARDED_FOR")
    shown = {name: environ.get(name) for name in (*names, "HTTP_X_FORWARDED_PROTO")}
    shown["body_bytes"] = len(environ["wsgi.input"].read())
    return answer(start_response, json.dumps(shown).encode())


def send_file(environ, start_response):
    start_response("200 OK", [("Content-Length", str(LARGE_ANSWER_BYTES))])
    return environ["wsgi.file_wrapper"](io.BytesIO(bytes(LARGE_ANSWER_BYTES)))


def generate(environ, start_response):
    start_response("200 OK", [("Content-Length", str(LARGE_ANSWER_BYTES))])
    return (bytes(50_000) for _ in range(LARGE_ANSWER_BYTES // 50_000))


def wait(environ, start_response):
    time.sleep(float(environ["QUERY_STRING"]))
    return answer(start_response, b"waited")


def hold_interpreter(environ, start_response):
    ctypes.PyDLL(None).sleep(60)  # keeps the interpreter's lock, unlike time.sleep
    return answer(start_response, b"")


def answer(start_response, body):
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


ANSWERS = {
    "/environment": show_environment,
    "/file": send_file,
    "/generated": generate,
    "/wait": wait,
    "/hang": hold_interpreter,
}


def main():
    logging.basicConfig(level="INFO")
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE_BYTES, _LARGEST_FILE_BYTES))
    connections.PACE_S = float(os.environ["PACE_S"])  # type: ignore[misc]
    connections.HELD_BODY_BYTES = int(os.environ["HELD_BODY_BYTES"])  # type: ignore[misc]
    server._HANG_S = float(os.environ["HANG_S"])  # type: ignore[misc]
    server.serve(
        application,
        bind=os.environ["BIND"],
        threads=int(os.environ["THREADS"]),
        largest_body_bytes=LARGEST_BODY_BYTES,
    )


if __name__ == "__main__":
    main()
