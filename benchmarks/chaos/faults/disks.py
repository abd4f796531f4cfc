"""Faults of the disks of photos and servers: full or read-only."""

from __future__ import annotations

import contextlib
import time
from typing import Final

import psycopg2

from benchmarks.chaos.ledger import Entry, Outcome
from benchmarks.chaos.programs import wait_until
from benchmarks.chaos.trial import Trial
from benchmarks.chaos.visitors import Browser, look, submit

_ANSWERS: Final = "I8 troubles are answered well"
_INTACT: Final = "I10 what is stored stays intact"
_HARMED: Final = "the harm was done"
_LOOK_EVERY_S: Final = 0.5
_FULL_S: Final = 8.0
_REFUSES_WITHIN_S: Final = 30.0

# Space of dead rows would otherwise be reused for hundreds of photos.
_LEAVE_NO_GAPS: Final = "VACUUM FULL retrieval_scene, django_session"

_NEXT_LOG_FILE: Final = "SELECT pg_logical_emit_message(true, 'chaos', ''), pg_switch_wal()"
_LOG_FILES: Final = 100  # more than it keeps in reserve

# Casting a row to text reads its TOAST values too.
_READ_WHOLE: Final = """
SELECT format('SELECT count(t::text) FROM %%I.%%I t', schemaname, tablename) FROM pg_tables
"""


def full(trial: Trial) -> None:
    """Fill the disk of photos; then free it."""
    with trial.rig.media_disk.full():
        trial.lasts(10, 3)
    trial.mark()


def read_only(trial: Trial) -> None:
    """Remount the disk of photos read-only, as Linux does after errors."""
    trial.rig.media_disk.remount("ro")
    trial.lasts(10, 3)
    trial.rig.media_disk.remount("rw")
    trial.mark()


def servers_full(trial: Trial) -> None:
    """Fill the disk of Redis, then also that of PostgreSQL; then free both."""
    rig, reader = trial.rig, Browser(trial.rig.url)
    scene = submit(reader, next(trial.photos), rig.ledger)
    wait_until(lambda: trial.finished(scene), "a result to read")
    with rig.redis_disk.full():
        began = time.time()
        trial.lasts(5, 3)
        _expect_all_accepted(trial, _uploads(trial, since=began))
        rig.postgres.ask(_LEAVE_NO_GAPS)
        with rig.postgres_disk.full():
            _read_while_full(trial, reader, f"/scenes/{scene}/")
            _use_up_log(trial)
            trial.lasts(4, 2)
        _expect_redis_harmed(trial)
    rig.postgres.start()  # an operator does this after freeing the disk
    trial.mark()
    trial.lasts(5, 3)
    _expect_intact(trial)


def _use_up_log(trial: Trial) -> None:
    """Make PostgreSQL need a new WAL file: without room for it, it ends."""
    with contextlib.suppress(psycopg2.OperationalError):
        for _ in range(_LOG_FILES):
            trial.rig.postgres.ask(_NEXT_LOG_FILE)
    wait_until(lambda: not trial.rig.postgres.is_alive(), "PostgreSQL to stop without its log")


def _uploads(trial: Trial, *, since: float) -> list[Entry]:
    entries = trial.rig.ledger.during(trial.rig.ledger.fault)
    return [entry for entry in entries if entry.kind == "upload" and entry.began > since]


def _read_while_full(trial: Trial, reader: Browser, page: str) -> None:
    """Read a page until uploads are refused, and a while longer."""
    began, statuses = time.time(), []
    refusals: set[int] = set()
    while time.time() < began + (_FULL_S if refusals else _REFUSES_WITHIN_S):
        answer = look(reader, page, trial.rig.ledger)
        statuses.append(answer.status if answer else 0)
        uploads = _uploads(trial, since=began)
        refusals = {one.status for one in uploads if one.outcome is Outcome.REFUSED}
        time.sleep(_LOOK_EVERY_S)
    trial.expect(
        that=refusals == {503},
        invariant=_ANSWERS,
        otherwise=f"without room for rows, {len(uploads)} uploads were refused with {refusals}",
    )
    trial.expect(
        that=200 in statuses or not trial.rig.postgres.is_alive(),  # it must end without WAL
        invariant=_ANSWERS,
        otherwise=f"while no row could be written, none could be read: {statuses}",
    )


def _expect_all_accepted(trial: Trial, uploads: list[Entry]) -> None:
    others = sorted({f"{one.outcome} {one.status}" for one in uploads} - {"accepted 200"})
    trial.expect(
        that=bool(uploads) and not others,
        invariant=_ANSWERS,
        otherwise=f"without room for messages, {len(uploads)} uploads: {others}",
    )


def _expect_redis_harmed(trial: Trial) -> None:
    with trial.rig.redis.client() as client:
        status = client.info("persistence")["aof_last_write_status"]
    trial.expect(that=status == "err", invariant=_HARMED, otherwise="Redis met no full disk")


def _expect_intact(trial: Trial) -> None:
    """Read every row and check every page; the embedded PostgreSQL has no `amcheck`."""
    postgres = trial.rig.postgres
    try:
        for (query,) in postgres.ask(_READ_WHOLE):
            postgres.ask(query)
    except psycopg2.Error as error:
        trial.expect(that=False, invariant=_INTACT, otherwise=str(error))
    postgres.stop()
    damage = postgres.damage()
    postgres.start()
    trial.mark()
    trial.expect(that=not damage, invariant=_INTACT, otherwise=damage)
