"""Many requests at the same time, on real connections."""

from __future__ import annotations

from pathlib import Path

import pytest

from accounts.tests.races import at_once
from retrieval.decoding import web_pool
from retrieval.models import Scene
from retrieval.tests.api.programs import SCENES
from retrieval.tests.photos import png

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

NUMBER = 50


def send_all(program, keys):
    answers = []

    def send(key):
        answers.append(program.send_form(SCENES, {"photo": png()}, Idempotency_Key=key))

    assert at_once(*[lambda key=key: send(key) for key in keys]) == [None] * len(keys)
    return answers


def test_one_key_makes_one_scene(ada, site):
    answers = send_all(ada, ["a"] * NUMBER)
    scene = Scene.objects.get()
    made = [answer for answer in answers if answer.status_code == 202]
    assert {answer.json()["id"] for answer in made} == {str(scene.pk)}
    assert sum("Idempotent-Replayed" not in answer for answer in made) == 1
    others = {answer.status_code for answer in answers if answer not in made}
    assert others <= {409}
    assert all(
        answer.json()["code"] == "request_in_flight" and answer["Retry-After"] == "1"
        for answer in answers
        if answer.status_code == 409
    )


def test_different_keys_make_scenes_that_share_their_file(
    ada, site, media_root, settings, monkeypatch
):
    monkeypatch.setattr(web_pool, "_pool", None)
    settings.SOUNDSCAPE_WEB_THREADS = 4 * NUMBER  # so many photos may wait for a decoder
    answers = send_all(ada, [f"key {n}" for n in range(NUMBER)])
    web_pool.close_photo_pool()
    assert [answer.status_code for answer in answers] == [202] * NUMBER
    assert Scene.objects.count() == NUMBER
    assert len({answer.json()["id"] for answer in answers}) == NUMBER
    assert len([file for file in Path(media_root).rglob("*.jpg") if file.is_file()]) == 1
