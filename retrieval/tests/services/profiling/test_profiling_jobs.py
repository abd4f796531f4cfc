"""Missing profiles are computed in the background, in slices."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval import submission, tasks
from retrieval.engine.errors import WeightsError
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.engine.spaces.space import all_spaces
from retrieval.jobs.leases import LEASE
from retrieval.jobs.transitions import claim, fail, release_owned
from retrieval.models import (
    MAX_ATTEMPTS,
    ClipProfile,
    JobState,
    LibraryProfiling,
    ProfileFailure,
)
from retrieval.selectors.profiling import unprofiled_clips
from retrieval.services import profiling
from retrieval.services.profiling import (
    forget_failures,
    request_missing_profiles,
)
from retrieval.tests.factories import DUMMY, DUMMY_HEARD
from retrieval.tests.services.profiling.heard import NEWER, heard

pytestmark = pytest.mark.django_db


def test_a_job_is_requested_once(import_tones):
    import_tones(200)
    for _ in range(3):
        request_missing_profiles(spaces=[DUMMY, DUMMY_HEARD])
    owed = LibraryProfiling.objects.get()
    assert (owed.space_id, owed.model_version) == (DUMMY_HEARD.name, DUMMY_HEARD.audio_model)
    request_missing_profiles(spaces=[DUMMY, NEWER])
    assert LibraryProfiling.objects.count() == 2


def test_only_new_jobs_are_returned(import_tones):
    import_tones(200)
    (owed,) = request_missing_profiles(spaces=[DUMMY_HEARD])
    assert owed == LibraryProfiling.objects.get()
    assert request_missing_profiles(spaces=[DUMMY_HEARD]) == []


def test_no_job_is_requested_without_missing_profiles(import_tones, describe):
    (clip,) = import_tones(200)
    assert request_missing_profiles(spaces=[DUMMY]) == []
    describe()
    assert request_missing_profiles(spaces=[DUMMY, DUMMY_HEARD]) == []
    ProfileFailure.objects.create(
        clip=clip, space_id=NEWER.name, model_version=NEWER.audio_model, code="audio_truncated"
    )
    assert request_missing_profiles(spaces=[NEWER]) == []
    assert not LibraryProfiling.objects.exists()


def test_no_job_is_requested_while_one_is_processed(import_tones):
    import_tones(200)
    (owed,) = request_missing_profiles(spaces=[DUMMY_HEARD])
    LibraryProfiling.objects.update(
        state=JobState.PROCESSING, lease_owner="w", lease_expires_at="2100-01-01T00:00Z"
    )
    assert request_missing_profiles(spaces=[DUMMY_HEARD]) == []
    LibraryProfiling.objects.update(
        state=JobState.DONE, lease_owner="", lease_expires_at=None,
        finished_at="2026-01-01T00:00Z",
    )  # fmt: skip
    (again,) = request_missing_profiles(spaces=[DUMMY_HEARD])
    assert again.pk != owed.pk


def test_missing_profiles_wake_the_ingest_worker_after_the_commit(
    import_tones, monkeypatch, django_capture_on_commit_callbacks
):
    """The recording has no profile in either real space."""
    import_tones(200)
    sent: list[int] = []
    monkeypatch.setattr(tasks.profile_library, "delay", sent.append)
    with django_capture_on_commit_callbacks(execute=True):
        assert submission.submit_missing_profiles() == len(all_spaces())
        assert sent == []
    owed = LibraryProfiling.objects.order_by("id")
    assert [one.space_id for one in owed] == [space.name for space in all_spaces()]
    assert sent == [one.pk for one in owed]
    assert tasks.profile_library.name.startswith("ingest.")


def test_a_slice_computes_missing_profiles(import_tones, work):
    clips = import_tones(200, 600)
    (owed,) = request_missing_profiles(spaces=[DUMMY_HEARD])
    assert work(owed).state == JobState.DONE
    assert [heard(clip).distribution.argmax() for clip in clips] == [0, 1]
    assert work(owed).attempts == 1  # a second wake-up finds nothing to do


def test_a_long_job_is_processed_in_slices(import_tones, work, monkeypatch):
    monkeypatch.setattr(profiling, "_GROUP_CLIPS", 1)
    import_tones(200, 400, 600, 800, 1000)
    (owed,) = request_missing_profiles(spaces=[DUMMY_HEARD])
    slices = 1
    while work(owed, slice_s=0.0).state != JobState.DONE:
        assert (owed.state, owed.attempts, owed.lease_owner) == (JobState.QUEUED, 0, "")
        assert unprofiled_clips(DUMMY_HEARD).count() == 5 - slices
        slices += 1
    assert slices > 3  # more than an ordinary job's attempts
    assert ClipProfile.objects.filter(space_id=DUMMY_HEARD.name).count() == 5


def test_a_queued_slice_is_woken_again_by_the_sweeper(import_tones, work, monkeypatch):
    monkeypatch.setattr(profiling, "_GROUP_CLIPS", 1)
    sent: list[int] = []
    monkeypatch.setattr(tasks.profile_library, "delay", sent.append)
    import_tones(200, 600)
    (owed,) = request_missing_profiles(spaces=[DUMMY_HEARD])
    LibraryProfiling.objects.update(created_at="2026-01-01T00:00Z", woken_at="2026-01-01T00:00Z")
    assert work(owed, slice_s=0.0).woken_at is None
    assert submission.wake_overdue() == 1
    assert sent == [owed.pk]


def test_a_job_of_another_release_is_left_alone(import_tones, work):
    """Neither failed nor taken: the sweeper wakes a worker in its time, maybe the right one."""
    import_tones(200)
    (owed,) = request_missing_profiles(spaces=[NEWER])
    LibraryProfiling.objects.update(woken_at="2026-01-01T00:00Z")
    before = LibraryProfiling.objects.values().get()
    work(owed)
    assert LibraryProfiling.objects.values().get() == before
    assert work(owed, spaces=[DUMMY, NEWER]).state == JobState.DONE


def test_a_job_of_a_removed_release_ends_and_blocks_nothing(import_tones, work):
    import_tones(200)
    (newer,) = request_missing_profiles(spaces=[DUMMY, NEWER])
    (owed,) = request_missing_profiles(
        spaces=[DUMMY, DUMMY_HEARD]
    )  # a step back to the older release
    newer.refresh_from_db()
    assert (newer.state, newer.failure_code) == (JobState.FAILED, "model_superseded")
    assert newer.failure_detail == f"This program has no {NEWER.audio_model} for dummy-heard."
    assert work(owed).state == JobState.DONE
    (again,) = request_missing_profiles(spaces=[DUMMY, NEWER])
    assert work(again, spaces=[DUMMY, NEWER]).state == JobState.DONE


def test_a_processed_job_is_not_ended_by_a_newer_release(import_tones):
    import_tones(200)
    (owed,) = request_missing_profiles(spaces=[DUMMY_HEARD])
    assert claim(LibraryProfiling, owed.pk, owner="w", lease=LEASE)
    request_missing_profiles(spaces=[NEWER])
    owed.refresh_from_db()
    assert (owed.state, owed.lease_owner) == (JobState.PROCESSING, "w")


def test_a_job_that_kills_its_worker_is_not_requested_again(import_tones, caplog):
    import_tones(200)
    (owed,) = request_missing_profiles(spaces=[DUMMY_HEARD])
    for _ in range(MAX_ATTEMPTS):
        assert claim(LibraryProfiling, owed.pk, owner="w", lease=LEASE)
        assert release_owned(LibraryProfiling, owner="w") == 1
    for _ in range(3):
        assert request_missing_profiles(spaces=[DUMMY, DUMMY_HEARD]) == []
    assert LibraryProfiling.objects.get().failure_code == "poison"
    assert "[poison]; `manage.py profile_clips --retry-failed` tries again" in caplog.text
    (newer,) = request_missing_profiles(spaces=[DUMMY, NEWER])  # another model has its own try
    assert newer.model_version == NEWER.audio_model


def test_only_failed_jobs_of_current_models_are_deleted(import_tones):
    import_tones(200)
    for space in (DUMMY_HEARD, NEWER):
        (owed,) = request_missing_profiles(spaces=[space])
        held = claim(LibraryProfiling, owed.pk, owner="w", lease=LEASE)
        assert held is not None
        fail(held, code="model_error", detail="no numbers")
    forget_failures(spaces=[DUMMY, NEWER])
    assert LibraryProfiling.objects.get().model_version == DUMMY_HEARD.audio_model
    assert request_missing_profiles(spaces=[DUMMY_HEARD]) == []
    assert len(request_missing_profiles(spaces=[NEWER])) == 1


def test_jobs_that_did_not_fail_are_kept(import_tones):
    import_tones(200)
    (owed,) = request_missing_profiles(spaces=[DUMMY_HEARD])
    forget_failures(spaces=[DUMMY_HEARD])
    assert LibraryProfiling.objects.get() == owed


def test_missing_weights_fail_the_job_with_their_code(import_tones, work, tmp_path):
    def missing(_):
        raise WeightsError("no weights", code="weights_unavailable")

    import_tones(200)
    (owed,) = request_missing_profiles(spaces=[DUMMY_HEARD])
    registry = ModelRegistry(
        tmp_path, build_audio_classifiers={DUMMY_HEARD.audio_classifier: missing}
    )
    assert work(owed, registry=registry).state == JobState.FAILED
    assert (owed.failure_code, owed.failure_detail) == ("weights_unavailable", "no weights")
    assert not ProfileFailure.objects.exists()  # it is not the recordings' fault
    assert request_missing_profiles(spaces=[DUMMY_HEARD]) == []
    forget_failures(spaces=[DUMMY_HEARD])
    (again,) = request_missing_profiles(spaces=[DUMMY_HEARD])
    assert work(again).state == JobState.DONE


def test_a_recording_that_cannot_be_read_does_not_fail_the_job(import_tones, work):
    bad, good = import_tones(200, 600)
    Path(bad.original.path).unlink()
    (owed,) = request_missing_profiles(spaces=[DUMMY_HEARD])
    assert work(owed).state == JobState.DONE
    assert heard(good)
    assert request_missing_profiles(spaces=[DUMMY_HEARD]) == []
