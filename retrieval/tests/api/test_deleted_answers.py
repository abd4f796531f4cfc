"""Stored answers do not show a photo after it was deleted."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from accounts.models import IdempotentRequest
from retrieval.models import Scene
from retrieval.tests.api.programs import SCENES, in_base64, photo_bytes, scene_of
from retrieval.tests.api.test_sending import refusal
from retrieval.tests.photos import png

pytestmark = pytest.mark.django_db


def stored():
    return json.dumps(list(IdempotentRequest.objects.values_list("body", "headers")))


def send(program):
    return program.send_form(SCENES, {"photo": png(), "title": "Ada's garden"}, Idempotency_Key="a")


def send_batch(program):
    photos = [
        {"photo": in_base64(photo_bytes(number)), "title": "Ada's garden"} for number in range(2)
    ]
    return program.post(f"{SCENES}/batch", {"photos": photos}, Idempotency_Key="a")


def test_a_photo(ada, site):
    scene = scene_of(send(ada))
    assert ada.delete(f"{SCENES}/{scene.pk}").status_code == 204
    again = send(ada)
    assert refusal(again) == (410, "gone")
    assert "garden" not in again.content.decode()
    assert "garden" not in stored()
    assert str(scene.pk) not in stored()
    assert not Scene.objects.exists()
    other = ada.send_form(SCENES, {"photo": png(1)}, Idempotency_Key="a")
    assert refusal(other) == (422, "idempotency_key_reused")


def test_another_photo_keeps_its_answer(ada, site):
    first = send(ada)
    other = scene_of(ada.send_form(SCENES, {"photo": png()}, Idempotency_Key="b"))
    assert ada.delete(f"{SCENES}/{other.pk}").status_code == 204
    again = send(ada)
    assert again["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()


def test_one_photo_of_a_batch(ada, site):
    ids = [one["scene"]["id"] for one in send_batch(ada).json()["results"]]
    assert ada.delete(f"{SCENES}/{ids[1]}").status_code == 204
    assert refusal(send_batch(ada)) == (410, "gone")
    assert stored() == "[[null, {}]]"
    assert Scene.objects.count() == 1


def test_a_rematch(ada, sent):
    scene = sent(ada, title="Ada's garden")
    address = f"{SCENES}/{scene.pk}"
    assert ada.post(f"{address}/rematch", Idempotency_Key="a").status_code == 200
    assert "garden" in stored()
    assert ada.delete(address).status_code == 204
    assert refusal(ada.post(f"{address}/rematch", Idempotency_Key="a")) == (410, "gone")
    assert "garden" not in stored()


def test_a_deletion_on_the_page(ada, site, client):
    scene = scene_of(send(ada))
    client.force_login(ada.user)
    client.post(reverse("retrieval:scene_delete", args=[scene.pk]))
    assert not Scene.objects.exists()
    assert "garden" not in stored()
