"""Transactions that wait for each other, for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone


def until_somebody_waits() -> None:
    """Return when another session of this database waits for a lock."""
    deadline = timezone.now() + timedelta(seconds=10)
    with connection.cursor() as cursor:
        while timezone.now() < deadline:
            cursor.execute(
                "SELECT pg_stat_clear_snapshot(), count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[1]:
                return
    raise AssertionError("nobody waits for a lock")


def call_meanwhile(
    first: Callable[[], object],
    second: Callable[[], object],
    *,
    then: Callable[[], object] = lambda: None,
) -> None:
    """Make the second call while the transaction of the first is open.

    As soon as the second waits, `then` is called in the first's transaction, which is committed.
    """
    first_is_stored = threading.Event()

    def store() -> None:
        try:
            with transaction.atomic():
                first()
                first_is_stored.set()
                until_somebody_waits()
                then()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        stored = pool.submit(store)
        assert first_is_stored.wait(10)
        try:
            second()
        finally:
            stored.result(10)


def error_of_second(first: Callable[[], object], second: Callable[[], object]) -> ValidationError:
    """Return the error of a call that clashes with the uncommitted row of the first."""
    try:
        call_meanwhile(first, second)
    except ValidationError as error:
        return error
    raise AssertionError("both were stored")
