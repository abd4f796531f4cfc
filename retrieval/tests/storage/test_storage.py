"""A media folder on a real disk that is full, read-only or missing."""

from __future__ import annotations

import errno
import io
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import soundfile
from django.core.management import CommandError, call_command
from django.test import Client
from PIL import Image

from retrieval.decoding import web_pool
from retrieval.models import Clip, JobState, LibraryImport, Scene, UploadTally
from retrieval.services import timed_jobs, uploads
from retrieval.services.importing.jobs import request_import, run_slice
from retrieval.services.timed_jobs import Slicing
from retrieval.tests.factories import DUMMY, dummy_space_row, small_matchers
from retrieval.tests.fakes import dummy_registry
from retrieval.tests.small_disk import small_disk

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def close_pool():
    yield
    web_pool.close_photo_pool()


@pytest.fixture
def disk(tmp_path, settings):
    with small_disk(tmp_path / "disk") as disk:
        settings.MEDIA_ROOT = disk.folder / "media"
        yield disk


@pytest.fixture
def site(settings, monkeypatch, make_clip, tmp_path, disk):
    settings.SOUNDSCAPE_MATCHER = "dummy"
    settings.SOUNDSCAPE_SAMPLE_PHOTOS = tmp_path / "samples"
    monkeypatch.setattr(uploads, "matcher_in_force", lambda _name: small_matchers()["paper"])
    make_clip(np.full(7, 1 / 7))
    return Client()


def photo(shade=0):
    stream = io.BytesIO()
    Image.new("RGB", (320, 240), (shade, 99, 99)).save(stream, "PNG")
    stream.seek(0)
    stream.name = "photo.png"
    return stream


def send(site, shade=0):
    return site.post("/scenes/", {"photo": photo(shade)})


def stored_files(disk):
    media = disk.folder / "media"
    return [path for path in media.rglob("*") if path.is_file()] if media.exists() else []


def assert_refused(answer, status, code, words):
    assert answer.status_code == status
    assert answer.context["upload_error"].code == code
    assert answer["Retry-After"] == "30"
    assert words in answer.content.decode()
    assert not Scene.objects.exists()
    assert not UploadTally.objects.exists()


def assert_every_row_has_its_files(disk):
    for scene in Scene.objects.all():
        for name in (scene.photo.name, scene.model_input.name):
            assert (disk.folder / "media" / name).stat().st_size > 0


def test_a_full_disk_refuses_photos_until_there_is_space(site, disk):
    disk.fill()
    assert_refused(send(site), 507, "storage_full", "There is no room left for photos")
    assert stored_files(disk) == []
    disk.make_room()
    assert send(site).status_code == 303
    assert len(stored_files(disk)) == 2
    assert_every_row_has_its_files(disk)


def test_space_for_only_one_file_leaves_no_partial_file_and_no_row(site, disk):
    """The photo fits, the model input of 150 kB does not."""
    disk.fill(leave_kb=60)
    assert_refused(send(site), 507, "storage_full", "Nothing was kept")
    assert all(
        path.suffix == ".jpg" for path in stored_files(disk)
    )  # complete, and reused by the next upload
    disk.make_room()
    assert send(site).status_code == 303
    assert_every_row_has_its_files(disk)


def test_read_only_media_refuse_new_files_only(site, disk):
    assert send(site, 1).status_code == 303
    scene = Scene.objects.get()
    disk.make_read_only()
    answer = send(site, 2)
    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert answer.context["upload_error"].code == "storage_unavailable"
    assert Scene.objects.count() == 1
    assert site.get(f"/scenes/{scene.pk}/photo").status_code == 200  # files can be read
    assert send(site, 1).status_code == 303  # needs no new file
    disk.make_writable()
    assert send(site, 2).status_code == 303
    assert_every_row_has_its_files(disk)


def test_an_unreadable_storage_answers_503(site, settings, tmp_path):
    assert send(site).status_code == 303
    url = f"/scenes/{Scene.objects.get().pk}/photo"
    (tmp_path / "no-folder").write_text("a file instead of a folder")
    settings.MEDIA_ROOT = tmp_path / "no-folder"
    answer = site.get(url)
    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert b"[storage_unavailable]" in answer.content
    assert send(site, 3).status_code == 503


def test_a_sample_photo_needs_disk_space(site, settings, disk):
    settings.SOUNDSCAPE_SAMPLE_PHOTOS.mkdir()
    (settings.SOUNDSCAPE_SAMPLE_PHOTOS / "pier.png").write_bytes(photo().read())
    disk.fill()
    answer = site.get("/samples/pier/photo")
    assert (answer.status_code, answer["Retry-After"]) == (507, "30")
    disk.make_room()
    assert site.get("/samples/pier/photo").status_code == 200


def test_a_large_photo_needs_no_temporary_file(site, settings, tmp_path):
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "no such folder"
    large = io.BytesIO(photo().read() + bytes(10_000_000))
    large.name = "photo.png"
    assert site.post("/scenes/", {"photo": large}).status_code == 303


def recordings(folder: Path) -> Path:
    folder.mkdir()
    t = np.arange(8_000) / 8_000
    for i in range(3):
        soundfile.write(folder / f"{i}.wav", 0.3 * np.sin(2 * np.pi * (200 + 50 * i) * t), 8_000)
    return folder


def slicing(scratch: Path) -> Slicing:
    return Slicing(scratch_directory=scratch, decoding_processes=1, slice_s=60, worker="w")


@pytest.mark.parametrize("full", ["media", "scratch"])
def test_an_import_waits_for_disk_space(disk, tmp_path, settings, full):
    dummy_space_row()
    scratch = tmp_path / "scratch"
    if full == "scratch":
        settings.MEDIA_ROOT, scratch = tmp_path / "media", disk.folder / "scratch"
        scratch.mkdir()
    job = request_import(source=str(recordings(tmp_path / "recordings")))

    def work():
        run_slice(
            import_id=job.pk, registry=dummy_registry(tmp_path), spaces=[DUMMY], batch_windows=2,
            slicing=slicing(scratch),
        )  # fmt: skip
        job.refresh_from_db()
        return job.state

    disk.fill(leave_kb=4)
    for _ in range(4):  # more than MAX_ATTEMPTS
        assert work() == JobState.QUEUED
    assert not Clip.objects.exists()
    disk.make_room()
    assert work() == JobState.DONE
    assert Clip.objects.count() == 3
    assert LibraryImport.objects.get().attempts == 1


@pytest.mark.parametrize(
    ("number", "state"), [(errno.ENOSPC, JobState.QUEUED), (errno.EIO, JobState.PROCESSING)]
)
def test_a_full_scratch_disk_does_not_count_as_an_attempt(tmp_path, monkeypatch, number, state):
    """Other disk errors are raised and count as an attempt."""
    dummy_space_row()
    job = request_import(source=str(recordings(tmp_path / "recordings")))

    def no_folder(_):
        raise OSError(number, "mkdir")

    monkeypatch.setattr(timed_jobs, "scratch_folder", no_folder)
    with pytest.raises(OSError, match="mkdir") if number == errno.EIO else nullcontext():
        run_slice(
            import_id=job.pk, registry=dummy_registry(tmp_path), spaces=[DUMMY], batch_windows=2,
            slicing=slicing(tmp_path),
        )  # fmt: skip
    job.refresh_from_db()
    assert job.state == state


def test_the_import_command_reports_a_full_disk(disk, tmp_path, settings, monkeypatch):
    monkeypatch.setattr(
        "retrieval.management.commands.import_clips.ModelRegistry",
        lambda _: dummy_registry(tmp_path),
    )
    monkeypatch.setattr(
        "retrieval.management.commands.import_clips.available_spaces", lambda: [DUMMY]
    )
    settings.SOUNDSCAPE_SCRATCH_DIRECTORY = tmp_path / "scratch"
    dummy_space_row()
    folder = recordings(tmp_path / "recordings")
    disk.fill()
    with pytest.raises(CommandError, match=r"No space left on device.*the same command again"):
        call_command("import_clips", str(folder), "--json")
