"""PostgreSQL faults: committed data must survive them."""

from __future__ import annotations

import contextlib
import signal
import time
from contextlib import ExitStack

import psycopg2

from benchmarks.chaos.trial import Trial
from soundscape_site.embedded.database import APP_ROLE


def restart(trial: Trial) -> None:
    for how in (signal.SIGINT, signal.SIGQUIT):
        for _ in trial.repeats(2):
            trial.rig.postgres.stop(how)
            trial.pause(2, 1)
            trial.rig.postgres.start()
            trial.mark()
            trial.pause(8, 2)


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
