"""Requests that wait for their results, and repeated requests."""

from __future__ import annotations

import threading

import pytest
from django.db import OperationalError, connection
from django.test.client import encode_multipart

from retrieval import tasks
from retrieval.api import scene_sending, waiting
from retrieval.api.waiting import preferred_wait_s
from retrieval.models import DeletedScene, Scene
from retrieval.services.deletion import delete_scene
from retrieval.services.scenes import find_sounds
from retrieval.tests.api.programs import SCENES, in_base64, photo_bytes, scene_of
from retrieval.tests.api.test_sending import refusal
from retrieval.tests.photos import png

on_real_connections = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0),
        ("wait=10", 10),
        ("WAIT = 10", 10),
        ('respond-async, wait="5"; x=1', 5),
        ("wait=31", 30),
        ("wait=999999999", 30),
        ("wait=2, wait=9", 2),
        ("wait", 0),
        ("wait=-1", 0),
        ("wait=1.5", 0),
        ("wait=" + "9" * 5_000, 0),
        ("return=minimal", 0),
    ],
)
def test_the_preference(header, seconds):
    assert preferred_wait_s(header) == seconds


@pytest.fixture
def worker(monkeypatch, finder):
    """A worker that begins when it is woken; returns its threads."""
    threads = []

    def run(scene_id):
        try:
            find_sounds(scene_id=scene_id, finder=finder, worker="w")
        finally:
            connection.close()

    def woken(scene_id):
        threads.append(threading.Thread(target=run, args=[scene_id]))
        threads[-1].start()

    monkeypatch.setattr(tasks.find_sounds_for_scene, "delay", woken)
    yield threads
    for thread in threads:
        thread.join(30)


@on_real_connections
@pytest.mark.parametrize("headers", [{}, {"Idempotency_Key": "a"}])
def test_the_result_comes_in_time(ada, site, clip, worker, headers):
    answer = ada.send_form(SCENES, {"photo": png()}, Prefer="wait=30", **headers)
    assert (answer.status_code, len(worker)) == (201, 1)
    assert answer["Preference-Applied"] == "wait=30"
    content = answer.json()
    assert content["state"] == "done"
    assert content["matches"][0]["clip"]["title"] == "Surf"
    assert answer["Location"] == content["url"]
    assert "Retry-After" not in answer


@on_real_connections
def test_a_failure_ends_the_wait(ada, site, worker):
    answer = ada.send_form(SCENES, {"photo": png()}, Prefer="wait=30")
    assert answer.status_code == 201
    assert answer.json()["failure"]["code"] == "library_empty"


@pytest.mark.django_db
def test_no_result_in_time(ada, site, monkeypatch):
    clock = iter(range(100))
    slept: list[float] = []
    monkeypatch.setattr("retrieval.api.waiting.time.monotonic", lambda: next(clock))
    monkeypatch.setattr("retrieval.api.waiting.time.sleep", slept.append)
    answer = ada.send_form(SCENES, {"photo": png()}, Prefer="wait=3")
    assert (answer.status_code, answer["Retry-After"]) == (202, "1")
    assert "Preference-Applied" not in answer
    assert len(slept) == 2


@pytest.mark.django_db
@pytest.mark.parametrize("step", ["is_unfinished", "scene_with_run"])
def test_an_outage_during_the_wait_loses_no_answer(ada, site, monkeypatch, step):
    def unavailable(_scene_id):
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(waiting, "is_unfinished", lambda scene_id: False)
    monkeypatch.setattr(waiting if step == "is_unfinished" else scene_sending, step, unavailable)
    answer = ada.send_form(SCENES, {"photo": png()}, Prefer="wait=3")
    assert answer.status_code == 202
    assert scene_of(answer)


@pytest.mark.django_db
def test_few_wait_at_once(ada, site, monkeypatch, settings):
    settings.SOUNDSCAPE_WEB_THREADS = 4  # so one may wait
    waiting._seats.cache_clear()
    inner: list[object] = []

    def meanwhile(_s):
        assert not inner, "the second request waits too"
        inner.append("begun")
        inner.append(ada.send_form(SCENES, {"photo": png(1)}, Prefer="wait=30").status_code)
        Scene.objects.all().delete()

    monkeypatch.setattr("retrieval.api.waiting.time.sleep", meanwhile)
    try:
        outer = ada.send_form(SCENES, {"photo": png()}, Prefer="wait=30")
        assert (outer.status_code, inner) == (202, ["begun", 202])
        assert waiting._seats().acquire(blocking=False)  # and the first gave its seat back
    finally:
        waiting._seats.cache_clear()


@on_real_connections
def test_nothing_is_held_during_the_wait(ada, site, monkeypatch):
    states = []

    def look(_s):
        states.append(connection.in_atomic_block)
        delete_scene(scene_id=Scene.objects.get().pk, reason=DeletedScene.Reason.VISITOR)

    monkeypatch.setattr("retrieval.api.waiting.time.sleep", look)
    answer = ada.send_form(SCENES, {"photo": png()}, Prefer="wait=30", Idempotency_Key="a")
    assert states == [False]
    assert answer.status_code == 202  # its scene was deleted meanwhile


@pytest.mark.django_db
def test_a_replay_can_wait_too(ada, site, clip, work):
    first = ada.send_form(SCENES, {"photo": png()}, Idempotency_Key="a")
    work(scene_of(first))
    plain = ada.send_form(SCENES, {"photo": png()}, Idempotency_Key="a")
    assert (plain.status_code, plain.json()["state"]) == (202, "queued")
    waited = ada.send_form(SCENES, {"photo": png()}, Idempotency_Key="a", Prefer="wait=5")
    assert (waited.status_code, waited.json()["state"]) == (201, "done")
    for answer in (plain, waited):
        assert answer["Idempotent-Replayed"] == "true"
        assert answer["Location"] == first["Location"]
    assert Scene.objects.count() == 1


@pytest.mark.django_db
def test_another_boundary_and_json_are_the_same_request(ada, site):
    fields = {"photo": png(), "title": "The sea", "visibility": "unlisted"}
    first = ada.send_form(SCENES, fields, Idempotency_Key="a")
    body = encode_multipart("another", fields | {"photo": png()})
    content_type = "multipart/form-data; boundary=another"
    other = ada.send_bytes(SCENES, body, content_type, Idempotency_Key="a")
    photo = in_base64(photo_bytes())
    as_json = ada.post(SCENES, {"title": "The sea", "photo": photo}, Idempotency_Key="a")
    for answer in (other, as_json):
        assert answer["Idempotent-Replayed"] == "true"
        assert answer.json() == first.json()
    assert Scene.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("changed", [{"photo": png(1)}, {"title": "x"}, {"judging_allowed": "on"}])
def test_another_request_with_the_same_key(ada, bob, site, changed):
    ada.send_form(SCENES, {"photo": png()}, Idempotency_Key="a")
    answer = ada.send_form(SCENES, {"photo": png()} | changed, Idempotency_Key="a")
    assert refusal(answer) == (422, "idempotency_key_reused")
    assert Scene.objects.count() == 1
    assert bob.send_form(SCENES, {"photo": png()}, Idempotency_Key="a").status_code == 202


@pytest.mark.django_db
def test_a_refusal_is_replayed_and_not_counted_again(ada, site, settings):
    settings.SOUNDSCAPE_USER_LIMITS = (2, 0, 0)
    for _ in range(3):
        answer = ada.post(SCENES, {"photo": in_base64(b"words")}, Idempotency_Key="a")
        assert refusal(answer) == (415, "unsupported_media_type")
    assert ada.send_form(SCENES, {"photo": png()}).status_code == 202
