from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command
from django.db import connection

from retrieval.management.commands import sweep


@pytest.fixture
def swept(monkeypatch):
    """Note which thread's sweeper works."""
    by = []

    def wake():
        by.append(threading.get_ident())
        return 0

    monkeypatch.setattr(sweep, "wake_overdue", wake)
    yield by
    connection.close()  # gives up the lock


@pytest.fixture
def other():
    """A second sweeper, in a thread and so with a connection of its own."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        round_of_its_own = sweep.Command()._round
        yield lambda call=round_of_its_own: thread.submit(call).result()
        thread.submit(close_its_own).result()


def close_its_own():
    connection.close()  # `connection.close` by itself would name the calling thread's


def session():
    """Return which session of the server this thread's connection is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_two_sweepers_one_works(swept, other):
    me, mine = threading.get_ident(), sweep.Command()
    mine._round()
    at_first = session()
    for _ in range(2):
        other()
        mine._round()
    assert swept == [me] * 3
    assert session() == at_first  # a new one would have let the lock go for a moment


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_the_other_takes_over_and_a_lost_connection_is_made_anew(swept, other, caplog):
    me, mine = threading.get_ident(), sweep.Command()
    mine._round()
    lost = session()

    def end_it():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [lost])

    other(end_it)
    other()
    assert len(swept) == 2
    assert swept[1] != me
    mine._round()
    assert "the database does not answer, trying again" in caplog.text
    mine._round()
    assert session() != lost
    assert len(swept) == 2  # it waits for its turn now


@pytest.fixture
def handlers():
    """Give pytest its signal handlers back."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("when", ["within a round", "between rounds"])
def test_it_ends_when_told(swept, monkeypatch, handlers, number, when):
    slept = []
    signaller = threading.Timer(0.2, os.kill, (os.getpid(), number))

    def wake():
        signaller.start()
        if when == "within a round":
            time.sleep(3)  # the signal cuts this short
            slept.append(1)
        return 0

    monkeypatch.setattr(sweep, "wake_overdue", wake)
    with pytest.raises(SystemExit) as left:
        call_command("sweep", every=3.0)
    assert left.value.code == 0
    assert slept == []
    signaller.join()
