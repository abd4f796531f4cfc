"""Match photos again through the API."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.api import scene_base
from retrieval.models import SceneRematch
from retrieval.selectors.scenes import scene_with_run
from retrieval.services.rematching import run_rematch
from retrieval.tests.api.programs import SCENES, scene_of
from retrieval.tests.api.test_sending import refusal
from retrieval.tests.photos import png

pytestmark = pytest.mark.django_db


@pytest.fixture
def old(ada, sent, make_clip):
    """A photo whose result is older than a recording."""
    scene = sent(ada)
    make_clip(np.full(7, 1 / 7), title="Newer")
    return f"{SCENES}/{scene.pk}"


def test_a_newer_library(ada, old, finder, wake_ups, django_capture_on_commit_callbacks):
    wake_ups.clear()
    with django_capture_on_commit_callbacks(execute=True):
        answer = ada.post(f"{old}/rematch")
    assert answer.status_code == 202
    assert answer["Location"] == f"http://testserver{old}"
    assert answer["Retry-After"] == "1"
    rematch = SceneRematch.objects.get()
    assert wake_ups == [rematch.pk]
    before = ada.get(old).json()
    assert before["state"] == "done"
    assert before["run"]["library_size"] == 1
    assert before["rematch"]["state"] == "queued"
    assert ada.post(f"{old}/rematch").status_code == 202
    run_rematch(rematch_id=rematch.pk, finder=finder, worker="w")
    after = ada.get(old).json()
    assert after["run"]["library_size"] == 2
    assert after["rematch"] | {"created_at": 0, "finished_at": 0} == {
        "matcher": "paper", "filter": {}, "state": "done", "created_at": 0, "finished_at": 0,
        "failure": None,
    }  # fmt: skip
    again = ada.post(f"{old}/rematch")
    assert again.status_code == 200
    assert again.json()["run"] == after["run"]
    assert "Retry-After" not in again
    assert SceneRematch.objects.count() == 1


def test_a_rematch_that_ends_during_the_request_does_not_pass_the_old_result_off_as_new(
    ada, old, finder, monkeypatch
):
    ada.post(f"{old}/rematch")
    rematch = SceneRematch.objects.get()

    def meanwhile(scene_id):
        found = scene_with_run(scene_id)
        run_rematch(rematch_id=rematch.pk, finder=finder, worker="w")
        return found

    monkeypatch.setattr(scene_base, "scene_with_run", meanwhile)
    found = ada.get(old).json()
    assert (found["rematch"]["state"], found["run"]["library_size"]) == ("queued", 1)
    found = ada.get(old).json()
    assert (found["rematch"]["state"], found["run"]["library_size"]) == ("done", 2)


def test_an_answer_without_the_id_is_kept_for_its_key(ada, old):
    headers = {"Idempotency_Key": "one"}
    first = ada.post(f"{old}/rematch?fields=state", **headers)
    assert (first.status_code, first.json()) == (202, {"state": "done"})
    assert ada.post(f"{old}/rematch?fields=state", **headers)["Idempotent-Replayed"] == "true"
    ada.delete(old)
    assert ada.post(f"{old}/rematch?fields=state", **headers).status_code == 410


def test_a_failed_rematch_changes_nothing(ada, old, finder):
    before = ada.get(old).json()
    assert ada.post(f"{old}/rematch", {"matcher": "fused"}).status_code == 202
    rematch = SceneRematch.objects.get(matcher="fused")
    run_rematch(rematch_id=rematch.pk, finder=finder, worker="w")
    after = ada.get(old).json()
    assert after["rematch"]["state"] == "failed"
    assert after["rematch"]["failure"]["code"] == "profiles_missing"
    assert "profile_clips" not in after["rematch"]["failure"]["detail"]
    for name in ("state", "run", "matches", "finished_at", "failure"):
        assert after[name] == before[name]


@pytest.mark.parametrize(
    ("query", "body", "code"),
    [
        ("?matcher=x", None, "invalid_choice"),
        ("", {"matcher": "x"}, "invalid_choice"),
        ("", {"matcher": None}, "null"),
        ("?matcher=paper", {"matcher": "fused"}, "matchers_differ"),
        ("?speed=1", None, "invalid_filter"),
        ("", {"speed": 1}, "unknown_field"),
    ],
)
def test_requests_that_are_refused(ada, old, query, body, code):
    assert refusal(ada.post(f"{old}/rematch{query}", body)) == (400, code)
    assert not SceneRematch.objects.exists()


def test_the_matcher_in_the_address(ada, old):
    assert ada.post(f"{old}/rematch?matcher=heard").status_code == 202
    assert SceneRematch.objects.get().matcher == "heard"


def test_a_repeated_request(ada, old):
    first = ada.post(f"{old}/rematch", Idempotency_Key="a")
    again = ada.post(f"{old}/rematch", Idempotency_Key="a")
    assert again["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    other = ada.post(f"{old}/rematch?matcher=heard", Idempotency_Key="a")
    assert refusal(other) == (422, "idempotency_key_reused")


def test_an_unfinished_photo(ada, site):
    scene = scene_of(ada.send_form(SCENES, {"photo": png()}))
    answer = ada.post(f"{SCENES}/{scene.pk}/rematch")
    assert refusal(answer) == (409, "scene_unfinished")


def test_a_full_queue(ada, old, settings):
    settings.SOUNDSCAPE_QUEUE_LIMIT = 0
    assert refusal(ada.post(f"{old}/rematch")) == (503, "queue_full")


def test_too_many_in_a_minute(ada, old, settings):
    settings.SOUNDSCAPE_USER_LIMITS = (0, 0, 1)
    assert ada.post(f"{old}/rematch").status_code == 202
    assert ada.post(f"{old}/rematch").status_code == 202  # the same search
    refused = ada.post(f"{old}/rematch?matcher=heard")
    assert refusal(refused) == (429, "rate_limited")
    assert int(refused["Retry-After"]) > 0
