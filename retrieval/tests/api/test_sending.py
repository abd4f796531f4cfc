"""Send photos: as a form and as JSON, good ones and bad ones."""

from __future__ import annotations

import json

import pytest

from accounts.tests.factories import make_person
from retrieval.models import JobState, Scene, UploadTally, Visibility
from retrieval.quotas.senders import user_key
from retrieval.tests.api.programs import SCENES, Program, in_base64, photo_bytes, scene_of
from retrieval.tests.photos import png

pytestmark = pytest.mark.django_db

FIELDS = {"title": "The sea", "visibility": "private"}


def refusal(answer):
    assert answer["Content-Type"] == "application/problem+json", answer.content
    content = json.loads(answer.content)
    assert content["status"] == answer.status_code
    return answer.status_code, content["code"]


def tally(program):
    row = UploadTally.objects.filter(visitor=user_key(program.user.pk)).first()
    return row.photos if row else 0


def test_a_form_is_accepted(ada, site):
    answer = ada.send_form(SCENES, {"photo": png(), **FIELDS})
    assert answer.status_code == 202
    scene = scene_of(answer)
    content = answer.json()
    assert content["state"] == "queued"
    assert (content["title"], content["visibility"]) == ("The sea", "private")
    assert (content["matches"], content["profile"], content["run"]) == ([], [], None)
    assert content["url"] == answer["Location"] == f"http://testserver{SCENES}/{scene.pk}"
    assert answer["Retry-After"] == "1"
    assert scene.owner_id == ada.user.pk
    assert (scene.title, scene.visibility) == ("The sea", Visibility.PRIVATE)
    assert scene.judging_allowed is False
    assert tally(ada) == 1


def test_json_makes_the_same_scene(ada, site):
    photo = in_base64(photo_bytes())
    answer = ada.post(SCENES, {"photo": photo, "title": "The sea", "judging_allowed": True})
    assert answer.status_code == 202
    ada.send_form(SCENES, {"photo": png(), "title": "The sea", "judging_allowed": "true"})
    first, second = Scene.objects.all()
    for name in ("photo_sha256", "photo", "title", "visibility", "judging_allowed"):
        assert getattr(first, name) == getattr(second, name)
    assert first.judging_allowed


def test_a_worker_is_woken_after_the_commit(
    ada, site, wake_ups, django_capture_on_commit_callbacks
):
    for header in ({}, {"Idempotency_Key": "a"}):
        wake_ups.clear()
        with django_capture_on_commit_callbacks(execute=True):
            answer = ada.send_form(SCENES, {"photo": png()}, **header)
            assert wake_ups == []
        assert wake_ups == [answer.json()["id"]]


def test_a_photo_that_was_matched_before_is_answered_with_its_result(ada, bob, sent):
    sent(bob)
    answer = ada.send_form(SCENES, {"photo": png()})
    assert answer.status_code == 201
    content = answer.json()
    assert content["state"] == "done"
    assert content["matches"][0]["clip"]["title"] == "Surf"
    assert "Retry-After" not in answer
    assert scene_of(answer).owner_id == ada.user.pk


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (400, "file_missing")),
        ({"photo": "words"}, (400, "file_missing")),
        ({"photo": [png(), png(1)]}, (400, "too_many_files")),
        ({"photo": png(), "owner": "7"}, (400, "unknown_field")),
        ({"photo": png(), "visibility": "secret"}, (400, "invalid_choice")),
        ({"photo": png(), "title": ["a", "b"]}, (400, "malformed_multipart")),
        ({"photo": png(), "title": "x" * 121}, (400, "max_length")),
        (
            {"photo": png(), "visibility": "private", "judging_allowed": "on"},
            (400, "private_not_judged"),
        ),
    ],
)
def test_a_form_that_is_refused(ada, site, fields, expected):
    assert refusal(ada.send_form(SCENES, fields)) == expected
    assert not Scene.objects.exists()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("{", (400, "malformed_json")),
        ("[]", (400, "invalid")),
        ('{"photo": NaN}', (400, "malformed_json")),
        ('{"photo": "", "photo": ""}', (400, "malformed_json")),
        ("[" * 10_000, (400, "malformed_json")),
        ("{}", (400, "file_missing")),
        ('{"photo": 7}', (400, "invalid_base64")),
        ('{"photo": "a$=="}', (400, "invalid_base64")),
        ('{"photo": "\\ud800"}', (400, "invalid_characters")),
        ('{"photo": ""}', (400, "file_empty")),
        ('{"photo": "AAAA", "title": "a\\u0000"}', (400, "invalid_characters")),
        ('{"photo": "AAAA", "title": "a\\ud800"}', (400, "invalid_characters")),
        ('{"photo": "AAAA", "status": "done"}', (400, "unknown_field")),
        ('{"photo": "AAAA"}', (415, "unsupported_media_type")),
    ],
)
def test_json_that_is_refused(ada, site, body, expected):
    assert refusal(ada.send_bytes(SCENES, body, "application/json")) == expected
    assert not Scene.objects.exists()


@pytest.mark.parametrize(
    ("content_type", "headers", "expected"),
    [
        ("text/plain", {}, (415, "unsupported_media_type")),
        ("application/json", {"Content_Encoding": "gzip"}, (415, "unsupported_encoding")),
        ("multipart/form-data", {}, (400, "malformed_multipart")),
    ],
)
def test_bodies_that_are_not_read(ada, site, content_type, headers, expected):
    assert refusal(ada.send_bytes(SCENES, "{}", content_type, **headers)) == expected


def test_a_photo_that_is_too_large(ada, site, settings):
    settings.SOUNDSCAPE_MAX_PHOTO_BYTES = 1_000
    large = png()
    large.write(bytes(1_001))
    large.seek(0)
    assert refusal(ada.send_form(SCENES, {"photo": large})) == (413, "file_too_large")
    body = {"photo": in_base64(bytes(1_001))}
    assert refusal(ada.post(SCENES, body)) == (413, "file_too_large")
    assert tally(ada) == 0


def test_a_body_that_is_too_large_is_not_read(ada, site, settings):
    settings.SOUNDSCAPE_MAX_PHOTO_BYTES = 1_000
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    body = {"photo": in_base64(bytes(2_000))}
    assert refusal(ada.post(SCENES, body)) == (413, "body_too_large")
    assert refusal(ada.send_form(SCENES, {"photo": png(), "title": "x" * 2000})) == (
        413,
        "body_too_large",
    )


def test_a_form_larger_than_what_stays_in_memory_arrives(ada, site, settings):
    """Django's handler in memory alone would drop the file."""
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 10
    assert ada.send_form(SCENES, {"photo": png()}).status_code == 202


@pytest.mark.parametrize("headers", [{}, {"Idempotency_Key": "a"}])
def test_a_faulty_photo_counts_towards_the_quota(ada, site, headers):
    body = {"photo": in_base64(b"no photo at all")}
    assert refusal(ada.post(SCENES, body, **headers)) == (415, "unsupported_media_type")
    assert tally(ada) == 1


@pytest.mark.parametrize("headers", [{}, {"Idempotency_Key": "a"}])
def test_the_quota_is_the_accounts(ada, bob, site, settings, headers):
    settings.SOUNDSCAPE_USER_LIMITS = (1, 0, 0)
    assert ada.send_form(SCENES, {"photo": png()}).status_code == 202
    answer = ada.send_form(SCENES, {"photo": png(1)}, **headers)
    assert refusal(answer) == (429, "quota_photos")
    assert int(answer["Retry-After"]) > 1
    assert bob.send_form(SCENES, {"photo": png()}).status_code == 202


def test_a_full_queue(ada, site, settings):
    settings.SOUNDSCAPE_QUEUE_LIMIT = 0
    answer = ada.send_form(SCENES, {"photo": png()})
    assert refusal(answer) == (503, "queue_full")
    assert answer["Retry-After"] == "30"


def test_a_key_without_the_scope(site):

    reader = Program(make_person("carl"), "clips:read")
    assert refusal(reader.send_form(SCENES, {"photo": png()})) == (403, "scope_missing")
    assert refusal(reader.get(SCENES)) == (403, "scope_missing")


def test_other_methods(ada, site):
    answer = ada.post(f"{SCENES}/batch/", {})
    assert refusal(answer) == (404, "not_found")
    assert refusal(ada.delete(SCENES)) == (405, "method_not_allowed")
    assert {"GET", "POST"} <= set(ada.delete(SCENES)["Allow"].split(", "))


def test_nothing_is_kept_of_a_refused_request(ada, site):
    assert ada.post(SCENES, {"photo": in_base64(photo_bytes()), "x": 1}).status_code == 400
    assert not Scene.objects.filter(state=JobState.QUEUED).exists()
    assert tally(ada) == 0


def test_a_photo_of_several_megabytes_in_json(ada, site, settings):
    """More than Django reads into memory by itself."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000
    photo = png()
    photo.seek(0, 2)
    photo.write(bytes(10_000))  # behind the end of the picture
    answer = ada.post(SCENES, {"photo": in_base64(photo.getvalue())})
    assert answer.status_code == 202
