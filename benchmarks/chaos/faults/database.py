"""PostgreSQL faults: committed data must survive them."""

from __future__ import annotations

import contextlib
import signal
import time
from contextlib import ExitStack

import psutil
import psycopg2

from benchmarks.chaos.timing import expect_quick
from benchmarks.chaos.trial import Trial
from soundscape_site.embedded.database import APP_ROLE

_UNAVAILABLE_WITHIN_S = 3.0
_ALIVE_WITHIN_S = 1.0


def restart(trial: Trial) -> None:
    """Restart it at once and after a pause, in good order and as in a crash."""
    for how in (signal.SIGINT, signal.SIGQUIT):
        for number in trial.repeats(2):
            trial.rig.postgres.stop(how)
            trial.pause(2 * number, 0)
            trial.rig.postgres.start()
            trial.mark()
            trial.pause(8, 2)


def hang(trial: Trial) -> None:
    """Stop all its processes for a while: connections stay open, and nothing is answered."""
    server = psutil.Process(trial.rig.postgres.pid)
    stopped = [server, *server.children(recursive=True)]
    for process in stopped:
        process.suspend()
    try:
        for path, status, within_s in (
            ("/", 503, _UNAVAILABLE_WITHIN_S),
            ("/healthz", 200, _ALIVE_WITHIN_S),
        ):
            expect_quick(trial, path, during="a hang", within_s=within_s, status=status)
    finally:
        for process in stopped:
            process.resume()
    trial.mark()


def lose_connections(trial: Trial) -> None:
    """Terminate random sessions of the application, also during transactions."""
    deadline = time.monotonic() + (5 if trial.quick else 20)
    while time.monotonic() < deadline:
        trial.rig.postgres.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s "
            "ORDER BY random() LIMIT 1",
            APP_ROLE,
        )
        time.sleep(0.5)
    trial.mark()


def out_of_connections(trial: Trial) -> None:
    """Occupy all connections that are not reserved for superusers."""
    with ExitStack() as sessions:
        with contextlib.suppress(psycopg2.OperationalError):
            while True:
                sessions.enter_context(trial.rig.postgres.session(APP_ROLE))
        trial.pause(10, 3)
    trial.mark()


def lock(trial: Trial) -> None:
    """Lock the table of scenes exclusively, as a migration can."""
    with trial.rig.postgres.session() as cursor:
        cursor.execute("BEGIN; LOCK TABLE retrieval_scene IN ACCESS EXCLUSIVE MODE")
        trial.pause(12, 4)
        cursor.execute("ROLLBACK")
    trial.mark()
