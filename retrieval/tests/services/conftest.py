"""Two transactions at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection


@pytest.fixture
def elsewhere():
    """Run a call in a thread with its own database connection."""

    def closing(call):
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        yield lambda call: pool.submit(closing, call)


@pytest.fixture
def until_our_lock_is_awaited():
    """Wait until another transaction waits for a lock of ours."""

    def wait():
        waiting = (
            "SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        deadline = time.monotonic() + 30
        with connection.cursor() as cursor:
            while True:
                cursor.execute(waiting)
                if cursor.fetchone()[0]:
                    return
                assert time.monotonic() < deadline, "no transaction waits"
                time.sleep(0.01)

    return wait
