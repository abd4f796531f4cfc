"""`manage.py serve`: the whole site on one machine, until Ctrl-C."""

from __future__ import annotations

import io
import logging
import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from retrieval.worker_signs import forget_signs, worker_alive
from soundscape_site.embedded.commands import services_for
from soundscape_site.embedded.errors import ServicesError
from soundscape_site.embedded.locks import FileLock
from soundscape_site.embedded.services import Lease, use_services
from soundscape_site.settings.paths import BASE_DIR, VAR_DIR
from soundscape_site.supervision import ChildSpec, SupervisionError, Supervisor
from soundscape_site.task_policies import INFERENCE_QUEUE, INGEST_QUEUE

logger = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 2.0
_GPU_GROWTH: Final = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}


class Command(BaseCommand):
    """Run web, workers and sweeper under one supervisor."""

    help = "Run the site: web, workers and sweeper. Ctrl-C ends all of them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on")

    def handle(self, *, host: str, port: int, **options: Any) -> None:
        """Start everything in order, say when it is ready, run until told to stop."""
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: stop.set())
        with _site_lock(VAR_DIR / "run" / "site.lock"):
            _check_port(host, port)
            call_command("check", tags=["models"], stdout=io.StringIO())
            call_command("collectstatic", interactive=False, verbosity=0)
            forget_signs()
            self._run(host, port, stop)

    def _run(self, host: str, port: int, stop: threading.Event) -> None:
        with ExitStack() as stack:
            services = services_for(sys.argv, os.environ)
            lease = stack.enter_context(use_services(VAR_DIR, services)) if services else None
            self._supervise(host, port, _Wanted(stop, lease))

    def _supervise(self, host: str, port: int, wanted: _Wanted) -> None:
        log = VAR_DIR / "log"
        supervisor = Supervisor(
            _children(host, port, log),
            wanted=wanted,
            announce=self._say,
            output=sys.stderr,
        )
        began = time.monotonic()
        try:
            if supervisor.start():
                self._say(f"Ready after {time.monotonic() - began:.1f} s: http://{host}:{port}/")
                self._say(f"Logs are in {log}. Ctrl-C ends everything.")
                supervisor.watch()
            self._say("Stopping")
        except (SupervisionError, ServicesError) as error:
            raise CommandError(str(error)) from error
        finally:
            supervisor.stop()

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


class _Wanted:
    """Says whether to go on; brings back services whose own supervisor was killed."""

    def __init__(self, stop: threading.Event, lease: Lease | None) -> None:
        self._stop = stop
        self._lease = lease
        self._looked_at = time.monotonic()

    def __call__(self) -> bool:
        if self._stop.is_set():
            return False
        if self._lease is not None and time.monotonic() - self._looked_at > _LOOK_EVERY_S:
            self._lease.renew()
            self._looked_at = time.monotonic()
        return True


def _children(host: str, port: int, log: Path) -> list[ChildSpec]:
    """Return the site's processes in the order in which they start."""
    environment = os.environ | {"SOUNDSCAPE_BIND": f"{host}:{port}"}
    child = partial(_child, environment=environment, log=log)
    return [
        child(
            "inference",
            _worker(INFERENCE_QUEUE),
            extra=_GPU_GROWTH,
            announcement="Starting the inference worker: it loads the image model",
            is_ready=worker_alive,
            ready_within_s=120.0,
        ),
        child("ingest", _worker(INGEST_QUEUE), extra=_GPU_GROWTH),
        child("sweeper", (str(BASE_DIR / "manage.py"), "sweep")),
        child(
            "web",
            ("-m", "gunicorn", "-c", "python:soundscape_site.gunicorn", "soundscape_site.wsgi"),
            is_ready=partial(_answers, host, port),
        ),
    ]


def _child(
    name: str,
    arguments: tuple[str, ...],
    *,
    environment: Mapping[str, str],
    log: Path,
    extra: Mapping[str, str] | None = None,
    **spec: Any,
) -> ChildSpec:
    return ChildSpec(
        name=name,
        argv=(sys.executable, *arguments),
        env={**environment, **(extra or {})},
        log=log / f"{name}.log",
        stop_ladder=((signal.SIGTERM, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)),
        **spec,
    )


def _worker(queue: str) -> tuple[str, ...]:
    return (
        "-m", "celery", "--app", "soundscape_site.celery", "worker",
        "--queues", queue, "--hostname", f"{queue}@%h", "--pool", "prefork", "--concurrency", "1",
        "--without-mingle", "--loglevel", "INFO",
    )  # fmt: skip


def _site_lock(path: Path) -> FileLock:
    """Take the lock of the one site per var directory; the kernel frees it with this process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock.open(path)
    if not lock.try_exclusive():
        lock.close()
        raise CommandError(
            f"The site already runs from {path.parents[1]}. End that run first, or give this one "
            "a place of its own with SOUNDSCAPE_VAR_DIR and --port."
        )
    return lock


def _check_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {host}:{port}: {error.strerror}. "
                f"Choose another port: make run PORT={port + 1}"
            ) from error


def _answers(host: str, port: int) -> bool:
    try:
        with urllib.request.urlopen(
            f"http://{host}:{port}/healthz", timeout=1
        ) as answer:  # our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
