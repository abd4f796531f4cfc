"""Disk faults: full or read-only, for the photos and for the servers."""

from __future__ import annotations

import contextlib
import time
from typing import Final

import psycopg2

from benchmarks.chaos.invariants import ANSWERS, INJECTED, INTACT, Violation
from benchmarks.chaos.ledger import Entry, Outcome
from benchmarks.chaos.programs import wait_until
from benchmarks.chaos.senders import SEND
from benchmarks.chaos.trial import Trial
from benchmarks.chaos.visitors import Browser, read_page, submit

_READ_EVERY_S: Final = 0.5
_FULL_S: Final = 8.0
_REFUSES_WITHIN_S: Final = 30.0

# Removes the space of dead rows, which PostgreSQL could reuse for hundreds of new rows.
_COMPACT: Final = "VACUUM FULL retrieval_scene, django_session"

_SWITCH_WAL_FILE: Final = "SELECT pg_logical_emit_message(true, 'chaos', ''), pg_switch_wal()"
_WAL_FILES: Final = 100  # more than PostgreSQL recycles

# The cast to text also reads values that are stored out of line and compressed (TOAST).
_READ_QUERIES: Final = """
SELECT format('SELECT count(t::text) FROM %%I.%%I t', schemaname, tablename) FROM pg_tables
"""


def full(trial: Trial) -> None:
    """Fill the disk of the photos, then free it."""
    began = time.time()
    with trial.rig.media_disk.full():
        trial.pause(10, 3)
    trial.mark()
    _expect_refused(trial, began)


def read_only(trial: Trial) -> None:
    """Remount the disk of the photos read-only, as the kernel does after errors."""
    began = time.time()
    trial.rig.media_disk.remount("ro")
    trial.pause(10, 3)
    trial.rig.media_disk.remount("rw")
    trial.mark()
    _expect_refused(trial, began)


def servers_full(trial: Trial) -> None:
    """Fill the disk of Redis, then also that of PostgreSQL; then free both."""
    rig, reader = trial.rig, Browser(trial.rig.url)
    scene = submit(reader, next(trial.photos), rig.ledger)
    wait_until(lambda: trial.finished(scene), "a result to read")
    with rig.redis_disk.full():
        began = time.time()
        trial.pause(5, 3)
        _expect_all_accepted(trial, _uploads(trial, since=began))
        rig.postgres.query(_COMPACT)
        with rig.postgres_disk.full():
            _read_while_full(trial, reader, f"/scenes/{scene}/")
            _exhaust_wal(trial)
            trial.pause(4, 2)
        _expect_redis_write_error(trial)
    rig.postgres.start()  # the rig does not restart PostgreSQL automatically
    trial.mark()
    trial.pause(5, 3)
    _expect_intact(trial)


def _expect_refused(trial: Trial, began: float) -> None:
    """Check that photos of visitors and of programs were refused since a time."""
    entries = trial.rig.ledger.during(trial.rig.ledger.fault)
    refused = [one for one in entries if one.began > began and one.status in (503, 507)]
    kinds = {one.kind for one in refused}
    text = f"photos were accepted, but for {len(refused)} of {kinds}"
    trial.expect(kinds >= {"upload", SEND}, INJECTED, text)


def _exhaust_wal(trial: Trial) -> None:
    """Make PostgreSQL need a new WAL file, which the full disk prevents: it must then stop."""
    with contextlib.suppress(psycopg2.OperationalError):
        for _ in range(_WAL_FILES):
            trial.rig.postgres.query(_SWITCH_WAL_FILE)
    wait_until(lambda: not trial.rig.postgres.is_alive(), "PostgreSQL to stop without a WAL file")


def _uploads(trial: Trial, *, since: float) -> list[Entry]:
    entries = trial.rig.ledger.during(trial.rig.ledger.fault)
    return [entry for entry in entries if entry.kind == "upload" and entry.began > since]


def _read_while_full(trial: Trial, reader: Browser, page: str) -> None:
    """Read a page until uploads are refused and the minimum time has passed."""
    began, statuses = time.time(), []
    refusals: set[int] = set()
    while time.time() < began + (_FULL_S if refusals else _REFUSES_WITHIN_S):
        answer = read_page(reader, page, trial.rig.ledger)
        statuses.append(answer.status if answer else 0)
        uploads = _uploads(trial, since=began)
        refusals = {one.status for one in uploads if one.outcome is Outcome.REFUSED}
        time.sleep(_READ_EVERY_S)
    problem = "PostgreSQL's disk is full"
    refused = f"{problem}: {len(uploads)} uploads were refused with {refusals}"
    trial.expect(refusals == {503}, ANSWERS, refused)
    is_readable = 200 in statuses or not trial.rig.postgres.is_alive()  # it stops without WAL
    trial.expect(is_readable, ANSWERS, f"{problem}: no page could be read: {statuses}")


def _expect_all_accepted(trial: Trial, uploads: list[Entry]) -> None:
    others = sorted({f"{one.outcome} {one.status}" for one in uploads} - {"accepted 200"})
    text = f"Redis's disk is full: {len(uploads)} uploads: {others}"
    trial.expect(uploads and not others, ANSWERS, text)


def _expect_redis_write_error(trial: Trial) -> None:
    with trial.rig.redis.client() as client:
        status = client.info("persistence")["aof_last_write_status"]
    trial.expect(status == "err", INJECTED, "Redis reported no write error")


def _expect_intact(trial: Trial) -> None:
    """Read every row and verify all checksums; the embedded PostgreSQL has no `amcheck`."""
    postgres = trial.rig.postgres
    try:
        for (query,) in postgres.query(_READ_QUERIES):
            postgres.query(query)
    except psycopg2.Error as error:
        trial.violations.append(Violation(INTACT, str(error)))
    postgres.stop()
    errors = postgres.checksum_errors()
    postgres.start()
    trial.mark()
    trial.expect(not errors, INTACT, errors)
