"""`gunicorn -c python:soundscape_site.tests.web.patient_site`: a small application in a hurry."""

from __future__ import annotations

import os

from soundscape_site.web import timed_socket

timed_socket.GRACE_S, timed_socket.STALL_S = 1.5, 1.5  # type: ignore[misc]

bind = os.environ["BIND"]
workers = 1
threads = int(os.environ["THREADS"])
worker_class = "soundscape_site.web.web_worker.PatientWorker"
wsgi_app = "soundscape_site.tests.web.patient_site:application"
keepalive = 5
graceful_timeout = 3
control_socket_disable = True


def application(environ, start_response):
    """Answer with what was sent, or with as much as is asked for."""
    if environ["QUERY_STRING"]:
        start_response("200 OK", [("Content-Length", environ["QUERY_STRING"])])
        return (bytes(65_536) for _ in range(int(environ["QUERY_STRING"]) // 65_536))
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
