"""Read photos and their results, delete them."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.roles import Role
from accounts.tests.factories import make_person
from retrieval.models import DeletedScene, JobState, Match, Scene, Visibility
from retrieval.services.clip_care import withdraw_clips
from retrieval.services.deletion import delete_scene
from retrieval.services.scenes import find_sounds
from retrieval.tests.api.programs import SCENES, Program, scene_of
from retrieval.tests.api.test_sending import refusal
from retrieval.tests.fakes import dummy_finder
from retrieval.tests.photos import png

pytestmark = pytest.mark.django_db


def test_a_result(ada, sent, clip):
    scene = sent(ada)
    found = ada.get(f"{SCENES}/{scene.pk}").json()
    assert found["state"] == "done"
    assert found["finished_at"] >= found["created_at"]
    assert (found["width_px"], found["height_px"]) == (64, 64)
    assert found["page_url"] == f"http://testserver/scenes/{scene.pk}/"
    assert found["photo_url"] == f"http://testserver{SCENES}/{scene.pk}/photo"
    assert (found["failure"], found["rematch"], found["matchers"]) == (None, None, ["paper"])
    (profile,) = found["profile"]
    assert profile["space"] == "dummy"
    shares = [one["share"] for one in profile["classes"]]
    assert len(shares) == 5
    assert shares == sorted(shares, reverse=True)
    assert {one["key"] for one in profile["classes"]} <= {f"d{i}" for i in range(7)}
    run = found["run"]
    stored = scene.run
    assert run == {
        "matcher": "paper",
        "version": stored.matcher_version,
        "models": {"dummy": {"image": "dummy-eye@1", "audio": "dummy-ear@1"}},
        "bank": stored.bank,
        "snapshot": stored.snapshot,
        "library_size": 1,
        "filter": {},
        "search_ms": pytest.approx(stored.search_seconds * 1000),
    }
    (match,) = found["matches"]
    kept = Match.objects.get()
    assert (match["rank"], match["strength"]) == (1, None)  # `paper` gives none
    assert match["score"] == pytest.approx(kept.score)
    assert match["divergence_nats"] == {"dummy": kept.divergences.get().divergence_nats}
    assert (match["takes"], match["withdrawn"]) == ([], False)
    assert match["clip"] == {
        "id": clip.pk,
        "title": "Surf",
        "author": "Ann",
        "license": "CC-BY-4.0",
        "license_url": "https://creativecommons.org/licenses/by/4.0/",
        "source_url": "https://example.org/surf",
        "duration_s": 5.0,
        "credit_line": "“Surf” by Ann (CC BY 4.0), https://example.org/surf",
        "audio_url": f"http://testserver/api/v1/clips/{clip.pk}/audio",
        "player_url": f"http://testserver/clips/{clip.pk}/{clip.played_version}/audio",
    }
    (explanation,) = match["explanations"]
    terms = explanation["terms"]
    assert set(terms[0]) == {
        "key", "name", "scene_share", "clip_share", "advantage_nats", "divergence_nats",
    }  # fmt: skip
    assert terms[0]["key"] == kept.explanations[0]["terms"][0]["label"]["key"]
    total = sum(term["advantage_nats"] for term in terms) + explanation["rest_nats"]
    assert total == pytest.approx(explanation["total_nats"])


def test_an_unfinished_photo_has_no_result(ada, site):
    scene = scene_of(ada.send_form(SCENES, {"photo": png()}))
    for state in (
        {},
        {"state": "processing", "lease_owner": "w", "lease_expires_at": timezone.now()},
    ):
        Scene.objects.filter(pk=scene.pk).update(**state)
        answer = ada.get(f"{SCENES}/{scene.pk}")
        found = answer.json()
        assert (answer.status_code, answer["Retry-After"]) == (200, "1")
        assert found["state"] == state.get("state", "queued")
        assert (found["matches"], found["run"], found["finished_at"]) == ([], None, None)


def test_a_failure_has_code_and_words(ada, site, work, index_directory, tmp_path):
    scene = scene_of(ada.send_form(SCENES, {"photo": png()}))
    find_sounds(scene_id=scene.pk, finder=dummy_finder(tmp_path, index_directory), worker="w")
    answer = ada.get(f"{SCENES}/{scene.pk}")
    failure = answer.json()["failure"]
    assert answer.json()["state"] == "failed"
    assert failure["code"] == "library_empty"
    assert "make setup" not in failure["detail"]  # that is for the operator
    assert "Retry-After" not in answer


def test_another_matchers_result(ada, sent, tmp_path, index_directory, make_clip):
    scene = sent(ada)
    first = ada.get(f"{SCENES}/{scene.pk}?matcher=paper")
    assert first.json()["run"]["matcher"] == "paper"
    assert refusal(ada.get(f"{SCENES}/{scene.pk}?matcher=fused")) == (404, "result_missing")
    assert refusal(ada.get(f"{SCENES}/{scene.pk}?matcher=x")) == (400, "invalid_choice")
    scene.run.matcher = "heard"  # a second run of the same photo in the same library
    scene.run.pk = None
    scene.run.save()
    Scene.objects.update(finished_at=timezone.now())
    found = ada.get(f"{SCENES}/{scene.pk}?matcher=paper&fields=matchers,run").json()
    assert set(found) == {"matchers", "run"}
    assert found["matchers"] == ["heard", "paper"]


def test_a_withdrawn_recording_keeps_its_rank(ada, sent, clip):
    scene = sent(ada)
    operator = make_person("olga", Role.OPERATOR)
    withdraw_clips(clip_ids=[clip.pk], reason="noise", actor_id=operator.pk)
    (match,) = ada.get(f"{SCENES}/{scene.pk}").json()["matches"]
    assert match["withdrawn"] is True
    assert (match["clip"]["audio_url"], match["clip"]["player_url"]) == (None, None)
    assert match["clip"]["title"] == "Surf"


@pytest.mark.parametrize("is_hidden", [False, True], ids=["shown", "hidden"])
@pytest.mark.parametrize("visibility", Visibility.values)
def test_who_may_see_and_change_a_photo(ada, bob, sent, visibility, is_hidden):
    scene = sent(ada)
    Scene.objects.update(
        visibility=visibility,
        hidden_at=timezone.now() if is_hidden else None,
        hidden_reason="a face" if is_hidden else "",
    )
    operator = Program(make_person("olga", Role.OPERATOR), "scenes:write")
    private = visibility == Visibility.PRIVATE
    sees = {ada: True, bob: not private and not is_hidden, operator: not private}
    for program, seen in sees.items():
        for part in ("", "/photo"):
            answer = program.get(f"{SCENES}/{scene.pk}{part}")
            assert answer.status_code == (200 if seen else 404), (program.user, part)
        if program is not ada:
            assert refusal(program.delete(f"{SCENES}/{scene.pk}")) == (404, "not_found")
            assert refusal(program.post(f"{SCENES}/{scene.pk}/rematch")) == (404, "not_found")
    unknown = bob.get(f"{SCENES}/{uuid.uuid4()}").json()
    if not sees[bob]:
        same = {"code", "detail", "status", "title", "type"}
        hidden = bob.get(f"{SCENES}/{scene.pk}").json()
        assert {name: hidden[name] for name in same} == {name: unknown[name] for name in same}
    assert ada.delete(f"{SCENES}/{scene.pk}").status_code == 204


def test_a_browsers_photo_is_nobodys_in_the_api(ada, sent):
    scene = sent(ada)
    Scene.objects.update(owner=None)
    assert ada.get(f"{SCENES}/{scene.pk}").status_code == 200
    assert ada.delete(f"{SCENES}/{scene.pk}").status_code == 404
    assert ada.get(SCENES).json()["results"] == []


def test_a_deleted_photo_is_gone(ada, bob, sent):
    scene = sent(ada)
    answer = ada.delete(f"{SCENES}/{scene.pk}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert not Scene.objects.exists()
    assert DeletedScene.objects.get().reason == DeletedScene.Reason.VISITOR
    for answer in (
        ada.get(f"{SCENES}/{scene.pk}"),
        ada.get(f"{SCENES}/{scene.pk}/photo"),
        ada.delete(f"{SCENES}/{scene.pk}"),
        ada.post(f"{SCENES}/{scene.pk}/rematch"),
        bob.get(f"{SCENES}/{scene.pk}"),
    ):
        assert refusal(answer) == (410, "gone")


def test_a_photo_that_is_deleted_during_the_request_is_gone(ada, sent, monkeypatch):
    scene = sent(ada)
    from_views = "retrieval.api.scene_content.matches_with_divergences"

    def deleted_meanwhile(run):
        delete_scene(scene_id=scene.pk, reason=DeletedScene.Reason.VISITOR)
        raise Scene.DoesNotExist

    monkeypatch.setattr(from_views, deleted_meanwhile)
    assert refusal(ada.get(f"{SCENES}/{scene.pk}")) == (410, "gone")


def test_the_picture(ada, sent):
    scene = sent(ada)
    address = f"{SCENES}/{scene.pk}/photo"
    with default_storage.open(scene.photo.name) as stored:
        content = stored.read()
    answer = ada.get(address)
    assert b"".join(answer.streaming_content) == content
    assert (answer["Content-Type"], answer["Accept-Ranges"]) == ("image/jpeg", "bytes")
    assert answer["Cache-Control"] == "private, no-cache"
    etag = answer["ETag"]
    part = ada.get(address, Range="bytes=2-5")
    assert (part.status_code, b"".join(part.streaming_content)) == (206, content[2:6])
    assert part["Content-Range"] == f"bytes 2-5/{len(content)}"
    beyond = ada.get(address, Range=f"bytes={len(content)}-")
    assert refusal(beyond) == (416, "range_not_satisfiable")
    assert beyond["Content-Range"] == f"bytes */{len(content)}"
    for ignored in ("bytes=5-2", "items=0-1", "garbage", "bytes=0-0,2-2"):
        assert ada.get(address, Range=ignored).status_code == 200
    stale = ada.get(address, Range="bytes=2-5", If_Range='"stale"')
    assert stale.status_code == 200
    assert ada.get(address, If_None_Match=etag).status_code == 304


def test_media_types(ada, sent):
    scene = sent(ada)
    address = f"{SCENES}/{scene.pk}"
    assert ada.get(f"{address}/photo", Accept="image/jpeg")["Content-Type"] == "image/jpeg"
    assert refusal(ada.get(address, Accept="text/html")) == (406, "not_acceptable")
    ada.delete(address)
    assert refusal(ada.get(f"{address}/photo", Accept="image/jpeg")) == (410, "gone")


def test_more_matches_need_no_more_queries(ada, sent, make_clip, django_assert_num_queries):
    address = f"{SCENES}/{sent(ada).pk}"
    with CaptureQueriesContext(connection) as captured:
        ada.get(address)
    needed = len(captured)
    for i in range(5):
        make_clip(np.full(7, 0.02) + np.eye(7)[i] * 0.86)
    Scene.objects.all().delete()
    address = f"{SCENES}/{sent(ada).pk}"
    with django_assert_num_queries(needed):
        assert len(ada.get(address).json()["matches"]) == 6


def test_a_picture_that_cannot_be_read(ada, sent, monkeypatch):
    scene = sent(ada)

    def broken(*_args, **_options):
        raise OSError("disk")

    monkeypatch.setattr("retrieval.views.media.stored_file_response", broken)
    answer = ada.get(f"{SCENES}/{scene.pk}/photo")
    assert refusal(answer) == (503, "storage_unavailable")


def test_my_photos_newest_first(ada, bob, sent):
    scenes = [sent(ada, number) for number in range(3)]
    sent(bob, 9)
    first = ada.get(f"{SCENES}?page_size=2").json()
    second = ada.get(first["next"]).json()
    listed = [one["id"] for one in first["results"] + second["results"]]
    assert listed == [str(scene.pk) for scene in reversed(scenes)]
    assert second["next"] is None
    one = first["results"][0]
    assert one["state"] == JobState.DONE
    assert "matches" not in one
    assert set(ada.get(f"{SCENES}?fields=id,url").json()["results"][0]) == {"id", "url"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("page_size=0", "min_value"),
        ("page_size=1000000", "max_value"),
        ("page_size=abc", "invalid"),
        ("cursor=1", "invalid_cursor"),
        ("ordering=password", "invalid_filter"),
        ("owner__password__startswith=a", "invalid_filter"),
        ("fields=photo", "invalid_fields"),
        ("page_size=1&page_size=2", "invalid_filter"),
    ],
)
def test_parameters_that_are_refused(ada, sent, query, code):
    sent(ada)
    assert refusal(ada.get(f"{SCENES}?{query}")) == (400, code)


@pytest.mark.parametrize("name", ["1", "x" * 36, "7e64d1c9-5b1d-4f0e-9f7a-0f2a3f8c1d5"])
def test_ids_that_are_none(ada, site, name):
    assert refusal(ada.get(f"{SCENES}/{name}")) == (404, "not_found")


def test_an_unchanged_photo_is_not_sent_again(ada, sent):
    scene = sent(ada)
    answer = ada.get(f"{SCENES}/{scene.pk}")
    assert ada.get(f"{SCENES}/{scene.pk}", If_None_Match=answer["ETag"]).status_code == 304
    Scene.objects.update(title="New")
    assert ada.get(f"{SCENES}/{scene.pk}", If_None_Match=answer["ETag"]).status_code == 200
