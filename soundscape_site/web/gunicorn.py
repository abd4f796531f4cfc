"""Gunicorn's settings: `gunicorn -c python:soundscape_site.web.gunicorn soundscape_site.wsgi`."""

from __future__ import annotations

import os
from typing import Any

from retrieval.decoding.web_pool import close_photo_pool, photo_pool

bind = os.environ.get("SOUNDSCAPE_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("SOUNDSCAPE_WEB_PROCESSES", "2"))
worker_class = "soundscape_site.web.web_worker.PatientWorker"
threads = int(os.environ.get("SOUNDSCAPE_WEB_THREADS", "8"))
worker_connections = 400  # with all else it opens, below the usual 1024 open files
timeout = 60
graceful_timeout = 15
keepalive = 5
max_requests = 5_000
max_requests_jitter = 500
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112 # heartbeat file
control_socket_disable = True
raw_env = ["SOUNDSCAPE_PROGRAM=web"]  # the settings give its statements less time
accesslog = None
loglevel = "info"


def post_worker_init(worker: Any) -> None:
    """Start the decoding children before the first photo comes, never before the fork."""
    photo_pool()


def worker_exit(server: Any, worker: Any) -> None:
    """End the children with their worker."""
    close_photo_pool()
