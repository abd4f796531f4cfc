"""A finished scene is matched again with the newest library."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from retrieval import submission, tasks
from retrieval.jobs import transitions
from retrieval.jobs.leases import LEASE
from retrieval.models import DeletedScene, JobState, Match, MatchRun, Scene, SceneRematch
from retrieval.quotas.limits import Allowance, LimitExceededError, UploadLimits
from retrieval.selectors.library import library_state
from retrieval.selectors.results import runs_by_matcher
from retrieval.services import matching, rematching, runs
from retrieval.services.deletion import delete_scene
from retrieval.services.rankers.database_rows import RankerUnavailableError
from retrieval.services.rematching import SceneUnfinishedError, request_rematch, run_rematch
from retrieval.services.scenes import find_sounds
from retrieval.services.uploads import QueueFullError
from retrieval.tests.factories import small_matchers
from retrieval.tests.photos import accepted

pytestmark = pytest.mark.django_db

PAPER = small_matchers()["paper"]


@pytest.fixture
def scene(media_root, clips, finder):
    scene = accepted()
    find_sounds(scene_id=scene.pk, finder=finder, worker="w")
    scene.refresh_from_db()
    return scene


@pytest.fixture
def newer(make_clip, scene):
    """A recording that fits the photo best and came after its search."""
    return make_clip(np.full(7, 1 / 7), title="Newer")


def wanted(scene, **given):
    wishes: dict[str, Any] = {"matcher": PAPER, "allowances": (), "queue_limit": 100}
    return request_rematch(scene_id=scene.pk, **wishes | given)


def best_clip(scene):
    scene.refresh_from_db()
    return Match.objects.get(run=scene.run, rank=1).clip


def test_a_scene_with_the_newest_result_needs_no_job(scene):
    before = scene.run_id, scene.finished_at
    assert wanted(scene) is None
    scene.refresh_from_db()
    assert (scene.run_id, scene.finished_at) == before
    assert not SceneRematch.objects.exists()


def test_the_old_result_stays_until_the_new_one_is_stored(scene, newer, finder):
    old = best_clip(scene)
    rematch = wanted(scene)
    assert wanted(scene) == rematch  # asked twice, one job
    assert best_clip(scene) == old != newer
    run_rematch(rematch_id=rematch.pk, finder=finder, worker="w")
    assert best_clip(scene) == newer
    rematch.refresh_from_db()
    assert rematch.state == JobState.DONE
    assert runs_by_matcher(scene)["paper"] == scene.run
    assert wanted(scene) is None


def test_the_result_of_another_scene_of_the_photo_is_shown_without_a_job(scene, newer, finder):
    other = accepted()
    find_sounds(scene_id=other.pk, finder=finder, worker="w")
    other.refresh_from_db()
    finished_at = scene.finished_at
    assert wanted(scene) is None
    scene.refresh_from_db()
    assert scene.run_id == other.run_id
    assert scene.finished_at > finished_at


def test_a_result_of_an_older_library_does_not_replace_a_newer_one(
    scene, newer, finder, make_clip, monkeypatch
):
    """A request shows a newer stored result while the job stores what it found before."""
    rematch = wanted(scene)
    store = rematching._store

    def store_late(*args):
        make_clip(np.full(7, 1 / 7), title="Newest")
        other = accepted()
        find_sounds(scene_id=other.pk, finder=finder, worker="other")
        assert wanted(scene) is None
        store(*args)

    monkeypatch.setattr(rematching, "_store", store_late)
    run_rematch(rematch_id=rematch.pk, finder=finder, worker="w")
    rematch.refresh_from_db()
    assert rematch.state == JobState.DONE
    scene.refresh_from_db()
    assert scene.run.library_size == max(MatchRun.objects.values_list("library_size", flat=True))


def test_a_failure_changes_nothing_that_is_shown(scene, newer, finder):
    old = best_clip(scene)
    rematch = SceneRematch.objects.create(scene=scene, matcher="fused")
    run_rematch(rematch_id=rematch.pk, finder=finder, worker="w")
    rematch.refresh_from_db()
    assert (rematch.state, rematch.failure_code) == (JobState.FAILED, "profiles_missing")
    assert best_clip(scene) == old


def test_an_outage_of_the_database_of_the_rows_is_no_failure(scene, newer, finder, monkeypatch):
    rematch = wanted(scene)
    with monkeypatch.context() as outage:
        outage.setattr(matching, "open_library", Mock(side_effect=RankerUnavailableError("off")))
        run_rematch(rematch_id=rematch.pk, finder=finder, worker="w")
    rematch.refresh_from_db()
    assert (rematch.state, rematch.attempts) == (JobState.QUEUED, 0)
    run_rematch(rematch_id=rematch.pk, finder=finder, worker="w")
    assert best_clip(scene) == newer


def test_a_matcher_without_profiles_does_not_lose_the_results_of_the_others(scene, newer, finder):
    rematch = SceneRematch.objects.create(scene=scene, matcher="fused")
    run_rematch(rematch_id=rematch.pk, finder=finder, worker="w")
    assert wanted(scene) is None
    assert best_clip(scene) == newer


def test_a_result_that_was_stored_since_the_request_is_not_searched_again(
    scene, newer, finder, monkeypatch
):
    rematch = wanted(scene)
    other = accepted()
    find_sounds(scene_id=other.pk, finder=finder, worker="other")
    monkeypatch.setattr(finder, "search_all", None)
    run_rematch(rematch_id=rematch.pk, finder=finder, worker="w")
    rematch.refresh_from_db()
    other.refresh_from_db()
    scene.refresh_from_db()
    assert rematch.state == JobState.DONE
    assert scene.run_id == other.run_id


def searched_by(scene, name):
    """Request a search by a matcher; return the job and what it will find."""
    rematch = SceneRematch.objects.create(scene=scene, matcher=name)
    rematch.refresh_from_db()
    return rematch, make_run(scene, name)


def make_run(scene, name):
    run = MatchRun.objects.get(pk=scene.run_id)
    run.pk, run.matcher = None, name
    run.snapshot = library_state().snapshot
    run.save(force_insert=True)
    return run


def end(monkeypatch, finder, rematch, run):
    monkeypatch.setattr(rematching, "_newest_run", lambda *_: run)
    run_rematch(rematch_id=rematch.pk, finder=finder, worker="w")
    rematch.refresh_from_db()
    assert rematch.state == JobState.DONE


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_the_last_request_decides_whichever_job_ends_last(scene, newer, finder, monkeypatch, order):
    jobs = [searched_by(scene, name) for name in ("heard", "fused")]
    for number in order:
        end(monkeypatch, finder, *jobs[number])
    scene.refresh_from_db()
    assert scene.run == jobs[1][1]


def test_a_repeated_request_is_the_last_one(scene, newer, finder, monkeypatch):
    first = wanted(scene)
    found = make_run(scene, "paper")
    later = searched_by(scene, "heard")
    with monkeypatch.context() as context:
        context.setattr(rematching, "_newest_run", lambda *_: None)
        assert wanted(scene) == first
    end(monkeypatch, finder, first, found)
    end(monkeypatch, finder, *later)
    scene.refresh_from_db()
    assert scene.run == found


def test_an_older_job_does_not_replace_what_was_shown_on_request(scene, newer, finder, monkeypatch):
    older = searched_by(scene, "heard")
    with monkeypatch.context() as context:
        context.setattr(rematching, "_newest_run", lambda *_: scene.run)
        assert wanted(scene) is None  # what it shows already
    end(monkeypatch, finder, *older)
    before = scene.run_id
    scene.refresh_from_db()
    assert scene.run_id == before


def test_a_new_search_counts_as_a_photo_of_the_minute(scene, newer, finder):
    allowances = (Allowance("user:rematch", "one account", UploadLimits(0, 0, 1)),)
    rematch = wanted(scene, allowances=allowances)
    assert wanted(scene, allowances=allowances) == rematch  # no new search
    with pytest.raises(LimitExceededError) as refused:
        wanted(scene, matcher=small_matchers()["heard"], allowances=allowances)
    assert refused.value.code == "rate_limited"
    assert SceneRematch.objects.count() == 1
    run_rematch(rematch_id=rematch.pk, finder=finder, worker="w")
    assert wanted(scene, allowances=allowances) is None


def test_the_default_matcher_is_replaced_as_for_new_photos(scene, newer, make_finder):
    rematch = SceneRematch.objects.create(scene=scene, matcher="fused")
    run_rematch(rematch_id=rematch.pk, finder=make_finder("fused"), worker="w")
    assert best_clip(scene) == newer
    assert scene.run.matcher == "paper"


def test_a_lost_claim_stores_nothing(scene, newer, finder, monkeypatch):
    rematch = wanted(scene)

    def store_and_lose(**given):
        run = runs.store_run(**given)
        transitions.release_owned(SceneRematch, owner="w")
        return run

    monkeypatch.setattr(rematching, "store_run", store_and_lose)
    before = scene.run_id
    with pytest.raises(transitions.StaleClaimError):
        run_rematch(rematch_id=rematch.pk, finder=finder, worker="w")
    scene.refresh_from_db()
    assert scene.run_id == before
    assert MatchRun.objects.count() == 1


def test_the_outcome_of_the_last_one_is_kept(scene, newer):
    SceneRematch.objects.create(
        scene=scene, matcher="paper", state="failed", finished_at=scene.finished_at,
        failure_code="poison",
    )  # fmt: skip
    rematch = wanted(scene)
    assert list(SceneRematch.objects.all()) == [rematch]


def test_an_unfinished_scene_has_nothing_to_replace(media_root, clips):
    with pytest.raises(SceneUnfinishedError):
        wanted(accepted())


def test_a_full_queue_refuses(scene, newer):
    SceneRematch.objects.create(scene=scene, matcher="fused")
    with pytest.raises(QueueFullError):
        wanted(scene, queue_limit=1)


def test_a_deleted_scene_takes_its_jobs_with_it(scene, newer, finder):
    rematch = wanted(scene)
    delete_scene(scene_id=scene.pk, reason=DeletedScene.Reason.VISITOR)
    assert not SceneRematch.objects.exists()
    run_rematch(rematch_id=rematch.pk, finder=finder, worker="w")  # nothing to do


def test_the_sweeper_knows_them(scene, newer, monkeypatch):
    woken: list[int] = []
    monkeypatch.setattr(tasks.rematch_scene, "delay", woken.append)
    rematch = wanted(scene)
    assert transitions.claim(SceneRematch, rematch.pk, owner="w", lease=LEASE)
    assert submission.release_claims_of("w") == 1
    SceneRematch.objects.update(created_at="2026-01-01T00:00Z")
    assert submission.wake_overdue() == 1
    assert woken == [rematch.pk]


def test_a_worker_is_woken_after_the_commit(
    scene, newer, finder, monkeypatch, django_capture_on_commit_callbacks
):
    woken: list[int] = []
    monkeypatch.setattr(submission, "matcher_in_force", small_matchers().__getitem__)
    monkeypatch.setattr(tasks.rematch_scene, "delay", woken.append)
    with django_capture_on_commit_callbacks(execute=True):
        rematch = submission.submit_rematch(scene_id=scene.pk, matcher="paper", allowances=())
        assert rematch is not None
        assert woken == []
    assert woken == [rematch.pk]
    assert Scene.objects.get().state == JobState.DONE
