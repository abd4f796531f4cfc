"""A task waits while the database does not answer, instead of using up its wake-up."""

from __future__ import annotations

import logging
import time

import psycopg2
import pytest
from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
)

from retrieval.jobs import policies


class Outage:
    """What a task does: it fails a number of times, then ends."""

    def __init__(self, error, times):
        self.error, self.left, self.calls = error, times, 0

    def __call__(self):
        self.calls += 1
        if self.left:
            self.left -= 1
            raise self.error
        return "done"


@pytest.fixture
def run(monkeypatch):
    """Run a task that fails; the pauses pass at once."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("time.sleep", lambda s: now.__setitem__(0, now[0] + s))
    monkeypatch.setattr("django.db.connection.close", lambda: None)

    def run(act):
        def body():
            return act()

        return policies.ingest_task(f"test_{id(act)}")(body)()

    return run


def lost(kind=OperationalError, message="the server closed the connection\nunexpectedly"):
    """An error as Django makes it of psycopg's."""
    error = kind(message)
    error.__cause__ = getattr(psycopg2, kind.__name__)(message)
    return error


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError, DatabaseError])
def test_a_task_outlasts_an_outage_of_the_database(run, caplog, kind):
    act = Outage(lost(kind), times=5)
    with caplog.at_level(logging.INFO):
        assert run(act) == "done"
    assert act.calls == 6
    (record,) = caplog.records
    assert len(record.getMessage().splitlines()) == 1


def test_a_long_outage_ends_the_task(run):
    act = Outage(lost(), times=1_000)
    with pytest.raises(OperationalError):
        run(act)
    assert act.calls == 62  # one each half second, for 30 seconds


def test_the_time_before_an_outage_does_not_count(run):
    outage = Outage(lost(), times=5)

    def act():
        time.sleep(0 if outage.calls else 100)
        return outage()

    assert run(act) == "done"


@pytest.fixture
def session():
    """A second connection to the database."""
    session = connection.copy()
    yield session
    session.close()


def error_of(session, statement):
    with session.cursor() as cursor, pytest.raises((DatabaseError, InterfaceError)) as caught:
        cursor.execute(statement)
    return caught.value


@pytest.mark.django_db
def test_a_terminated_session_is_an_outage(session):
    ended = error_of(session, "SELECT pg_terminate_backend(pg_backend_pid())")
    assert policies._is_outage(ended)
    with pytest.raises(InterfaceError, match="closed") as caught:
        session.cursor()
    assert policies._is_outage(caught.value)


@pytest.mark.django_db
def test_a_refused_connection_is_an_outage(session):
    session.settings_dict = session.settings_dict | {"HOST": "127.0.0.1", "PORT": "1"}
    with pytest.raises(OperationalError) as caught:
        session.ensure_connection()
    assert policies._is_outage(caught.value)


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["53100", "40P01", "57014", "55P03", "53200"])
def test_an_error_of_a_working_connection_is_no_outage(session, state):
    error = error_of(session, f"DO $$BEGIN RAISE SQLSTATE '{state}'; END$$")
    assert isinstance(error, OperationalError)
    assert not policies._is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        lost(ProgrammingError, "no such column"),
        DatabaseError("Save with update_fields did not affect any rows."),  # Django's own
    ],
)
def test_a_fault_of_a_query_is_not_repeated(run, error):
    act = Outage(error, times=5)
    with pytest.raises(type(error)):
        run(act)
    assert act.calls == 1
