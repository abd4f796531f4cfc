from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from retrieval.jobs import transitions
from retrieval.models import MAX_ATTEMPTS, JobState, MatchRun, Scene

pytestmark = pytest.mark.django_db

LEASE = timedelta(minutes=1)


@pytest.fixture
def scene():
    return Scene.objects.create(
        photo_sha256="ab" * 32, photo="p.jpg", model_input="p.rgb", width_px=3, height_px=2
    )


@pytest.fixture
def run():
    return MatchRun.objects.create(
        photo_sha256="ab" * 32, matcher="paper", matcher_version=1, model_versions={},
        snapshot=1, library_size=1, search_seconds=0.1,
    )  # fmt: skip


def claimed(scene, owner="w"):
    held = transitions.claim(Scene, scene.pk, owner=owner, lease=LEASE)
    assert held is not None
    return held


def expire(scene):
    Scene.objects.filter(pk=scene.pk).update(lease_expires_at=timezone.now() - LEASE)


def test_a_claim_counts_the_attempt_before_work_starts(scene):
    held = claimed(scene, "w1")
    scene.refresh_from_db()
    assert held.attempt == 1
    assert (scene.state, scene.attempts, scene.lease_owner) == (JobState.PROCESSING, 1, "w1")
    assert scene.started_at is not None
    assert scene.lease_expires_at > scene.started_at


def test_only_one_worker_can_claim_a_job(scene):
    assert transitions.claim(Scene, scene.pk, owner="w1", lease=LEASE) is not None
    assert transitions.claim(Scene, scene.pk, owner="w2", lease=LEASE) is None


def test_finish_stores_the_result_and_ends_the_lease(scene, run):
    held = claimed(scene, "w1")
    transitions.finish(held, run=run)
    scene.refresh_from_db()
    assert (scene.state, scene.run, scene.lease_owner) == (JobState.DONE, run, "")
    assert scene.finished_at is not None


def test_fail_stores_the_reason(scene):
    held = claimed(scene, "w1")
    transitions.fail(held, code="library_empty", detail="nothing there")
    scene.refresh_from_db()
    assert (scene.state, scene.failure_code) == (JobState.FAILED, "library_empty")


def test_a_job_with_an_expired_lease_is_queued_again(scene):
    transitions.claim(Scene, scene.pk, owner="w1", lease=LEASE)
    assert transitions.release_expired(Scene) == 0
    expire(scene)
    assert transitions.release_expired(Scene) == 1
    scene.refresh_from_db()
    assert (scene.state, scene.attempts) == (JobState.QUEUED, 1)


def test_a_worker_that_lost_its_lease_cannot_write(scene, run):
    stale = claimed(scene, "w1")
    expire(scene)
    transitions.release_expired(Scene)
    transitions.claim(Scene, scene.pk, owner="w2", lease=LEASE)
    with pytest.raises(transitions.StaleClaimError, match="attempt 1"):
        transitions.finish(stale, run=run)
    with pytest.raises(transitions.StaleClaimError):
        transitions.fail(stale, code="x", detail="y")
    scene.refresh_from_db()
    assert (scene.state, scene.attempts, scene.lease_owner) == (JobState.PROCESSING, 2, "w2")


def test_a_job_fails_after_three_attempts(scene):
    for attempt in (1, 2, 3):
        held = claimed(scene, "w")
        assert held.attempt == attempt
        expire(scene)
        transitions.release_expired(Scene)
    scene.refresh_from_db()
    assert (scene.state, scene.failure_code, scene.attempts) == (JobState.FAILED, "poison", 3)
    assert transitions.claim(Scene, scene.pk, owner="w", lease=LEASE) is None


def test_a_finished_job_does_not_change(scene, run):
    held = claimed(scene, "w1")
    transitions.finish(held, run=run)
    assert transitions.claim(Scene, scene.pk, owner="w2", lease=LEASE) is None
    with pytest.raises(transitions.StaleClaimError):
        transitions.finish(held, run=run)


def test_only_a_processing_job_can_end():
    assert transitions.TRANSITIONS[JobState.QUEUED] == {JobState.PROCESSING}
    assert not transitions.TRANSITIONS[JobState.DONE] | transitions.TRANSITIONS[JobState.FAILED]


@pytest.mark.parametrize("to", [JobState.QUEUED, JobState.DONE, JobState.FAILED])
def test_a_transition_that_the_table_forbids_is_refused(scene, run, monkeypatch, to):
    held = claimed(scene)
    allowed = transitions.TRANSITIONS[JobState.PROCESSING] - {to}
    monkeypatch.setattr(
        transitions,
        "TRANSITIONS",
        {**transitions.TRANSITIONS, JobState.PROCESSING: frozenset(allowed)},
    )
    moves = {
        JobState.QUEUED: lambda: transitions.pause(held),
        JobState.DONE: lambda: transitions.finish(held, run=run),
        JobState.FAILED: lambda: transitions.fail(held, code="x", detail="y"),
    }
    with pytest.raises(transitions.StaleClaimError):
        moves[to]()
    scene.refresh_from_db()
    assert scene.state == JobState.PROCESSING


def test_claim_and_release_follow_the_table(scene, monkeypatch):
    monkeypatch.setattr(transitions, "TRANSITIONS", dict.fromkeys(JobState, frozenset()))
    assert transitions.claim(Scene, scene.pk, owner="w", lease=LEASE) is None
    monkeypatch.undo()
    claimed(scene)
    expire(scene)
    monkeypatch.setattr(transitions, "TRANSITIONS", dict.fromkeys(JobState, frozenset()))
    assert transitions.release_expired(Scene) == 0


def test_an_equal_attempt_number_of_another_owner_does_not_pass_the_fence(scene, run):
    stale = claimed(scene, "w1")
    expire(scene)
    transitions.release_expired(Scene)
    transitions.pause(claimed(scene, "w2"))  # resets the attempt counter
    again = claimed(scene, "w3")
    assert again.attempt == stale.attempt
    with pytest.raises(transitions.StaleClaimError):
        transitions.finish(stale, run=run)


def test_a_renewed_lease_is_not_expired(scene):
    held = claimed(scene)
    expire(scene)
    transitions.renew(held, lease=LEASE)
    assert transitions.release_expired(Scene) == 0


def test_a_lost_lease_cannot_be_renewed(scene):
    held = claimed(scene, "w1")
    expire(scene)
    transitions.release_expired(Scene)
    with pytest.raises(transitions.StaleClaimError):
        transitions.renew(held, lease=LEASE)


def test_jobs_of_a_dead_worker_are_queued_at_once(scene):
    claimed(scene, "host:run:7")
    assert transitions.release_owned(Scene, owner="host:run:7") == 1
    scene.refresh_from_db()
    assert (scene.state, scene.attempts, scene.lease_owner) == (JobState.QUEUED, 1, "")


@pytest.mark.parametrize("owner", ["host:run:77", "host:run:", "host:other:7", "host:run"])
def test_jobs_of_other_owners_are_not_released(scene, owner):
    claimed(scene, "host:run:7")
    assert transitions.release_owned(Scene, owner=owner) == 0


def test_a_job_that_kills_its_worker_three_times_fails(scene):
    for _ in range(3):
        claimed(scene, "host:run:7")
        assert transitions.release_owned(Scene, owner="host:run:7") == 1
    scene.refresh_from_db()
    assert (scene.state, scene.failure_code, scene.attempts) == (JobState.FAILED, "poison", 3)


def test_a_deleted_job_cannot_be_claimed(scene, monkeypatch):
    enter = transitions._enter

    def enter_and_delete(rows, state, **fields):
        entered = enter(rows, state, **fields)
        Scene.objects.filter(pk=scene.pk).delete()
        return entered

    monkeypatch.setattr(transitions, "_enter", enter_and_delete)
    assert transitions.claim(Scene, scene.pk, owner="w", lease=LEASE) is None


def test_a_worker_claims_again_what_an_outage_made_it_leave(scene):
    earlier = [claimed(scene) for _ in range(MAX_ATTEMPTS + 1)]  # none of them counts
    last = claimed(scene)
    assert {held.attempt for held in (*earlier, last)} == {1}
    for stale in earlier:
        with pytest.raises(transitions.StaleClaimError):
            transitions.renew(stale, lease=LEASE)
    transitions.renew(last, lease=LEASE)
    transitions.release_owned(Scene, owner="w")
    assert claimed(scene).attempt == 2
