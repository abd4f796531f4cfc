"""`sweep`: one sweeper of several, its signals, and requests for missing profiles."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import DatabaseError, connection

from retrieval import tasks
from retrieval.engine.spaces.space import all_spaces
from retrieval.management.commands import sweep
from retrieval.models import JobState, LibraryImport, LibraryProfiling
from retrieval.selectors import networks
from retrieval.tests.factories import unsaved_clip


@pytest.fixture
def swept(monkeypatch):
    """Record the thread of each sweep."""
    by = []

    def wake():
        by.append(threading.get_ident())
        return 0

    monkeypatch.setattr(sweep, "wake_overdue", wake)
    yield by
    connection.close()  # releases the lock


@pytest.fixture
def other():
    """Run a second sweeper, or another call, in a thread with its own connection."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        second_round = sweeper()._round
        yield lambda call=second_round: thread.submit(call).result()
        thread.submit(close_connection).result()


def sweeper():
    """Return a new sweeper."""
    command = sweep.Command()
    command._profiles_checked_at = None
    return command


def close_connection():
    connection.close()  # `connection.close` would be bound to the calling thread's connection


def session():
    """Return the server process of this thread's connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_only_one_of_two_sweepers_works(swept, other):
    me, mine = threading.get_ident(), sweeper()
    mine._round()
    at_first = session()
    for _ in range(2):
        other()
        mine._round()
    assert swept == [me] * 3
    assert session() == at_first  # a new connection would have released the lock


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_the_second_sweeper_takes_over_and_the_first_reconnects(swept, other, caplog):
    me, mine = threading.get_ident(), sweeper()
    mine._round()
    lost = session()

    def terminate():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [lost])

    other(terminate)
    other()
    assert len(swept) == 2
    assert swept[1] != me
    mine._round()
    assert "the database does not answer, will try again" in caplog.text
    mine._round()
    assert session() != lost
    assert len(swept) == 2  # the second sweeper has the lock now


@pytest.fixture
def handlers():
    """Restore pytest's signal handlers."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("when", ["within a round", "between rounds"])
def test_a_signal_stops_it_at_once(swept, monkeypatch, handlers, number, when):
    slept = []
    signaller = threading.Timer(0.2, os.kill, (os.getpid(), number))

    def wake():
        signaller.start()
        if when == "within a round":
            time.sleep(3)  # interrupted by the signal
            slept.append(1)
        return 0

    monkeypatch.setattr(sweep, "wake_overdue", wake)
    with pytest.raises(SystemExit) as stopped:
        call_command("sweep", every=3.0)
    assert stopped.value.code == 0
    assert slept == []
    signaller.join()


@pytest.fixture
def wake_ups(monkeypatch):
    """Record the messages to the ingest workers."""
    sent: list[int] = []
    monkeypatch.setattr(tasks.profile_library, "delay", sent.append)
    yield sent
    connection.close()  # releases the lock


@pytest.mark.django_db
@pytest.mark.usefixtures("swept")
def test_the_file_of_an_import_that_ended_is_discarded(media_root):
    name = default_storage.save("sent-recordings/x", ContentFile(b"sound"))
    ended = LibraryImport.objects.create(
        source="/sent/1", sent_file=name, sent_row={"path": "x.wav"}, state=JobState.DONE,
        finished_at="2026-01-01T00:00Z",
    )  # fmt: skip
    sweeper()._round()
    ended.refresh_from_db()
    assert ended.sent_file == ""
    assert not default_storage.exists(name)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_missing_profiles_are_requested(wake_ups, handlers):
    unsaved_clip(1).save()
    call_command("sweep", once=True)
    requested = LibraryProfiling.objects.order_by("id")
    assert [(one.space_id, one.model_version, one.state) for one in requested] == [
        (space.name, space.audio_model, "queued") for space in all_spaces()
    ]
    assert wake_ups == [one.pk for one in requested]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_complete_library_requests_nothing(wake_ups, handlers):
    call_command("sweep", once=True)
    assert not LibraryProfiling.objects.exists()
    assert wake_ups == []


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_profiles_are_not_requested_twice_and_waiting_requests_are_woken(wake_ups, handlers):
    unsaved_clip(1).save()
    LibraryProfiling.objects.bulk_create(
        LibraryProfiling(space_id=space.name, model_version=space.audio_model)
        for space in all_spaces()
    )
    LibraryProfiling.objects.update(created_at="2026-01-01T00:00Z", woken_at="2026-01-01T00:00Z")
    call_command("sweep", once=True)
    assert LibraryProfiling.objects.count() == len(all_spaces())
    assert sorted(wake_ups) == sorted(LibraryProfiling.objects.values_list("pk", flat=True))


@pytest.fixture
def searches(swept, monkeypatch):
    """Count the searches for missing profiles."""
    times = []

    def search():
        times.append(1)
        return 0

    monkeypatch.setattr(sweep, "submit_missing_profiles", search)
    return times


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_missing_profiles_are_searched_once_an_hour(searches):
    mine = sweeper()
    for _ in range(3):
        mine._round()
    assert len(searches) == 1
    mine._profiles_checked_at -= 3601
    for _ in range(3):
        mine._round()
    assert len(searches) == 2


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_network_that_arrives_is_noticed_in_the_next_round(searches, monkeypatch):
    monkeypatch.setattr(networks, "is_present", lambda _: False)
    mine = sweeper()
    mine._round()
    mine._round()
    assert len(searches) == 1
    monkeypatch.setattr(networks, "is_present", lambda _: True)
    mine._round()
    mine._round()
    assert len(searches) == 2


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_standby_sweeper_does_not_search(searches, other):
    sweeper()._round()
    other()
    assert len(searches) == 1


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_failed_search_is_repeated_in_the_next_round(searches, monkeypatch, caplog):
    def fail():
        raise DatabaseError("no connection")

    mine = sweeper()
    with monkeypatch.context() as failing:
        failing.setattr(sweep, "submit_missing_profiles", fail)
        mine._round()
    assert "no connection" in caplog.text
    mine._round()
    assert len(searches) == 1


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_after_an_outage_of_the_database_it_sweeps_again_at_once(monkeypatch, handlers):
    pauses: list[float] = []

    def wake():
        if len(pauses) == 1:
            return 0
        raise DatabaseError("server closed the connection unexpectedly")

    def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 2:
            raise SystemExit

    monkeypatch.setattr(sweep, "wake_overdue", wake)
    monkeypatch.setattr("time.sleep", pause)
    with pytest.raises(SystemExit):
        call_command("sweep", every=30.0)
    assert pauses == [2.0, 30.0]
    connection.close()
