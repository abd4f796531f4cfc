from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection

from retrieval import tasks
from retrieval.engine.spaces.space import all_spaces
from retrieval.management.commands import sweep
from retrieval.models import LibraryProfiling
from retrieval.selectors import networks
from retrieval.tests.factories import unsaved_clip


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
        round_of_its_own = sweeper()._round
        yield lambda call=round_of_its_own: thread.submit(call).result()
        thread.submit(close_its_own).result()


def sweeper():
    """Return a sweeper as it is before its first round."""
    command = sweep.Command()
    command._profiles_checked_at = None
    return command


def close_its_own():
    connection.close()  # `connection.close` by itself would name the calling thread's


def session():
    """Return which session of the server this thread's connection is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_two_sweepers_one_works(swept, other):
    me, mine = threading.get_ident(), sweeper()
    mine._round()
    at_first = session()
    for _ in range(2):
        other()
        mine._round()
    assert swept == [me] * 3
    assert session() == at_first  # a new one would have let the lock go for a moment


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_the_other_takes_over_and_a_lost_connection_is_made_anew(swept, other, caplog):
    me, mine = threading.get_ident(), sweeper()
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


@pytest.fixture
def wake_ups(monkeypatch):
    """What was sent to the ingest workers."""
    sent: list[int] = []
    monkeypatch.setattr(tasks.profile_library, "delay", sent.append)
    yield sent
    connection.close()  # gives up the lock


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_recordings_that_lack_profiles_get_them_without_being_asked_for(wake_ups, handlers):
    unsaved_clip(1).save()
    call_command("sweep", once=True)
    owed = LibraryProfiling.objects.order_by("id")
    assert [(one.space_id, one.model_version, one.state) for one in owed] == [
        (space.name, space.audio_model, "queued") for space in all_spaces()
    ]
    assert wake_ups == [one.pk for one in owed]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_library_that_lacks_nothing_owes_nothing(wake_ups, handlers):
    call_command("sweep", once=True)
    assert not LibraryProfiling.objects.exists()
    assert wake_ups == []


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_second_sweeper_owes_nothing_twice_and_wakes_what_was_forgotten(wake_ups, handlers):
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
def looked(swept, monkeypatch):
    """Count how often the library is looked through for missing profiles."""
    times = []

    def look():
        times.append(1)
        return 0

    monkeypatch.setattr(sweep, "submit_missing_profiles", look)
    return times


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_the_library_is_looked_through_once_an_hour_only(looked):
    mine = sweeper()
    for _ in range(3):
        mine._round()
    assert len(looked) == 1
    mine._profiles_checked_at -= 3601
    for _ in range(3):
        mine._round()
    assert len(looked) == 2


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_network_that_arrives_is_noticed_in_the_next_round(looked, monkeypatch):
    monkeypatch.setattr(networks, "is_present", lambda _: False)
    mine = sweeper()
    mine._round()
    mine._round()
    assert len(looked) == 1
    monkeypatch.setattr(networks, "is_present", lambda _: True)
    mine._round()
    mine._round()
    assert len(looked) == 2


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_who_only_waits_to_sweep_looks_for_nothing(looked, other):
    sweeper()._round()
    other()
    assert len(looked) == 1


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_look_that_failed_is_taken_again_in_the_next_round(looked, monkeypatch, caplog):
    def fail():
        raise DatabaseError("gone for a moment")

    mine = sweeper()
    with monkeypatch.context() as failing:
        failing.setattr(sweep, "submit_missing_profiles", fail)
        mine._round()
    assert "gone for a moment" in caplog.text
    mine._round()
    assert len(looked) == 1
