"""A photo from upload to result: real decoding, a fake image model, a small library."""

from __future__ import annotations

import io
import re
import socket
import threading
from contextlib import suppress
from datetime import timedelta
from unittest.mock import Mock

import kombu.exceptions
import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone
from PIL import Image

from retrieval import submission, tasks
from retrieval.models import MAX_ATTEMPTS, JobState, Match, MatchRun, Scene, SceneProfile
from retrieval.services import matching
from retrieval.services.rankers.database_rows import RankerUnavailableError
from retrieval.services.scenes import find_sounds
from retrieval.tests.services.scenes.uploading import photo, refusal, run_tasks, upload
from retrieval.views import pages

pytestmark = pytest.mark.django_db


def test_from_upload_to_result(site, clips, wake_ups, finder, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        answer = upload(site, photo(bright_strip=2))
    scene = Scene.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/scenes/{scene.pk}/")
    assert wake_ups == [str(scene.pk)]

    waiting = site.get(f"/scenes/{scene.pk}/progress/").content.decode()
    assert "hx-get" in waiting

    run_tasks(wake_ups, finder)
    scene.refresh_from_db()
    assert (scene.state, scene.attempts) == (JobState.DONE, 1)
    best = Match.objects.get(run=scene.run, rank=1)
    assert best.clip == clips[2]
    assert best.divergences.get().divergence_nats > 0
    assert SceneProfile.objects.get().photo_sha256 == scene.photo_sha256

    done = site.get(f"/scenes/{scene.pk}/progress/").content.decode()
    assert clips[2].title in done
    assert not re.search(r'hx-trigger="[^"]*(load|every)', done)
    assert clips[2].title in site.get(f"/scenes/{scene.pk}/").content.decode()


def test_the_worker_is_woken_after_the_commit(site, clips, wake_ups):
    upload(site, photo())
    assert Scene.objects.count() == 1
    assert wake_ups == []  # pytest's transaction is still open


def test_an_upload_by_htmx_returns_the_page_content(site, clips):
    answer = upload(site, photo(), **{"HX-Request": "true"})
    scene = Scene.objects.get()
    assert answer.status_code == 200
    assert answer["HX-Push-Url"] == f"/scenes/{scene.pk}/"
    assert "<html" not in answer.content.decode()


def test_a_repeated_photo_is_done_at_once(site, clips, wake_ups, finder):
    upload(site, photo())
    first = Scene.objects.get()
    find_sounds(scene_id=first.pk, finder=finder, worker="w")
    upload(site, photo())
    second = Scene.objects.exclude(pk=first.pk).get()
    first.refresh_from_db()
    assert (second.state, second.run) == (JobState.DONE, first.run)
    assert second.photo.name == first.photo.name


def test_a_new_recording_queues_a_repeated_photo(site, clips, finder, make_clip):
    upload(site, photo())
    find_sounds(scene_id=Scene.objects.get().pk, finder=finder, worker="w")
    make_clip(np.full(7, 1 / 7))
    upload(site, photo())
    assert Scene.objects.filter(state=JobState.QUEUED).count() == 1
    find_sounds(scene_id=Scene.objects.get(state=JobState.QUEUED).pk, finder=finder, worker="w")
    assert MatchRun.objects.count() == 2
    assert SceneProfile.objects.count() == 1


def test_a_repeated_task_changes_nothing(site, clips, finder):
    upload(site, photo())
    scene = Scene.objects.get()
    for _ in range(3):
        find_sounds(scene_id=scene.pk, finder=finder, worker="w")
    scene.refresh_from_db()
    assert (scene.attempts, MatchRun.objects.count(), Match.objects.count()) == (1, 1, 7)


def test_an_empty_library_fails_with_an_explanation(site, finder):
    upload(site, photo())
    scene = Scene.objects.get()
    find_sounds(scene_id=scene.pk, finder=finder, worker="w")
    scene.refresh_from_db()
    assert (scene.state, scene.failure_code) == (JobState.FAILED, "library_empty")
    page = site.get(f"/scenes/{scene.pk}/progress/").content.decode()
    assert "There are no recordings yet" in page


def test_stored_files_have_no_metadata(site, clips):
    exif = Image.Exif()
    exif[0x010E] = "secret garden"
    exif.get_ifd(0x8825)[1] = "N"
    upload(site, photo(form="JPEG", exif=exif, comment=b"secret"))
    scene = Scene.objects.get()
    for name in (scene.photo.name, scene.model_input.name):
        with default_storage.open(str(name)) as stream:
            assert b"secret" not in stream.read()
    with default_storage.open(str(scene.photo.name)) as stream, Image.open(stream) as kept:
        assert dict(kept.getexif()) == {}
        assert (kept.format, kept.size) == ("JPEG", (224, 224))


@pytest.mark.parametrize(
    ("content", "code", "status"),
    [
        (b"", "file_empty", 400),
        (b"just words", "unsupported_media_type", 415),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_media_type", 415),
        (photo().read()[:200], "image_truncated", 422),
    ],
)
@pytest.mark.parametrize("htmx", [False, True])
def test_a_bad_file_is_refused_at_once_and_nothing_is_stored(
    site, clips, media_root, content, code, status, htmx
):
    stream = io.BytesIO(content)
    stream.name = "photo.jpg"
    answer = upload(site, stream, **({"HX-Request": "true"} if htmx else {}))
    assert answer.status_code == status
    assert refusal(answer).code == code
    assert refusal(answer).title in answer.content.decode()
    assert Scene.objects.count() == 0
    assert not media_root.exists()


def test_no_file_and_two_files(site):
    assert upload(site).status_code == 400
    answer = upload(site, photo(), photo())
    assert answer.status_code == 400
    assert refusal(answer).code == "too_many_files"


def test_too_many_bytes(site, settings):
    settings.SOUNDSCAPE_MAX_PHOTO_BYTES = 100
    answer = upload(site, photo())
    assert answer.status_code == 413
    assert refusal(answer).code == "file_too_large"


def test_a_full_queue_names_the_time_to_retry(site, settings, clips):
    settings.SOUNDSCAPE_QUEUE_LIMIT = 1
    upload(site, photo(bright_strip=1))
    answer = upload(site, photo(bright_strip=2))
    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert refusal(answer).code == "queue_full"
    assert Scene.objects.count() == 1


def test_an_unavailable_broker_does_not_lose_the_photo(
    site, clips, monkeypatch, django_capture_on_commit_callbacks
):
    def unavailable(_):
        raise kombu.exceptions.OperationalError("connection refused")

    monkeypatch.setattr(tasks.find_sounds_for_scene, "delay", unavailable)
    with django_capture_on_commit_callbacks(execute=True):
        assert upload(site, photo()).status_code == 303
    assert Scene.objects.get().state == JobState.QUEUED


def test_a_request_with_a_huge_content_length_is_not_read(site, clips, settings, monkeypatch):
    settings.SOUNDSCAPE_MAX_PHOTO_BYTES = 1_000
    monkeypatch.setattr(
        "django.http.request.HttpRequest._load_post_and_files", lambda _: pytest.fail("read")
    )
    answer = Client(enforce_csrf_checks=True).post(
        "/scenes/", b"x" * 1_002_000, content_type="multipart/form-data; boundary=b"
    )
    assert answer.status_code == 413
    assert refusal(answer).code == "file_too_large"


def test_the_page_of_a_refusal_accepts_the_next_photo(site, clips, settings):
    settings.SOUNDSCAPE_MAX_PHOTO_BYTES = 100_000
    browser = Client(enforce_csrf_checks=True)
    page = browser.post(
        "/scenes/", b"x" * 1_200_000, content_type="multipart/form-data; boundary=b"
    )
    assert page.status_code == 413
    token = re.findall(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.content)[0].decode()
    sent = {"photo": photo(), "csrfmiddlewaretoken": token}
    assert browser.post("/scenes/", sent).status_code == 303


@pytest.fixture
def silent_broker():
    """A broker that takes connections and never answers; counts them."""
    connections: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            with suppress(OSError):
                while True:
                    connections.append(server.accept()[0])

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1], connections
        server.shutdown(socket.SHUT_RDWR)
    thread.join()
    for connection in connections:
        connection.close()


@pytest.mark.parametrize("broker", ["dead", "silent"])
def test_a_visitor_waits_for_a_single_broker_connection(
    site, clips, monkeypatch, silent_broker, broker
):
    monkeypatch.undo()
    app = tasks.find_sounds_for_scene.app
    silent_port, connections = silent_broker
    port = 1 if broker == "dead" else silent_port
    # In this order: Celery derives the second from the first unless it is set.
    monkeypatch.setattr(app.conf, "broker_write_url", None)
    monkeypatch.setattr(app.conf, "broker_url", f"redis://127.0.0.1:{port}/0")
    monkeypatch.setattr(app.amqp, "_producer_pool", None)
    monkeypatch.setattr(app, "_pool", None)
    assert submission.wake(tasks.find_sounds_for_scene, "any") is False
    assert len(connections) <= 1


def test_the_page_shows_the_stages(site, clips, finder, monkeypatch):
    upload(site, photo())
    scene = Scene.objects.get()
    steps = []

    def page():
        html = site.get(f"/scenes/{scene.pk}/progress/").content.decode()
        steps.extend(re.findall(r'aria-current="step">(\w+)<', html))

    page()
    for name in ("classify", "search_all"):
        method = getattr(finder, name)
        monkeypatch.setattr(
            finder, name, lambda *a, method=method, **k: (page(), method(*a, **k))[1]
        )
    find_sounds(scene_id=scene.pk, finder=finder, worker="w")
    assert steps == ["Queued", "Looking", "Matching"]


def test_a_scene_with_a_truncated_file_fails(site, clips, finder):
    upload(site, photo())
    scene = Scene.objects.get()
    with default_storage.open(str(scene.model_input.name), "wb") as stream:
        stream.write(b"short")
    find_sounds(scene_id=scene.pk, finder=finder, worker="w")
    scene.refresh_from_db()
    assert (scene.state, scene.failure_code) == (JobState.FAILED, "model_input")


def test_a_scene_outlasts_an_outage_of_the_database_of_the_rows(
    site, clips, finder, wake_ups, monkeypatch
):
    upload(site, photo())
    scene = Scene.objects.get()
    Scene.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    with monkeypatch.context() as outage:
        outage.setattr(matching, "open_library", Mock(side_effect=RankerUnavailableError("off")))
        for round_ in range(MAX_ATTEMPTS + 1):
            find_sounds(scene_id=scene.pk, finder=finder, worker=f"w{round_}")
            page = site.get(f"/scenes/{scene.pk}/progress/").content.decode()
            assert "It continues automatically" in page
            assert submission.wake_overdue() == 1
    find_sounds(scene_id=scene.pk, finder=finder, worker="w")
    scene.refresh_from_db()
    assert (scene.state, scene.attempts) == (JobState.DONE, 1)


def test_an_accepted_photo_is_in_the_log(site, clips, caplog):
    upload(site, photo())
    assert f"scene {Scene.objects.get().pk} accepted" in caplog.text


def test_the_sweeper_wakes_overdue_jobs(site, clips, wake_ups):
    upload(site, photo())
    assert submission.wake_overdue() == 0  # not overdue yet
    Scene.objects.update(created_at="2026-01-01T00:00Z")
    assert submission.wake_overdue() == 1
    assert wake_ups == [str(Scene.objects.get().pk)]
    assert submission.wake_overdue() == 0  # the first message still waits
    Scene.objects.update(woken_at="2026-01-01T00:00Z")
    assert submission.wake_overdue() == 1


def test_without_a_broker_the_sweeper_tries_once(site, clips, monkeypatch):
    for strip in range(3):
        upload(site, photo(bright_strip=strip))
    Scene.objects.update(created_at="2026-01-01T00:00Z")
    tries = []

    def unavailable(pk):
        tries.append(pk)
        raise kombu.exceptions.OperationalError("connection refused")

    monkeypatch.setattr(tasks.find_sounds_for_scene, "delay", unavailable)
    assert submission.wake_overdue() == 0
    assert len(tries) == 1
    assert not Scene.objects.filter(woken_at__isnull=False).exists()


def test_more_alternatives(site, clips, finder):
    upload(site, photo())
    scene = Scene.objects.get()
    assert site.get(f"/scenes/{scene.pk}/more/").status_code == 404
    find_sounds(scene_id=scene.pk, finder=finder, worker="w")
    titles = [match.clip.title for match in Match.objects.order_by("rank")]
    more = site.get(f"/scenes/{scene.pk}/more/", headers={"HX-Request": "true"}).content.decode()
    assert [title in more for title in titles] == [False] * 5 + [True] * 2
    page = site.get(f"/scenes/{scene.pk}/more/").content.decode()
    assert "<html" in page
    assert all(title in page for title in titles)


def test_the_photo_is_served_as_jpeg(site, clips):
    upload(site, photo())
    answer = site.get(f"/scenes/{Scene.objects.get().pk}/photo")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"].startswith("sandbox")
    assert "private" in answer["Cache-Control"]
    assert Image.open(io.BytesIO(b"".join(answer.streaming_content))).format == "JPEG"


def test_samples_are_offered_and_work_like_uploads(site, clips, settings):
    folder = settings.SOUNDSCAPE_SAMPLE_PHOTOS
    assert "samples/" not in site.get("/").content.decode()
    folder.mkdir()
    (folder / "old-harbour.png").write_bytes(photo().read())
    assert "Old harbour" in site.get("/").content.decode()
    assert site.get("/samples/old-harbour/photo")["Content-Type"] == "image/jpeg"
    assert site.post("/samples/old-harbour/").status_code == 303
    assert site.post("/samples/nothing/").status_code == 404
    assert Scene.objects.count() == 1


def test_a_scene_that_does_not_exist(site):
    unknown = "00000000-0000-4000-8000-000000000000"
    for path in ("", "progress/", "more/", "photo"):
        assert site.get(f"/scenes/{unknown}/{path}").status_code == 404


def test_without_a_worker_the_page_reports_it(site, clips, monkeypatch):
    alive = site.get("/").content.decode()
    upload(site, photo())
    monkeypatch.setattr(pages, "worker_alive", lambda: False)
    assert site.get("/").content.decode() != alive
    waiting = site.get(f"/scenes/{Scene.objects.get().pk}/progress/").content.decode()
    assert "no worker" in waiting.lower() or "nobody" in waiting.lower()
