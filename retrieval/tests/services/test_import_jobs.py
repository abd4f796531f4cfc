from __future__ import annotations

import errno
from concurrent.futures import Future

import numpy as np
import pytest
import soundfile
from django.core.exceptions import ValidationError

from accounts.models import AuditEntry
from retrieval import submission, tasks
from retrieval.catalogue.manifest import RowProblem
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.errors import DecodeError
from retrieval.models import Clip, ImportItem, JobState, LibraryImport
from retrieval.services.importing.jobs import record_command, request_import, run_slice
from retrieval.services.importing.outcomes import ImportReport
from retrieval.services.timed_jobs import Slicing
from retrieval.tests.factories import DUMMY, DUMMY_HEARD, dummy_space_row
from retrieval.tests.fakes import dummy_registry

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    t = np.arange(8_000) / 8_000
    for i in range(6):
        soundfile.write(folder / f"{i}.wav", 0.3 * np.sin(2 * np.pi * (200 + 50 * i) * t), 8_000)
    return folder


@pytest.fixture
def work(tmp_path, media_root):
    for space in (DUMMY, DUMMY_HEARD):
        dummy_space_row(space)

    def work(job, *, slice_s=60.0):
        run_slice(
            import_id=job.pk, registry=dummy_registry(tmp_path), spaces=[DUMMY, DUMMY_HEARD],
            batch_windows=2, slicing=Slicing(
                scratch_directory=tmp_path / "scratch", decoding_processes=1, slice_s=slice_s,
                worker="w",
            ),
        )  # fmt: skip
        job.refresh_from_db()
        return job.state

    return work


def test_a_background_import_stores_all_recordings_once(folder, work):
    job = request_import(source=str(folder))
    assert (work(job), Clip.objects.count()) == (JobState.DONE, 6)
    for clip in Clip.objects.all():
        assert {profile.space_id for profile in clip.profiles.all()} == {"dummy", "dummy-heard"}
    work(job)  # a second wake-up does nothing
    assert (job.attempts, Clip.objects.count()) == (1, 6)


def test_a_long_import_runs_in_slices(folder, work):
    job = request_import(source=str(folder))
    slices = 1
    while work(job, slice_s=0.0) != JobState.DONE:
        assert (job.state, job.attempts) == (JobState.QUEUED, 0)
        slices += 1
    assert Clip.objects.count() == 6
    assert slices > 3  # more than MAX_ATTEMPTS


def test_a_missing_source_fails_with_a_reason(tmp_path, work):
    job = request_import(source=str(tmp_path / "gone.csv"))
    work(job)
    assert (job.state, job.failure_code) == (JobState.FAILED, "manifest_invalid")
    assert "does not exist" in job.failure_detail


@pytest.mark.parametrize(
    "fault",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EIO, "Input/output error"),
        DecodeError("no decoder could be started", code="decoder_unavailable"),
        DecodeError("decoding was stopped", code="decoding_stopped"),
    ],
    ids=["full disk", "disk error", "no decoder", "decoder stopped"],
)
def test_an_import_waits_while_disk_or_decoder_are_unavailable(folder, work, monkeypatch, fault):
    def faulty(self, path, **options):
        future: Future[None] = Future()
        future.set_exception(fault)
        return future

    job = request_import(source=str(folder))
    with monkeypatch.context() as broken:
        broken.setattr(DecodingPool, "submit_recording", faulty)
        for _ in range(4):  # more than MAX_ATTEMPTS
            assert work(job) == JobState.QUEUED
    assert not ImportItem.objects.exists()
    assert (work(job), Clip.objects.count()) == (JobState.DONE, 6)


def test_a_relative_source_is_refused():
    with pytest.raises(ValidationError, match="absolute"):
        request_import(source="library.csv")


def test_a_requested_import_wakes_the_ingest_worker(
    folder, monkeypatch, django_capture_on_commit_callbacks
):
    sent: list[int] = []
    monkeypatch.setattr(tasks.run_import, "delay", sent.append)
    with django_capture_on_commit_callbacks(execute=True):
        job = submission.submit_import(str(folder), requested_by=7)
    assert sent == [job.pk]
    LibraryImport.objects.update(created_at="2026-01-01T00:00Z")
    submission.wake_overdue()
    assert sent == [job.pk, job.pk]


def test_a_requested_import_is_in_the_audit_log():
    job = request_import(source="/data/sea", requested_by=7)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject) == ("import.requested", f"import {job.pk}")
    assert (entry.actor_id, entry.detail) == (7, {"source": "/data/sea"})


def test_an_import_by_the_command_is_in_the_audit_log():
    report = ImportReport(imported=3, duplicates=1, failed=[("a.ogg", RowProblem("x", "y"))])
    record_command(source="/data/sea")
    record_command(source="/data/sea", report=report)
    assert list(AuditEntry.objects.order_by("at").values_list("action", "detail")) == [
        ("import.started", {"source": "/data/sea"}),
        ("import.finished", {"source": "/data/sea", "imported": 3, "duplicates": 1, "failed": 1}),
    ]


def test_imports_and_photos_use_different_queues():
    assert tasks.run_import.name.startswith("ingest.")
    assert tasks.find_sounds_for_scene.name.startswith("inference.")
