"""Races between a repeated search and the deletion of its photo: real transactions."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from django.db import connection

from accounts.tests.races import at_once
from retrieval.jobs.transitions import StaleClaimError
from retrieval.models import DeletedScene, MatchRun, Scene, SceneProfile, SceneRematch
from retrieval.services import rematching, runs
from retrieval.services.deletion import delete_scene
from retrieval.services.rematching import request_rematch, run_rematch
from retrieval.services.scenes import find_sounds
from retrieval.tests.factories import small_matchers
from retrieval.tests.fakes import dummy_finder
from retrieval.tests.photos import accepted

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def finder(tmp_path, index_directory, media_root, make_clip):
    make_clip(np.full(7, 1 / 7))
    return dummy_finder(tmp_path, index_directory)


@pytest.fixture
def scene(finder, make_clip):
    """A photo whose result is older than a recording."""
    scene = accepted()
    find_sounds(scene_id=scene.pk, finder=finder, worker="w")
    make_clip(np.full(7, 0.02) + np.eye(7)[0] * 0.86)
    return scene


def wanted(scene):
    return request_rematch(
        scene_id=scene.pk, matcher=small_matchers()["paper"], allowances=(), queue_limit=100
    )


def delete(scene):
    try:
        return delete_scene(scene_id=scene.pk, reason=DeletedScene.Reason.VISITOR)
    finally:
        connection.close()


def until_a_row_is_awaited():
    deadline = time.monotonic() + 30
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            assert time.monotonic() < deadline, "no transaction waits for a lock"
            time.sleep(0.01)


def assert_nothing_is_left(media_root):
    for model in (Scene, SceneRematch, MatchRun, SceneProfile):
        assert not model.objects.exists()
    assert not [path for path in Path(media_root).rglob("*") if path.is_file()]


def test_a_deletion_waits_until_the_result_is_stored(scene, finder, media_root, monkeypatch):
    rematch = wanted(scene)
    with ThreadPoolExecutor(1) as pool:
        deleting: list[Future[bool]] = []

        def store(**given):
            run = runs.store_run(**given)
            deleting.append(pool.submit(delete, scene))
            until_a_row_is_awaited()
            return run

        monkeypatch.setattr(rematching, "store_run", store)
        run_rematch(rematch_id=rematch.pk, finder=finder, worker="w")
        assert deleting[0].result(timeout=30)
    assert_nothing_is_left(media_root)


def test_a_result_after_the_deletion_is_not_stored(scene, finder, media_root, monkeypatch):
    rematch = wanted(scene)
    search_all = finder.search_all

    def meanwhile(*args, **options):
        found = search_all(*args, **options)
        delete(scene)
        return found

    monkeypatch.setattr(finder, "search_all", meanwhile)
    with pytest.raises(StaleClaimError):
        run_rematch(rematch_id=rematch.pk, finder=finder, worker="w")
    assert_nothing_is_left(media_root)


def test_requests_at_the_same_time_make_one_job(scene):
    found: list[SceneRematch] = []
    assert at_once(*[lambda: found.append(wanted(scene))] * 10) == [None] * 10
    assert len({rematch.pk for rematch in found}) == SceneRematch.objects.count() == 1
