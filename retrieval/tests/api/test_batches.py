"""Send many photos at once."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from retrieval.models import Scene, UploadTally, Visibility
from retrieval.services import uploads
from retrieval.storage import content_store
from retrieval.storage.content_store import StorageFullError
from retrieval.tests.api.programs import SCENES, in_base64, photo_bytes
from retrieval.tests.api.test_sending import refusal, tally
from retrieval.tests.photos import png

pytestmark = pytest.mark.django_db

BATCH = f"{SCENES}/batch"


def item(number=0, **fields):
    return {"photo": in_base64(photo_bytes(number)), **fields}


def outcomes(answer):
    """Return status and code of each photo."""
    assert answer.status_code == 207, answer.content
    results = answer.json()["results"]
    return [
        (one["status"], one["problem"]["code"] if one["problem"] else one["scene"]["state"])
        for one in results
    ]


def test_a_form(ada, site, wake_ups, django_capture_on_commit_callbacks):
    photos = [png(number) for number in range(3)]
    with django_capture_on_commit_callbacks(execute=True):
        answer = ada.send_form(BATCH, {"photo": photos, "visibility": "private"})
    assert outcomes(answer) == [(202, "queued")] * 3
    ids = [one["scene"]["id"] for one in answer.json()["results"]]
    assert wake_ups == ids
    scenes = [Scene.objects.get(pk=one) for one in ids]
    assert len({scene.photo_sha256 for scene in scenes}) == 3
    alone = ada.send_form(SCENES, {"photo": png(1)}).json()["id"]
    assert Scene.objects.get(pk=alone).photo_sha256 == scenes[1].photo_sha256  # in their order
    assert {scene.visibility for scene in scenes} == {Visibility.PRIVATE}
    assert tally(ada) == 4


@pytest.mark.parametrize("headers", [{}, {"Idempotency_Key": "a"}])
def test_each_photo_has_its_outcome(ada, sent, headers):
    sent(ada, 5)
    photos = [
        item(0, title="First", visibility="private"),
        {"photo": in_base64(b"words")},
        {"photo": "$"},
        item(1, x=1),
        "photo",
        item(5, title="Known"),
        item(2, visibility="private", judging_allowed=True),
        item(3, judging_allowed=True),
    ]
    answer = ada.post(BATCH, {"photos": photos}, **headers)
    assert outcomes(answer) == [
        (202, "queued"),
        (415, "unsupported_media_type"),
        (400, "invalid_base64"),
        (400, "unknown_field"),
        (400, "invalid"),
        (201, "done"),
        (400, "private_not_judged"),
        (202, "queued"),
    ]
    results = answer.json()["results"]
    assert [one["scene"]["title"] for one in results if one["scene"]] == ["First", "Known", ""]
    assert Scene.objects.filter(visibility="private").count() == 1
    assert Scene.objects.filter(judging_allowed=True).count() == 1
    assert Scene.objects.count() == 4
    assert tally(ada) == 1 + 4  # the faulty one counts, those that were not decoded do not


def test_the_quota_ends_within_a_batch(ada, site, settings):
    settings.SOUNDSCAPE_USER_LIMITS = (2, 0, 0)
    answer = ada.post(BATCH, {"photos": [item(number) for number in range(3)]})
    assert outcomes(answer) == [(202, "queued"), (202, "queued"), (429, "quota_photos")]
    assert answer.json()["results"][2]["retry_after_s"] > 1
    assert Scene.objects.count() == 2


@pytest.mark.parametrize("headers", [{}, {"Idempotency_Key": "a"}])
def test_a_photo_that_cannot_be_stored_takes_no_other_with_it(ada, site, monkeypatch, headers):
    keep = content_store.keep_bytes
    calls: list[object] = []

    def full_at_the_second(content, **options):
        calls.append(options)
        if len(calls) == 4:  # the second file of the second photo
            raise StorageFullError("full")
        return keep(content, **options)

    monkeypatch.setattr(content_store, "keep_bytes", full_at_the_second)
    answer = ada.post(BATCH, {"photos": [item(0), item(1), item(2)]}, **headers)
    assert outcomes(answer) == [(202, "queued"), (507, "storage_full"), (202, "queued")]
    assert Scene.objects.count() == UploadTally.objects.get().photos == 2


def test_all_are_decoded_before_one_is_stored(ada, site, photo_pool, monkeypatch):
    """The locks of the account and the tally must not last as long as decoding does."""
    steps: list[str] = []
    decode, create = photo_pool.decode_photo, uploads.create_scene

    def decoding(content):
        steps.append("decode")
        return decode(content)

    def creating(**given):
        steps.append("store")
        return create(**given)

    monkeypatch.setattr(photo_pool, "decode_photo", decoding)
    monkeypatch.setattr(uploads, "create_scene", creating)
    ada.post(BATCH, {"photos": [item(0), item(1)]})
    assert steps == ["decode"] * 2 + ["store"] * 2


def test_the_account_is_locked_before_the_tally(ada, site):
    """As for single photos: in two orders, two requests of a sender could wait for each other."""
    faulty = {"photo": in_base64(b"no photo")}
    with CaptureQueriesContext(connection) as queries:
        ada.post(BATCH, {"photos": [faulty, item(1)]}, Idempotency_Key="a")
    locks = [one["sql"] for one in queries if " FOR " in one["sql"] and "UPDATE" in one["sql"]]
    tables = [sql.partition("FROM")[2].split()[0].strip('"') for sql in locks]
    assert tables.index("accounts_user") < tables.index("retrieval_uploadtally")
    assert tally(ada) == 2


def test_photos_that_would_take_too_long_are_refused(ada, site, monkeypatch):
    clock = iter([0.0, 1.0, 61.0, 62.0])
    monkeypatch.setattr("retrieval.services.uploads.time.monotonic", lambda: next(clock, 63.0))
    answer = ada.post(BATCH, {"photos": [item(0), item(1)]})
    assert outcomes(answer) == [(202, "queued"), (503, "decoder_busy")]
    assert tally(ada) == 1


@pytest.mark.parametrize("number", [51, 101])
def test_too_many_photos(ada, site, number):
    photos = [png(one) for one in range(number)]
    assert refusal(ada.send_form(BATCH, {"photo": photos})) == (413, "batch_too_large")
    as_json = {"photos": [{"photo": "AAAA"}] * number}
    assert refusal(ada.post(BATCH, as_json)) == (413, "batch_too_large")
    assert not Scene.objects.exists()


def test_fifty_photos(ada, site):
    answer = ada.send_form(BATCH, {"photo": [png(number) for number in range(50)]})
    assert outcomes(answer) == [(202, "queued")] * 50


def test_a_large_form_is_kept_in_files(ada, site, settings):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 10
    answer = ada.send_form(BATCH, {"photo": [png(0), png(1)]})
    assert outcomes(answer) == [(202, "queued")] * 2


def test_one_photo_is_too_large(ada, site, settings):
    settings.SOUNDSCAPE_MAX_PHOTO_BYTES = 1_000
    large = png()
    large.write(bytes(1_001))
    large.seek(0)
    answer = ada.send_form(BATCH, {"photo": [large, png(1)]})
    assert outcomes(answer) == [(413, "file_too_large"), (202, "queued")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "required"),
        ({"photos": []}, "empty"),
        ({"photos": "photo"}, "not_a_list"),
        ({"photos": [{}], "title": "x"}, "unknown_field"),
        ([], "invalid"),
    ],
)
def test_json_that_is_no_batch(ada, site, body, code):
    assert refusal(ada.post(BATCH, body)) == (400, code)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "file_missing"),
        ({"photo": [png()], "title": "x"}, "unknown_field"),
        ({"photo": [png()], "visibility": ["private", "public"]}, "malformed_multipart"),
    ],
)
def test_a_form_that_is_no_batch(ada, site, fields, code):
    assert refusal(ada.send_form(BATCH, fields)) == (400, code)


def test_a_repeated_batch(ada, site):
    photos = [item(0), {"photo": "$"}]
    first = ada.post(BATCH, {"photos": photos}, Idempotency_Key="a")
    again = ada.post(BATCH, {"photos": photos}, Idempotency_Key="a")
    assert again["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    for others in (photos[::-1], [item(0), {"photo": "%"}], [item(0, title="x"), {"photo": "$"}]):
        answer = ada.post(BATCH, {"photos": others}, Idempotency_Key="a")
        assert refusal(answer) == (422, "idempotency_key_reused")
    assert Scene.objects.count() == 1


def test_a_form_and_json_of_the_same_photos_are_the_same_batch(ada, site):
    first = ada.send_form(BATCH, {"photo": [png(0), png(1)]}, Idempotency_Key="a")
    again = ada.post(BATCH, {"photos": [item(0), item(1)]}, Idempotency_Key="a")
    assert again["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()


def test_nesting_at_the_limit(ada, site):
    """What can just be read could be too deep for what comes after."""
    for depth in range(700, 1_000, 7):
        body = '{"photos": [' + "[" * depth + "]" * depth + "]}"
        answer = ada.send_bytes(BATCH, body, "application/json")
        assert answer.status_code in {207, 400}, depth
