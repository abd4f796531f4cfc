"""Faults of PostgreSQL: it loses nothing that it has committed."""

from __future__ import annotations

import contextlib
import time
from contextlib import ExitStack

import psycopg2

from benchmarks.chaos.trial import Trial
from soundscape_site.embedded.database import APP_ROLE


def restart(trial: Trial) -> None:
    for how in ("fast", "immediate"):
        for _ in trial.times(2):
            trial.rig.postgres.stop(how)
            trial.lasts(2, 1)
            trial.rig.postgres.start()
            trial.mark()
            trial.lasts(8, 2)


def lose_connections(trial: Trial) -> None:
    """Terminate random sessions of the program."""
    ends = time.monotonic() + (5 if trial.quick else 20)
    while time.monotonic() < ends:
        trial.rig.postgres.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s "
            "ORDER BY random() LIMIT 1",
            APP_ROLE,
        )
        time.sleep(0.5)
    trial.mark()


def out_of_connections(trial: Trial) -> None:
    """Open every session that ordinary roles may have."""
    with ExitStack() as taken:
        with contextlib.suppress(psycopg2.OperationalError):
            while True:
                taken.enter_context(trial.rig.postgres.session(APP_ROLE))
        trial.lasts(10, 3)
    trial.mark()


def lock(trial: Trial) -> None:
    """Lock the table of scenes, as a careless migration does."""
    with trial.rig.postgres.session() as cursor:
        cursor.execute("BEGIN; LOCK TABLE retrieval_scene IN ACCESS EXCLUSIVE MODE")
        trial.lasts(12, 4)
        cursor.execute("ROLLBACK")
    trial.mark()
