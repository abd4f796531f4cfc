"""Races between deleting a photo and uploading it again: real transactions and files."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.db import connection, transaction

from retrieval.models import DeletedScene, DiscardedFile, JobState, MatchRun, Scene
from retrieval.services.deletion import delete_scene
from retrieval.services.scenes import find_sounds
from retrieval.storage.content_locks import lock_exclusively, lock_shared
from retrieval.tests.fakes import dummy_finder
from retrieval.tests.photos import accepted

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

VISITOR = DeletedScene.Reason.VISITOR


@pytest.fixture
def elsewhere():
    """Run a call in a thread with its own database connection."""

    def closing(call):
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=4) as pool:
        yield lambda call: pool.submit(closing, call)


@pytest.fixture
def finder(tmp_path, index_directory, media_root, make_clip):
    make_clip(np.full(7, 1 / 7))
    return dummy_finder(tmp_path, index_directory)


def whole(scene):
    return all(
        default_storage.exists(str(name)) for name in (scene.photo.name, scene.model_input.name)
    )


def waiting_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return cursor.fetchone()[0]


def until_a_lock_is_awaited():
    deadline = time.monotonic() + 30
    while not waiting_for_a_lock():
        assert time.monotonic() < deadline, "no transaction waits for a lock"
        time.sleep(0.01)


def delete(scene):
    return delete_scene(scene_id=scene.pk, reason=VISITOR)


def test_an_upload_before_the_deletion_keeps_its_files(finder, elsewhere):
    first = accepted()
    find_sounds(scene_id=first.pk, finder=finder, worker="w")
    with transaction.atomic():
        second = accepted()
        assert second.state == JobState.DONE
        deleting = elsewhere(lambda: delete(first))
        until_a_lock_is_awaited()
    assert deleting.result(timeout=30)
    assert whole(second)
    assert MatchRun.objects.get() == second.run


def test_an_upload_while_rows_are_deleted_finds_no_stale_run(finder, elsewhere):
    first = accepted()
    find_sounds(scene_id=first.pk, finder=finder, worker="w")
    with transaction.atomic():
        delete(first)
        accepting = elsewhere(accepted)
        until_a_lock_is_awaited()
    second = accepting.result(timeout=30)
    assert (second.state, second.run) == (JobState.QUEUED, None)
    assert whole(second)


def test_an_upload_while_a_file_is_removed_writes_it_again(finder, elsewhere, monkeypatch):
    first = accepted()
    remove = default_storage.delete
    accepting = []

    def removed_slowly(name):
        accepting.append(elsewhere(accepted))
        until_a_lock_is_awaited()
        remove(name)

    with monkeypatch.context() as patched:
        patched.setattr(default_storage, "delete", removed_slowly)
        delete(first)
    scenes = [pending.result(timeout=30) for pending in accepting]
    assert scenes
    assert all(whole(scene) for scene in scenes)
    assert not DiscardedFile.objects.exists()


def test_concurrent_uploads_and_deletions_lose_no_file(finder, elsewhere):
    """Upload and delete a few photos in several threads; the remaining scenes are complete."""

    def visitor(number):
        for turn in range(12):
            scene = accepted(turn % 2, upload=f"upload {turn % 3}")
            if (turn + number) % 4:
                delete(scene)

    visitors = [elsewhere(lambda number=number: visitor(number)) for number in range(4)]
    for pending in visitors:
        pending.result(timeout=60)
    left = list(Scene.objects.all())
    assert len(left) == 12
    assert all(whole(scene) for scene in left)
    assert not DiscardedFile.objects.exists()


@pytest.mark.parametrize("lock", [lock_shared, lock_exclusively])
def test_a_lock_needs_a_transaction(lock, media_root):
    with pytest.raises(transaction.TransactionManagementError, match="needs a transaction"):
        lock("any")
