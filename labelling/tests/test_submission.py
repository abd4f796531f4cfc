"""Wake-ups of imports of photos: after the commit, by the sweeper, after a worker's death."""

from __future__ import annotations

import io

import pytest
import redis
from django.conf import settings

from labelling import submission, tasks
from labelling.models import PhotoImport
from labelling.services.photo_files import PhotoCredit
from labelling.services.photo_import_jobs import UploadedFile
from labelling.services.photo_sets import make_photo_set
from labelling.tests.photos import picture, zip_of
from retrieval.jobs.leases import LEASE
from retrieval.jobs.transitions import claim
from retrieval.jobs.worker_names import child_name
from retrieval.models import JobState, LibraryImport
from retrieval.submission import release_claims_of, wake_for_photo, wake_overdue
from retrieval.tasks import find_sounds_for_scene
from retrieval.tests.photos import accepted

pytestmark = pytest.mark.django_db


@pytest.fixture
def photo_set(media_root):
    return make_photo_set(name="Set", made_by=None)


@pytest.fixture
def old_import(photo_set):
    job = PhotoImport.objects.create(photo_set=photo_set, file_name="p.zip", archive="p.zip")
    PhotoImport.objects.update(created_at="2026-01-01T00:00Z")
    return job


@pytest.fixture
def broker():
    """The tests' own database of Redis, empty before and after."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()
        yield client
        client.flushdb()


def test_a_worker_is_woken_after_the_commit(
    photo_set, monkeypatch, django_capture_on_commit_callbacks
):
    woken: list[int] = []
    monkeypatch.setattr(tasks.import_photos, "delay", woken.append)
    file = UploadedFile("p.zip", io.BytesIO(zip_of({"a.png": picture(1)})))
    with django_capture_on_commit_callbacks(execute=True):
        (job,) = submission.submit_photo_imports(
            photo_set_id=photo_set.pk, files=[file], credit=PhotoCredit(), requested_by=None
        )
        assert woken == []
    assert woken == [job.pk]


def test_the_task_imports_by_the_workers_slices(monkeypatch):
    runs = []
    monkeypatch.setattr(tasks, "run_photo_import_slice", lambda **given: runs.append(given))
    tasks.import_photos.run(7, argument_of_a_newer_release=1)
    (given,) = runs
    assert (given["import_id"], given["slicing"].worker) == (7, child_name())


def test_the_sweeper_wakes_a_worker_for_an_import_whose_message_was_lost(broker, old_import):
    assert wake_overdue() == 1
    (message,) = broker.lrange("ingest", 0, -1)
    assert b"ingest.import_photos" in message
    old_import.refresh_from_db()
    assert old_import.woken_at is not None


def test_imports_of_both_kinds_count_as_waiting_in_their_queue(broker, old_import):
    """Two jobs and one message: the other message is missing, although the queue is not empty."""
    LibraryImport.objects.create(source="/r")
    LibraryImport.objects.update(created_at="2026-01-01T00:00Z")
    assert wake_overdue() == 2
    kept = [one for one in broker.lrange("ingest", 0, -1) if b"run_import" in one]
    broker.delete("ingest")
    broker.rpush("ingest", *kept)
    for model in (PhotoImport, LibraryImport):
        model.objects.update(woken_at="2026-01-01T00:00Z")
    wake_overdue()
    assert any(b"import_photos" in one for one in broker.lrange("ingest", 0, -1))


def test_the_sweeper_queues_an_import_with_an_expired_lease_again(broker, old_import):
    assert claim(PhotoImport, old_import.pk, owner="w", lease=LEASE)
    PhotoImport.objects.update(lease_expires_at="2026-01-01T00:00Z")
    wake_overdue()
    old_import.refresh_from_db()
    assert (old_import.state, old_import.lease_owner) == (JobState.QUEUED, "")


def test_the_import_of_a_dead_worker_is_released(old_import):
    assert claim(PhotoImport, old_import.pk, owner=child_name(7), lease=LEASE)
    assert release_claims_of(child_name(7)) == 1
    old_import.refresh_from_db()
    assert old_import.state == JobState.QUEUED


def test_a_worker_is_woken_for_an_imported_photo_that_is_queued(media_root, monkeypatch):
    woken: list[str] = []
    monkeypatch.setattr(find_sounds_for_scene, "delay", woken.append)
    scene = accepted()
    wake_for_photo(scene)
    assert woken == [str(scene.pk)]
    scene.state = JobState.DONE
    wake_for_photo(scene)
    assert len(woken) == 1
