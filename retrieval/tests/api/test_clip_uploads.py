"""`POST /clips` and `GET /imports/{id}`."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import AuditEntry
from retrieval import tasks
from retrieval.api import clip_uploads
from retrieval.engine.networks.weights import SOUNDNET_8, YAMNET_INT8
from retrieval.models import Clip, ImportItem, JobState, LibraryImport
from retrieval.selectors.media_files import is_named, named_files
from retrieval.services.importing.jobs import run_slice
from retrieval.services.importing.sent import discard_sent_files
from retrieval.services.timed_jobs import Slicing
from retrieval.tests.factories import DUMMY, DUMMY_HEARD, dummy_space_row
from retrieval.tests.fakes import dummy_registry

pytestmark = pytest.mark.django_db


def sound(hz=300.0):
    """Return the bytes of a recording."""
    t = np.arange(8_000) / 8_000
    stream = io.BytesIO()
    soundfile.write(stream, 0.3 * np.sin(2 * np.pi * hz * t), 8_000, format="WAV")
    return stream.getvalue()


def form(content=None, name="rain_in_NYC.wav", **fields):
    """Return the fields of an upload."""
    file = SimpleUploadedFile(name, sound() if content is None else content)
    return {"recording": file, "license": "CC0-1.0"} | fields


def refusal(answer):
    assert answer["Content-Type"] == "application/problem+json", answer.content
    return answer.status_code, answer.json()["code"]


def kept():
    return [file.name for file in named_files() if file.name.startswith("sent-recordings/")]


@pytest.fixture
def sent(monkeypatch, media_root):
    """The ids of the imports for which workers were woken."""
    woken: list[int] = []
    monkeypatch.setattr(tasks.run_import, "delay", woken.append)
    return woken


@pytest.fixture
def work(tmp_path, media_root):
    """Run an import as a worker does."""
    for space in (DUMMY, DUMMY_HEARD):
        dummy_space_row(space)

    def work(import_id, *, slice_s=60.0):
        run_slice(
            import_id=import_id, registry=dummy_registry(tmp_path), spaces=[DUMMY, DUMMY_HEARD],
            batch_windows=2, slicing=Slicing(
                scratch_directory=tmp_path / "scratch", decoding_processes=1, slice_s=slice_s,
                worker="w",
            ),
        )  # fmt: skip

    return work


class TestImport:
    def test_a_recording_is_imported_with_what_was_said_of_it(
        self, librarian, sent, work, django_capture_on_commit_callbacks
    ):
        said = {
            "title": "Rain", "author": "Ana", "tags": ["rain", "roof, tin"], "collection": "Town",
            "source_url": "https://example.org/rain", "license": "CC-BY-4.0",
        }  # fmt: skip
        with django_capture_on_commit_callbacks(execute=True):
            answer = librarian.upload("/clips", form(**said))
        assert answer.status_code == 202, answer.content
        found = answer.json()
        assert answer["Location"] == f"http://testserver/api/v1/imports/{found['id']}"
        assert (answer["Retry-After"], found["state"], found["source"]) == ("5", "queued", None)
        assert sent == [found["id"]]
        (name,) = kept()
        work(found["id"])
        status = librarian.get(f"/imports/{found['id']}")
        done, clip = status.json(), Clip.objects.get()
        assert "Retry-After" not in status
        assert (done["state"], done["counts"]) == (
            "done", {"imported": 1, "duplicate": 0, "failed": 0},
        )  # fmt: skip
        (item,) = done["items"]
        assert (item["path"], item["outcome"], item["clip"]) == (
            "rain_in_NYC.wav", "imported", clip.pk,
        )  # fmt: skip
        assert {field: getattr(clip, field) for field in said} == said
        assert clip.license_url == "https://creativecommons.org/licenses/by/4.0/"
        assert {profile.space_id for profile in clip.profiles.all()} == {"dummy", "dummy-heard"}
        with default_storage.open(str(clip.original.name)) as stored:
            assert stored.read() == sound()
        # The copy that was sent has done its work.
        assert (kept(), is_named(name)) == ([], False)
        entry = AuditEntry.objects.get(action="import.requested")
        assert (entry.actor_id, entry.detail["sent"]) == (librarian.person.pk, "rain_in_NYC.wav")

    def test_the_title_comes_from_the_name(self, librarian, sent, work):
        work(librarian.upload("/clips", form()).json()["id"])
        assert Clip.objects.get().title == "Rain in NYC"

    def test_a_duplicate_names_the_recording(self, librarian, sent, work):
        first, second = (
            librarian.upload("/clips", form(title=title)).json()["id"] for title in ("One", "Two")
        )
        work(first)
        assert len(kept()) == 1  # the second import needs it
        work(second)
        (item,) = librarian.get(f"/imports/{second}").json()["items"]
        clip = Clip.objects.get()
        assert (item["outcome"], item["clip"], clip.title) == ("duplicate", clip.pk, "One")
        assert kept() == []

    def test_what_is_no_recording_fails_with_a_code(self, librarian, sent, work):
        answer = librarian.upload("/clips", form(b"text\n" * 500, "x.mp3"))
        work(answer.json()["id"])
        found = librarian.get(f"/imports/{answer.json()['id']}").json()
        (item,) = found["items"]
        assert (found["state"], found["counts"]["failed"]) == ("done", 1)
        assert (item["outcome"], item["clip"]) == ("failed", None)
        assert item["code"] == "unsupported_media_type"
        assert kept() == []

    def test_a_slice_that_is_over_at_once_keeps_the_file_until_the_end(self, librarian, sent, work):
        import_id = librarian.upload("/clips", form()).json()["id"]
        work(import_id, slice_s=0.0)
        while LibraryImport.objects.get().state != JobState.DONE:
            assert len(kept()) == 1
            work(import_id, slice_s=0.0)
        assert (Clip.objects.count(), kept()) == (1, [])

    def test_the_file_of_an_import_that_failed_is_discarded_by_the_sweeper(self, librarian, sent):
        librarian.upload("/clips", form())
        assert (discard_sent_files(), len(kept())) == (0, 1)
        LibraryImport.objects.update(
            state=JobState.FAILED, failure_code="poison", finished_at="2026-01-01T00:00Z"
        )
        assert (discard_sent_files(), kept(), discard_sent_files()) == (1, [], 0)

    @pytest.mark.parametrize("name", ["../../etc/passwd", "a\r\nb.wav", "CON", "\u202egnp.wav"])
    def test_strange_names(self, librarian, sent, work, name):
        answer = librarian.upload("/clips", form(name=name))
        assert answer.status_code == 202
        work(answer.json()["id"])
        assert Clip.objects.count() == 1
        assert ".." not in ImportItem.objects.get().path


# The thread that renews the lease has a connection of its own: it must see the import's row when
# the networks take longer to load than it waits.
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.weights("soundnet", "yamnet-int8")
def test_the_worker_profiles_it_by_the_real_networks(librarian, sent):
    import_id = librarian.upload("/clips", form()).json()["id"]
    tasks.run_import(import_id)
    (item,) = librarian.get(f"/imports/{import_id}").json()["items"]
    found = librarian.get(f"/clips/{item['clip']}").json()
    profiles = {profile["space"]: profile for profile in found["profiles"]}
    assert profiles["heard"]["model_version"].startswith(YAMNET_INT8.model_version)
    assert profiles["objects"]["model_version"] == SOUNDNET_8.model_version
    assert [sound["name"] for sound in found["sounds"]]
    assert (kept(), librarian.get(f"/clips/{item['clip']}/audio").status_code) == ([], 200)


class TestRefusals:
    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"license": ""}, "licence_required"),
            ({"license": "MIT"}, "invalid_choice"),
            ({"recording": "text"}, "invalid"),
            ({"recording": ""}, "invalid"),
            ({"title": "x" * 301}, "max_length"),
            ({"tags": ["a;b"]}, "invalid_tag"),
            ({"source_url": "javascript:alert(1)"}, "invalid_url"),
            ({"license_url": f"https://{'a' * 254}.org"}, "invalid_url"),
            ({"owner": "me"}, "unknown_field"),
        ],
    )
    def test_wrong_metadata(self, librarian, sent, fields, code):
        assert refusal(librarian.upload("/clips", form(**fields))) == (400, code)
        assert (kept(), LibraryImport.objects.count()) == ([], 0)

    def test_missing_parts(self, librarian, sent):
        without = form()
        del without["license"]
        assert refusal(librarian.upload("/clips", without)) == (400, "licence_required")
        assert refusal(librarian.upload("/clips", {"license": "CC0-1.0"})) == (400, "file_missing")
        assert refusal(librarian.upload("/clips", form(b""))) == (400, "file_empty")
        files = [SimpleUploadedFile("a.wav", sound()), SimpleUploadedFile("b.wav", sound())]
        two = librarian.upload("/clips", form() | {"recording": files})
        assert refusal(two) == (400, "too_many_files")

    def test_too_large(self, librarian, sent, monkeypatch, settings):
        settings.SOUNDSCAPE_MAX_SENT_RECORDING_BYTES = 1_000
        assert refusal(librarian.upload("/clips", form())) == (413, "file_too_large")
        monkeypatch.setattr(clip_uploads, "recording_form_bytes", lambda: 2_000)
        assert refusal(librarian.upload("/clips", form())) == (413, "body_too_large")

    def test_other_bodies(self, librarian, sent):
        assert librarian.post("/clips", "{}").status_code == 415
        broken = librarian.post("/clips", b"--x", content_type="multipart/form-data; boundary=y")
        assert broken.status_code == 400
        unbound = librarian.post("/clips", b"x", content_type="multipart/form-data")
        assert refusal(unbound) == (400, "malformed_multipart")

    def test_librarians_only(self, reader, program, sent):
        assert refusal(reader.upload("/clips", form())) == (403, "scope_missing")
        former = program("clips:write")
        assert refusal(former.upload("/clips", form())) == (403, "role_missing")
        assert refusal(reader.get("/imports/1")) == (403, "scope_missing")

    def test_a_full_disk(self, librarian, sent, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("retrieval.storage.content_store._write_atomically", full)
        answer = librarian.upload("/clips", form())
        assert refusal(answer) == (507, "storage_full")
        assert (LibraryImport.objects.count(), kept()) == (0, [])


class TestOnce:
    def test_a_repetition_makes_no_second_import(self, librarian, sent):
        key = {"Idempotency-Key": "k1"}
        first = librarian.upload("/clips", form(), **key)
        again = librarian.upload("/clips", form(), **key)
        assert (first.status_code, again.status_code) == (202, 202)
        assert again.json() == first.json()
        assert (again["Idempotent-Replayed"], again["Location"]) == ("true", first["Location"])
        assert LibraryImport.objects.count() == 1
        for other in (form(sound(400.0)), form(title="X"), form(license="CC-BY-4.0")):
            assert refusal(librarian.upload("/clips", other, **key))[0] == 422

    def test_after_a_full_disk_the_same_key_works(self, librarian, sent, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        key = {"Idempotency-Key": "k1"}
        with monkeypatch.context() as broken:
            broken.setattr("retrieval.storage.content_store._write_atomically", full)
            assert librarian.upload("/clips", form(), **key).status_code == 507
        assert librarian.upload("/clips", form(), **key).status_code == 202


def test_the_file_never_is_in_memory_as_a_whole(librarian, sent, tmp_path):
    large = tmp_path / "large.wav"
    with large.open("wb") as stream:
        stream.truncate(40_000_000)
    boundary, fields = (
        "x" * 20,
        b'Content-Disposition: form-data; name="license"\r\n\r\nCC0-1.0\r\n',
    )
    part = b'Content-Disposition: form-data; name="recording"; filename="large.wav"\r\n\r\n'
    body = tmp_path / "body"
    with body.open("wb") as stream, large.open("rb") as source:
        stream.write(b"--%b\r\n%b--%b\r\n%b" % (boundary.encode(), fields, boundary.encode(), part))
        while block := source.read(1 << 20):
            stream.write(block)
        stream.write(b"\r\n--%b--\r\n" % boundary.encode())
    with body.open("rb") as stream:
        tracemalloc.start()
        try:
            answer = librarian._client.generic(
                "POST",
                "/api/v1/clips",
                CONTENT_TYPE=f"multipart/form-data; boundary={boundary}",
                CONTENT_LENGTH=str(body.stat().st_size),
                **{"wsgi.input": stream},
            )
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert answer.status_code == 202, answer.content
    assert Path(default_storage.path(kept()[0])).stat().st_size == 40_000_000
    assert peak < 20_000_000


class TestStatus:
    def test_items_come_in_pages(self, librarian):
        job = LibraryImport.objects.create(source="/data/sea", state=JobState.QUEUED)
        ImportItem.objects.bulk_create(
            ImportItem(
                source="/data/sea", path=f"{number}.ogg", byte_size=1, modified_ns=1,
                outcome="failed", code="audio_empty", detail="It is empty.",
            )
            for number in range(5)
        )  # fmt: skip
        ImportItem.objects.create(
            source="/other", path="x", byte_size=1, modified_ns=1, outcome="duplicate"
        )
        address, seen = f"/imports/{job.pk}?page_size=2", []
        while address:
            answer = librarian.get(address)
            found = answer.json()
            assert (found["source"], found["counts"]["failed"]) == ("/data/sea", 5)
            assert answer["Retry-After"] == "5"
            seen += [item["path"] for item in found["items"]]
            address = (found["next"] or "").removeprefix("http://testserver/api/v1")
        assert seen == [f"{number}.ogg" for number in range(5)]

    def test_an_import_that_failed_as_a_whole(self, librarian):
        job = LibraryImport.objects.create(
            source="/data/gone", state=JobState.FAILED, failure_code="manifest_invalid",
            failure_detail="/data/gone does not exist.", finished_at="2026-01-01T00:00Z",
        )  # fmt: skip
        found = librarian.get(f"/imports/{job.pk}").json()
        assert (found["state"], found["code"]) == ("failed", "manifest_invalid")
        assert found["detail"] == "/data/gone does not exist."

    def test_an_unknown_one(self, librarian):
        for number in (1, 10**30):
            assert refusal(librarian.get(f"/imports/{number}")) == (404, "not_found")
