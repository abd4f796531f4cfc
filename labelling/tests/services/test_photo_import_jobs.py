"""Imports of zip files by a worker: outcomes, interruptions, files that cannot be used."""

from __future__ import annotations

import io
from contextlib import contextmanager
from threading import Event

import pytest
from django.core.files.storage import default_storage
from django.db import OperationalError

from accounts.tests.audit import logged
from accounts.tests.role_holders import make_person
from labelling.models import PhotoImport, PhotoImportItem, PhotoSet, SetPhoto
from labelling.services import photo_files, photo_import, photo_import_jobs
from labelling.services.photo_files import PhotoCredit
from labelling.services.photo_import_jobs import (
    UploadedFile,
    request_photo_imports,
    run_photo_import_slice,
)
from labelling.services.photo_sets import delete_photo_set, make_photo_set
from labelling.tests.photos import picture, zip_of
from retrieval.jobs import leases
from retrieval.jobs.transitions import StaleClaimError
from retrieval.models import DiscardedFile, JobState, Scene
from retrieval.selectors.media_files import is_named, named_file_count, named_files
from retrieval.services.timed_jobs import Slicing

pytestmark = pytest.mark.django_db

ADDED, DUPLICATE, FAILED = PhotoImportItem.Outcome


@pytest.fixture
def lead(db):
    return make_person("lena")


@pytest.fixture
def photo_set(importing, lead):
    return make_photo_set(name="Set", made_by=lead.pk)


@pytest.fixture
def request_import(photo_set, lead):
    def request(files, **credit):
        sent = [UploadedFile(path, io.BytesIO(content)) for path, content in files.items()]
        return request_photo_imports(
            photo_set_id=photo_set.pk,
            files=sent,
            credit=PhotoCredit(**credit),
            requested_by=lead.pk,
        )

    return request


@contextmanager
def never_lost(_held):
    """Renew nothing: the thread that renews does not see the transaction of a test."""
    yield Event()


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.setattr(leases, "renewed", never_lost)

    def work(job, wake=lambda _: None):
        run_photo_import_slice(
            import_id=job.pk,
            slicing=Slicing(
                scratch_directory=tmp_path / "scratch",
                decoding_processes=1,
                slice_s=60.0,
                worker="w",
            ),
            wake=wake,
        )
        job.refresh_from_db()
        return job.state

    return work


def items(job):
    return {item.path: (item.outcome, item.code) for item in job.items.all()}


def test_a_zip_file_is_imported_and_then_removed(
    request_import, work, photo_set, lead, django_capture_on_commit_callbacks
):
    archive = zip_of({"a.png": picture(1), "b.png": picture(2), "bad.jpg": b"no photo"})
    (job,) = request_import({"photos.zip": archive}, author="Ada", license="CC0-1.0")
    name = str(job.archive.name)
    assert (job.file_name, default_storage.exists(name)) == ("photos.zip", True)
    with django_capture_on_commit_callbacks(execute=True):
        assert work(job) == JobState.DONE
    assert items(job) == {
        "a.png": (ADDED, ""), "b.png": (ADDED, ""), "bad.jpg": (FAILED, "unsupported_media_type"),
    }  # fmt: skip
    assert (job.total, job.archive.name, default_storage.exists(name)) == (3, "", False)
    assert set(SetPhoto.objects.values_list("author", "license")) == {("Ada", "CC0-1.0")}
    subject = f"photo set {photo_set.pk}"
    counts = {"added": 2, "duplicate": 0, "failed": 1}
    assert ("photo_set.photos_added", subject, lead.pk, counts) in logged()
    assert work(job) == JobState.DONE  # a second wake-up does nothing


def test_a_worker_is_woken_for_each_photo_that_was_added(request_import, work):
    woken: list[Scene] = []
    (job,) = request_import({"p.zip": zip_of({"a.png": picture(1), "b.png": picture(1)})})
    work(job, woken.append)
    assert woken == [Scene.objects.get()]


def test_several_photos_become_one_zip_file_and_each_zip_file_stays_its_own(request_import, work):
    jobs = request_import({
        "in/a.png": picture(1), "one.zip": zip_of({"b.png": picture(2)}), "in/c.png": picture(3),
    })  # fmt: skip
    assert sorted(job.file_name for job in jobs) == ["in/a.png", "one.zip"]
    assert [work(job) for job in jobs] == [JobState.DONE] * 2
    assert {path for job in jobs for path in items(job)} == {"a.png", "b.png", "c.png"}


def test_an_interrupted_import_goes_on_where_it_stopped(
    request_import, work, photo_set, monkeypatch
):
    (job,) = request_import({"p.zip": zip_of({f"{n}.png": picture(n) for n in range(6)})})
    real = photo_import_jobs._note
    calls: list[str] = []

    def crashing(import_id, imported):
        if len(calls) == 2:
            raise OperationalError("the server closed the connection unexpectedly")
        calls.append(imported.path)
        real(import_id, imported)

    with monkeypatch.context() as patched:
        patched.setattr(photo_import_jobs, "_note", crashing)
        with pytest.raises(OperationalError):
            work(job)
    assert SetPhoto.objects.count() == job.items.count() == 2
    assert Scene.objects.count() == 2
    PhotoImport.objects.update(
        state=JobState.QUEUED, lease_owner="", lease_expires_at=None
    )  # as the sweeper does
    assert work(job) == JobState.DONE
    assert set(items(job).values()) == {(ADDED, "")}
    assert SetPhoto.objects.count() == Scene.objects.count() == 6


def test_an_import_that_finished_without_saying_so_is_finished_once(request_import, work):
    (job,) = request_import({"p.zip": zip_of({"a.png": picture(1)})})
    photo_import_jobs._finish(job.pk)
    assert work(job) == JobState.DONE
    assert len([entry for entry in logged() if entry[0] == "photo_set.photos_added"]) == 1


def test_a_full_queue_pauses_the_import(request_import, work, settings, monkeypatch):
    monkeypatch.setattr(photo_import_jobs, "_PATIENCE_S", 0.0)
    settings.SOUNDSCAPE_QUEUE_LIMIT = 4
    (job,) = request_import({"p.zip": zip_of({f"{n}.png": picture(n) for n in range(3)})})
    assert (work(job), job.attempts, job.items.count()) == (JobState.QUEUED, 0, 1)
    Scene.objects.all().delete()
    assert (work(job), job.items.count()) == (JobState.QUEUED, 2)
    assert job.archive


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"no zip file", "archive_invalid"),
        (b"", "archive_invalid"),
        (zip_of({"a.png": picture(1)})[:-30], "archive_invalid"),
        (zip_of({"a.png": picture(1), "photos.csv": "file\na.png\n"}), "manifest_invalid"),
    ],
)
def test_a_file_that_cannot_be_used_fails_for_good_and_is_removed(
    request_import, work, content, code, django_capture_on_commit_callbacks
):
    (job,) = request_import({"p.zip": content})
    name = str(job.archive.name)
    with django_capture_on_commit_callbacks(execute=True):
        assert work(job) == JobState.FAILED
    assert (job.failure_code, job.archive.name) == (code, "")
    assert job.failure_detail
    assert not default_storage.exists(name)
    assert not Scene.objects.exists()


def test_a_zip_file_with_too_many_photos_fails_for_good(request_import, work, monkeypatch):
    monkeypatch.setattr(photo_files, "MOST_FILES", 1)
    (job,) = request_import({"p.zip": zip_of({f"{n}.png": picture(n) for n in range(2)})})
    assert (work(job), job.failure_code) == (JobState.FAILED, "too_many_photos")
    assert (job.failure_detail, job.archive.name) == (
        "At most 1 photos can be imported at once.", ""
    )  # fmt: skip


def test_a_missing_file_fails_the_import(request_import, work):
    (job,) = request_import({"p.zip": zip_of({"a.png": picture(1)})})
    default_storage.delete(str(job.archive.name))
    assert (work(job), job.failure_code) == (JobState.FAILED, "archive_missing")


def test_the_file_of_an_import_that_never_ended_goes_with_the_next_upload(
    request_import, django_capture_on_commit_callbacks
):
    (job,) = request_import({"p.zip": zip_of({"a.png": picture(1)})})
    name = str(job.archive.name)
    PhotoImport.objects.update(
        state=JobState.FAILED, failure_code="poison", finished_at="2026-01-01T00:00Z"
    )
    with django_capture_on_commit_callbacks(execute=True):
        (other,) = request_import({"q.zip": zip_of({"b.png": picture(2)})})
    assert not default_storage.exists(name)
    assert default_storage.exists(str(other.archive.name))


def test_only_sets_of_imported_photos_take_uploads(request_import, photo_set):
    PhotoSet.objects.update(source=PhotoSet.Source.VISITORS)
    with pytest.raises(PhotoSet.DoesNotExist):
        request_import({"p.zip": b""})


def test_deleting_the_set_ends_its_import(
    request_import, work, photo_set, monkeypatch, django_capture_on_commit_callbacks
):
    (job,) = request_import({"p.zip": zip_of({f"{n}.png": picture(n) for n in range(6)})})
    name = str(job.archive.name)

    def deleted_meanwhile():
        if SetPhoto.objects.exists():
            delete_photo_set(photo_set_id=photo_set.pk, actor_id=None)
        return 0

    monkeypatch.setattr(photo_import, "queued_count", deleted_meanwhile)
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(StaleClaimError):
        work(job)
    assert not PhotoSet.objects.exists()
    assert not PhotoImport.objects.exists()
    assert not Scene.objects.exists()
    assert not default_storage.exists(name)


def test_the_file_of_an_import_is_known_to_backups_and_checks(request_import):
    (job,) = request_import({"p.zip": zip_of({"a.png": picture(1)})})
    name = str(job.archive.name)
    assert name in {file.name for file in named_files()}
    assert (is_named(name), named_file_count()) == (True, 1)
    PhotoImport.objects.update(archive="")
    assert (is_named(name), named_file_count()) == (False, 0)
    assert not DiscardedFile.objects.exists()
