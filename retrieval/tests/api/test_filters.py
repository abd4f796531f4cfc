"""Filters of photos' results, through the API."""

from __future__ import annotations

import json

import numpy as np
import pytest

from retrieval.catalogue.licences import COMMERCIAL
from retrieval.models import MatchRun, Scene, SceneRematch
from retrieval.services.rematching import run_rematch
from retrieval.tests.api.programs import SCENES, in_base64, photo_bytes, scene_of
from retrieval.tests.api.test_sending import refusal
from retrieval.tests.photos import png

pytestmark = pytest.mark.django_db

BATCH = f"{SCENES}/batch"
SALEABLE = {"commercial_use": True, "min_duration_s": 15.0}
STORED = {"licenses": sorted(COMMERCIAL), "min_duration_s": 15.0}


@pytest.fixture
def long_clip(site, make_clip):
    """A recording that passes `SALEABLE`, and one that does not and fits better."""
    make_clip(np.full(7, 1 / 7), license="CC-BY-NC-4.0", duration_s=60)
    return make_clip(np.arange(1, 8) / 28, license="CC-BY-4.0", duration_s=15)


def photo_in(kind, **fields):
    """Return how a program sends a photo: in a form or in JSON."""
    if kind == "json":
        return lambda ada, at=SCENES, **h: ada.post(
            at, {"photo": in_base64(photo_bytes()), **fields}, **h
        )
    texts = {n: json.dumps(v) if isinstance(v, dict) else v for n, v in fields.items()}
    return lambda ada, at=SCENES, **h: ada.send_form(at, {"photo": png(), **texts}, **h)


@pytest.mark.parametrize("kind", ["form", "json"])
def test_a_photo_with_a_filter(ada, work, long_clip, kind):
    scene = work(scene_of(photo_in(kind, filter=SALEABLE)(ada)))
    found = ada.get(f"{SCENES}/{scene.pk}").json()
    assert found["run"]["filter"] == SALEABLE
    assert [match["clip"]["id"] for match in found["matches"]] == [long_clip.pk]
    assert found["run"]["library_size"] == 2
    again = photo_in(kind, filter=found["run"]["filter"])(ada)
    assert (again.status_code, again.json()["run"]["filter"]) == (201, SALEABLE)
    whole = photo_in(kind)(ada)  # stored beside
    assert (whole.status_code, whole.json()["run"]["filter"]) == (201, {})
    assert len(whole.json()["matches"]) == 2


def test_the_same_request_as_form_and_json(ada, work, long_clip):
    first = photo_in("form", filter=SALEABLE)(ada, Idempotency_Key="a")
    again = photo_in("json", filter=SALEABLE)(ada, Idempotency_Key="a")
    assert again["Idempotent-Replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    other = photo_in("json", filter={"commercial_use": True})(ada, Idempotency_Key="a")
    assert refusal(other) == (422, "idempotency_key_reused")
    photo_in("form")(ada, Idempotency_Key="b")
    assert photo_in("json", filter={})(ada, Idempotency_Key="b")["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    ("wanted", "stored"),
    [
        ({"commercial_use": False}, {}),
        ({"license": "CC0-1.0,CC-BY-NC-4.0"}, {"licenses": ["CC-BY-NC-4.0", "CC0-1.0"]}),
        (
            {"license": "CC0-1.0,CC-BY-NC-4.0", "commercial_use": True},
            {"licenses": ["CC0-1.0"]},
        ),
        ({"license": "unknown", "commercial_use": True}, {"licenses": []}),
        (
            {"tag": "sea", "sound": "Wind", "collection": "Coast", "max_duration_s": 60},
            {"tag": "sea", "sound": "Wind", "collection": "Coast", "max_duration_s": 60.0},
        ),
    ],
)
def test_what_is_stored_and_said(ada, work, long_clip, wanted, stored):
    scene = work(scene_of(photo_in("json", filter=wanted)(ada)))
    assert scene.clip_filter == scene.run.clip_filter == stored
    said = ada.get(f"{SCENES}/{scene.pk}").json()["run"]["filter"]
    licences = stored.get("licenses")
    assert said == {name: value for name, value in stored.items() if name != "licenses"} | (
        {} if licences is None else {"license": ",".join(licences)}
    )


@pytest.mark.parametrize("kind", ["form", "json"])
@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"licence": "CC0-1.0"}, "unknown_field"),
        ({"license": "CC0"}, "invalid_choice"),
        ({"license": ""}, "blank"),
        ({"tag": "a;b"}, "invalid_tag"),
        ({"sound": "Dinosaur"}, "invalid_choice"),
        ({"commercial_use": 1}, "invalid"),
        ({"commercial_use": None}, "null"),
        ({"min_duration_s": "15"}, "invalid"),
        ({"min_duration_s": -1}, "min_value"),
        ([], "invalid"),
        (7, "invalid"),
    ],
)
def test_filters_that_are_refused(ada, site, kind, wanted, code):
    sent = json.dumps(wanted) if kind == "form" else wanted
    assert refusal(photo_in(kind, filter=sent)(ada)) == (400, code)
    assert not Scene.objects.exists()


@pytest.mark.parametrize("text", ["{", '{"tag": "a", "tag": "b"}', '{"min_duration_s": NaN}', ""])
def test_a_form_with_what_is_no_json(ada, site, text):
    assert refusal(photo_in("form", filter=text)(ada)) == (400, "malformed_json")


def test_the_error_names_the_field(ada, site):
    errors = photo_in("json", filter={"tag": "a;b"})(ada).json()["errors"]
    assert [one["field"] for one in errors] == ["filter.tag"]


def test_batches(ada, long_clip):
    answer = photo_in("form", filter=SALEABLE)(ada, BATCH)
    assert answer.json()["results"][0]["status"] == 202
    photos = [
        {"photo": in_base64(photo_bytes(1)), "filter": SALEABLE},
        {"photo": in_base64(photo_bytes(2))},
        {"photo": in_base64(photo_bytes(3)), "filter": {"tag": ";"}},
    ]
    results = ada.post(BATCH, {"photos": photos}).json()["results"]
    assert [one["status"] for one in results] == [202, 202, 400]
    stored = Scene.objects.order_by("created_at").values_list("clip_filter", flat=True)
    assert list(stored) == [STORED, STORED, {}]


def test_matched_again_with_a_filter_and_without(ada, work, long_clip, finder):
    scene = work(scene_of(photo_in("json")(ada)))
    address = f"{SCENES}/{scene.pk}"
    answer = ada.post(f"{address}/rematch", {"filter": SALEABLE})
    assert answer.status_code == 202
    assert answer.json()["rematch"]["filter"] == SALEABLE
    assert answer.json()["run"]["filter"] == {}
    run_rematch(rematch_id=SceneRematch.objects.get().pk, finder=finder, worker="w")
    found = ada.get(address).json()
    assert (found["run"]["filter"], found["rematch"]["state"]) == (SALEABLE, "done")
    assert len(found["matches"]) == 1
    back = ada.post(f"{address}/rematch")
    assert (back.status_code, back.json()["run"]["filter"]) == (200, {})
    bad = ada.post(f"{address}/rematch", {"filter": {"tag": ";"}})
    assert refusal(bad) == (400, "invalid_tag")
    assert MatchRun.objects.count() == 2


def test_nothing_passes(ada, work, long_clip):
    scene = work(scene_of(photo_in("json", filter={"tag": "volcano"})(ada)))
    found = ada.get(f"{SCENES}/{scene.pk}").json()
    assert (found["state"], found["matches"], found["failure"]) == ("done", [], None)
    assert found["profile"]
