"""`manage.py serve`: run the whole site on one machine until Ctrl-C."""

from __future__ import annotations

import argparse
import io
import logging
import os
import signal
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

import redis
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection
from django.urls import reverse

from accounts.services.invitations import OperatorExistsError, invite_first_operator
from retrieval.jobs.policies import INFERENCE_QUEUE, INGEST_QUEUE
from retrieval.jobs.worker_signs import forget_signs, worker_alive
from soundscape_site.embedded.commands import services_for
from soundscape_site.embedded.errors import ServicesError
from soundscape_site.embedded.locks import FileLock
from soundscape_site.embedded.services import ServiceUse, use_services
from soundscape_site.settings.paths import BASE_DIR, VAR_DIR
from soundscape_site.supervising.bind_address import BindAddress, CannotBindError
from soundscape_site.supervising.supervisor import ChildSpec, SupervisionError, Supervisor

logger = logging.getLogger(__name__)

_RENEW_EVERY_S: Final = 2.0
_LAST_PORT: Final = 65_535
_GPU_GROWTH: Final = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}


class Command(BaseCommand):
    """Run web, workers, sweeper and sender of webhooks under one supervisor."""

    help = "Run the site: web, workers, sweeper and sender of webhooks. Ctrl-C ends all of them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=_port, default=8000, help="port to listen on")

    def handle(self, *, host: str, port: int, **options: Any) -> None:
        """Start everything in order and run it until a signal arrives."""
        began_at = float(os.environ.get("SOUNDSCAPE_STARTED_AT") or time.time())  # set by make
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: stop.set())
        where = BindAddress(host, port)
        with _site_lock(VAR_DIR / "run" / "site.lock"):
            _check_free(where)
            self._say("Checking the models")
            call_command("check", tags=["models"], stdout=io.StringIO())
            self._say("Collecting the static files")
            call_command("collectstatic", interactive=False, verbosity=0)
            with ExitStack() as stack:
                services = services_for(sys.argv, os.environ)
                lease = stack.enter_context(use_services(VAR_DIR, services)) if services else None
                _forget_earlier_workers()
                self._supervise(where, _Wanted(stop, lease), began_at)

    def _supervise(self, where: BindAddress, wanted: _Wanted, began_at: float) -> None:
        log = VAR_DIR / "log"
        _keep_details_in(log / "serve.log")
        supervisor = Supervisor(_children(where, log), wanted=wanted, announce=self._say)
        try:
            if supervisor.start():
                self._say(f"Logs are in {log}. Ctrl-C stops everything.")
                for url in where.urls_elsewhere():
                    self._say(f"From other machines: {url}")
                took_s = time.time() - began_at
                self._say(f"Ready after {took_s:.1f} s: http://{where.reached_at}/")
                self._offer_operator(where)
                supervisor.watch()
            self._say("Stopping")
        except (SupervisionError, ServicesError) as error:
            raise CommandError(str(error)) from error
        finally:
            supervisor.stop()

    def _offer_operator(self, where: BindAddress) -> None:
        """Print the address that makes the first operator, if there is none yet."""
        try:
            token = invite_first_operator()
        except OperatorExistsError:
            return
        except OperationalError as error:
            logger.warning("no token for the first operator: %s", error)
            self._say("The database does not answer: no token for a first operator.")
            return
        finally:
            connection.close()
        path = reverse("accounts:invitation_link", args=[token])
        self._say(f"No operator yet. To become one, open http://{where.reached_at}{path}")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


class _Wanted:
    """Tells whether to go on; restarts the embedded services if their supervisor was killed."""

    def __init__(self, stop: threading.Event, lease: ServiceUse | None) -> None:
        self._stop = stop
        self._lease = lease
        self._renewed_at = time.monotonic()

    def __call__(self) -> bool:
        if self._stop.is_set():
            return False
        if self._lease is not None and time.monotonic() - self._renewed_at > _RENEW_EVERY_S:
            self._lease.renew()
            self._renewed_at = time.monotonic()
        return True


def _keep_details_in(path: Path) -> None:
    """Log to a file; show only warnings on the terminal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for handler in logging.root.handlers:
        handler.setLevel(logging.WARNING)
    details = logging.FileHandler(path)
    details.setFormatter(logging.Formatter("{asctime} {levelname} {name}: {message}", style="{"))
    logging.root.addHandler(details)


def _children(where: BindAddress, log: Path) -> list[ChildSpec]:
    """Return the site's processes in the order in which they start."""
    hosts = [*os.environ.get("DJANGO_ALLOWED_HOSTS", "").split(","), *where.hosts()]
    environment = os.environ | {
        "SOUNDSCAPE_BIND": where.bind,
        "DJANGO_ALLOWED_HOSTS": ",".join(filter(None, hosts)),
    }
    child = partial(_child, environment=environment, log=log)
    return [
        child(
            "inference",
            _worker(INFERENCE_QUEUE),
            extra=_GPU_GROWTH,
            announcement="Starting the inference worker, which loads the image model",
            is_ready=worker_alive,
            ready_within_s=120.0,
        ),
        child(
            "ingest",
            _worker(INGEST_QUEUE),
            extra=_GPU_GROWTH,
            announcement="Starting the ingest worker",
        ),
        child(
            "sweeper",
            (str(BASE_DIR / "manage.py"), "sweep"),
            announcement="Starting the sweeper",
        ),
        child(
            "webhooks",
            (str(BASE_DIR / "manage.py"), "send_webhooks"),
            announcement="Starting the sender of webhooks",
        ),
        child(
            "web",
            ("-m", "soundscape_site.web.server"),
            announcement="Starting the web server",
            is_ready=partial(_answers, where),
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
    """Take the lock that allows one site per var directory; it is freed when this process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock.open(path)
    if not lock.try_exclusive():
        lock.close()
        raise CommandError(
            f"The site already runs from {path.parents[1]}. Stop that run first, or give this one "
            "another folder with SOUNDSCAPE_VAR_DIR and another --port."
        )
    return lock


def _port(text: str) -> int:
    """Parse a port number; 0, any free port, is refused."""
    try:
        port = int(text)
    except ValueError:
        port = 0
    if not 1 <= port <= _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: use 1 to {_LAST_PORT}")
    return port


def _check_free(where: BindAddress) -> None:
    try:
        where.check_free()
    except CannotBindError as error:
        other = where.port + 1 if where.port < _LAST_PORT else where.port - 1
        raise CommandError(f"{error}. Choose another port: make run PORT={other}") from error


def _forget_earlier_workers() -> None:
    try:
        forget_signs()
    except redis.RedisError as error:
        raise CommandError(f"Redis, which REDIS_URL names, does not answer: {error}") from error


def _answers(where: BindAddress) -> bool:
    try:
        with urllib.request.urlopen(
            f"http://{where.reached_at}/healthz", timeout=1
        ) as answer:  # our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
