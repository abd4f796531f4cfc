"""Wake-ups through a real Redis: what is sent, what was lost, what is sent again."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis
from django.conf import settings
from django.db.models import F

from retrieval import submission
from retrieval.jobs.leases import LEASE
from retrieval.jobs.transitions import claim
from retrieval.jobs.worker_names import child_name
from retrieval.models import JobState, LibraryImport, LibraryProfiling, Scene
from retrieval.tasks import find_sounds_for_scene

pytestmark = pytest.mark.django_db

INFERENCE_QUEUE = find_sounds_for_scene.name.partition(".")[0]


@pytest.fixture
def broker():
    """The tests' own database of Redis, empty before and after."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()
        yield client
        client.flushdb()


@pytest.fixture
def waiting():
    """Three photos that came long ago."""
    for n in range(1, 4):
        scene = Scene.objects.create(
            photo_sha256=f"{n:064x}", photo="p.jpg", model_input="p.rgb", width_px=3, height_px=2
        )
        Scene.objects.filter(pk=scene.pk).update(created_at=f"2026-01-0{n}T00:00Z")


def a_minute_passes():
    """Long enough for a wake-up to arrive, too short to repeat all of them."""
    Scene.objects.update(woken_at=F("woken_at") - timedelta(minutes=1))


def test_each_is_woken_once_as_long_as_its_message_waits(broker, waiting):
    assert submission.wake_overdue() == 3
    assert broker.llen(INFERENCE_QUEUE) == 3
    a_minute_passes()
    assert submission.wake_overdue() == 0


def test_a_broker_that_forgot_everything_is_sent_it_again(broker, waiting):
    submission.wake_overdue()
    broker.flushdb()
    assert submission.wake_overdue() == 0  # they may be in a worker's hands at this moment
    a_minute_passes()
    assert submission.wake_overdue() == 3
    assert broker.llen(INFERENCE_QUEUE) == 3


def test_one_lost_message_is_made_up_for_by_one(broker, waiting):
    submission.wake_overdue()
    broker.rpop(INFERENCE_QUEUE)
    a_minute_passes()
    assert submission.wake_overdue() == 1


def test_of_two_kinds_in_one_queue_neither_hides_what_the_other_lost(broker):
    """Imports whose messages wait, and a profiling whose message is gone."""
    imports = [LibraryImport.objects.create(source=f"/{n}") for n in range(3)]
    profiling = LibraryProfiling.objects.create(space_id="objects", model_version="m")
    for model in (LibraryImport, LibraryProfiling):
        model.objects.update(created_at="2026-01-01T00:00Z")
    assert submission.wake_overdue() == 4
    kept = [message for message in broker.lrange("ingest", 0, -1) if b"run_import" in message]
    broker.delete("ingest")
    broker.rpush("ingest", *kept)
    assert len(kept) == len(imports)
    for model in (LibraryImport, LibraryProfiling):
        model.objects.update(woken_at=F("woken_at") - timedelta(minutes=1))
    submission.wake_overdue()
    profiling.refresh_from_db()
    assert any(b"profile_library" in message for message in broker.lrange("ingest", 0, -1))


def test_a_broker_that_answers_with_errors_loses_nothing(broker, waiting, caplog):
    broker.set(INFERENCE_QUEUE, "no list")  # as when it is full: it takes no message
    assert submission.wake_overdue() == 0
    assert "no broker to wake a worker" in caplog.text
    broker.delete(INFERENCE_QUEUE)
    assert submission.wake_overdue() == 3


def test_what_a_dead_worker_held_is_given_back_by_its_name(waiting):
    mine, other, _ = Scene.objects.order_by("created_at")
    assert claim(Scene, mine.pk, owner=child_name(7), lease=LEASE)
    assert claim(Scene, other.pk, owner=child_name(8), lease=LEASE)
    assert submission.release_claims_of(child_name(7)) == 1
    assert Scene.objects.get(pk=other.pk).state == JobState.PROCESSING
    assert submission.release_claims_of(child_name(8)) == 1
    assert set(Scene.objects.values_list("state", flat=True)) == {JobState.QUEUED}
