"""Messages through a real Redis: sent, lost and sent again."""

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
    """Three photos that have been queued for long."""
    for n in range(1, 4):
        scene = Scene.objects.create(
            photo_sha256=f"{n:064x}", photo="p.jpg", model_input="p.rgb", width_px=3, height_px=2
        )
        Scene.objects.filter(pk=scene.pk).update(created_at=f"2026-01-0{n}T00:00Z")


def a_minute_passes():
    """Long enough for a message to arrive, too short to repeat all of them."""
    Scene.objects.update(woken_at=F("woken_at") - timedelta(minutes=1))


def test_no_message_is_repeated_while_it_waits(broker, waiting):
    assert submission.wake_overdue() == 3
    assert broker.llen(INFERENCE_QUEUE) == 3
    a_minute_passes()
    assert submission.wake_overdue() == 0


def test_all_messages_are_sent_again_after_the_broker_lost_them(broker, waiting):
    submission.wake_overdue()
    broker.flushdb()
    assert submission.wake_overdue() == 0  # a worker may be starting on them
    a_minute_passes()
    assert submission.wake_overdue() == 3
    assert broker.llen(INFERENCE_QUEUE) == 3


def test_one_lost_message_is_replaced_by_one(broker, waiting):
    submission.wake_overdue()
    broker.rpop(INFERENCE_QUEUE)
    a_minute_passes()
    assert submission.wake_overdue() == 1


def test_messages_of_one_kind_do_not_hide_the_loss_of_another(broker):
    """Imports whose messages wait, and a profiling job whose message was lost."""
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


def test_broker_errors_lose_no_job(broker, waiting, caplog):
    broker.set(INFERENCE_QUEUE, "no list")  # refuses messages, like a full Redis
    assert submission.wake_overdue() == 0
    assert "no broker to wake a worker" in caplog.text
    broker.delete(INFERENCE_QUEUE)
    assert submission.wake_overdue() == 3


def test_the_jobs_of_a_dead_worker_are_released_by_its_name(waiting):
    mine, other, _ = Scene.objects.order_by("created_at")
    assert claim(Scene, mine.pk, owner=child_name(7), lease=LEASE)
    assert claim(Scene, other.pk, owner=child_name(8), lease=LEASE)
    assert submission.release_claims_of(child_name(7)) == 1
    assert Scene.objects.get(pk=other.pk).state == JobState.PROCESSING
    assert submission.release_claims_of(child_name(8)) == 1
    assert set(Scene.objects.values_list("state", flat=True)) == {JobState.QUEUED}
