"""Deleting a photo on its page: who may, and the pages of a deleted one."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from retrieval import tasks
from retrieval.decoding import web_pool
from retrieval.models import DeletedScene, JobState, Scene
from retrieval.services import uploads
from retrieval.services.deletion import delete_scene, expire_scenes
from retrieval.services.scenes import find_sounds
from retrieval.tests.factories import small_matchers
from retrieval.tests.fakes import dummy_finder
from retrieval.tests.photos import png
from retrieval.views import pages, result_page

pytestmark = pytest.mark.django_db

ACTION = "Delete this photo"


@pytest.fixture(scope="module", autouse=True)
def close_pool():
    yield
    web_pool.close_photo_pool()


@pytest.fixture(autouse=True)
def site(settings, monkeypatch, media_root):
    settings.SOUNDSCAPE_MATCHER = "dummy"
    for module, name in ((uploads, "matcher_in_force"), (result_page, "matcher_named")):
        monkeypatch.setattr(module, name, lambda _name: small_matchers()["paper"])
    monkeypatch.setattr(pages, "worker_alive", lambda: True)
    monkeypatch.setattr(tasks.find_sounds_for_scene, "delay", lambda _: None)


def upload(browser, number=0):
    answer = browser.post("/scenes/", {"photo": png(number)})
    return Scene.objects.get(pk=answer["Location"].split("/")[2])


def failed(scene):
    Scene.objects.filter(pk=scene.pk).update(
        state=JobState.FAILED, failure_code="poison", finished_at=timezone.now()
    )
    return scene


def page(browser, scene):
    return browser.get(f"/scenes/{scene.pk}/")


def delete(browser, scene, **options):
    return browser.post(f"/scenes/{scene.pk}/delete/", **options)


def test_the_uploader_deletes_the_photo_and_its_address_reports_it(
    client, django_capture_on_commit_callbacks
):
    scene = failed(upload(client))
    assert ACTION in page(client, scene).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        answer = delete(client, scene)
    assert (answer.status_code, answer["Location"]) == (303, f"/scenes/{scene.pk}/")
    answer = page(client, scene)
    assert answer.status_code == 410
    assert "This photo has been deleted" in answer.content.decode()
    assert "You deleted it." in answer.content.decode()
    other = page(Client(), scene).content.decode()
    assert "The person who sent it has deleted it." in other
    assert "You deleted it." not in other
    assert not default_storage.exists(str(scene.photo.name))
    assert delete(client, scene).status_code == 410


def test_a_shared_link_opens_but_does_not_delete(client):
    scene = failed(upload(client))
    stranger = Client()
    upload(stranger, 1)
    shown = page(stranger, scene)
    assert shown.status_code == 200
    assert ACTION not in shown.content.decode()
    assert delete(stranger, scene).status_code == 404
    assert delete(Client(), scene).status_code == 404
    assert Scene.objects.filter(pk=scene.pk).exists()


def test_an_account_deletes_its_photos_from_any_browser(client, django_user_model):
    ada, bob = (django_user_model.objects.create_user(name) for name in ("ada", "bob"))
    client.force_login(ada)
    scene = failed(upload(client))
    client.logout()
    assert ACTION not in page(client, scene).content.decode()
    assert delete(client, scene).status_code == 404
    client.force_login(bob)
    assert delete(client, scene).status_code == 404
    elsewhere = Client()
    elsewhere.force_login(ada)
    assert ACTION in page(elsewhere, scene).content.decode()
    assert delete(elsewhere, scene).status_code == 303


def test_a_photo_uploaded_before_signing_in_can_be_deleted(client, django_user_model):
    scene = upload(client)
    client.force_login(django_user_model.objects.create_user("ada"))
    assert delete(client, scene).status_code == 303


def test_photos_uploaded_in_two_tabs_can_be_deleted(client, monkeypatch):
    upload(client)
    pool = web_pool.photo_pool()
    decode = pool.decode_photo
    other_tab = Client()
    other_tab.cookies = client.cookies

    def meanwhile(content):
        monkeypatch.setattr(pool, "decode_photo", decode)
        scenes.append(upload(other_tab, 1))
        return decode(content)

    scenes: list[Scene] = []
    monkeypatch.setattr(pool, "decode_photo", meanwhile)
    scenes.append(upload(client, 2))
    assert [delete(client, scene).status_code for scene in scenes] == [303, 303]


def test_deleting_needs_a_csrf_token(client):
    scene = upload(client)
    lured = Client(enforce_csrf_checks=True)
    lured.cookies = client.cookies
    assert delete(lured, scene).status_code == 403
    assert lured.get(f"/scenes/{scene.pk}/delete/").status_code == 405
    assert Scene.objects.filter(pk=scene.pk).exists()
    assert delete(client, scene).status_code == 303  # only the token was missing


@pytest.mark.parametrize("part", ["", "progress/", "more/", "photo"])
def test_every_address_of_a_deleted_scene_answers_410(client, part):
    scene, other = upload(client), upload(client)
    delete(client, scene)
    polled = client.get(f"/scenes/{scene.pk}/{part}", headers={"HX-Request": "true"})
    assert polled["HX-Refresh"] == "true"
    for answer in (polled, client.get(f"/scenes/{scene.pk}/{part}")):
        assert answer.status_code == 410
        assert "no-store" in answer["Cache-Control"]
    assert "This photo has been deleted" in answer.content.decode()
    assert client.get(f"/scenes/{other.pk}/").status_code == 200


@pytest.mark.parametrize("part", ["", "progress/"])
def test_a_scene_deleted_during_the_request_answers_410(
    client, part, tmp_path, index_directory, make_clip, monkeypatch
):
    make_clip(np.full(7, 1 / 7))
    scene = upload(client)
    find_sounds(scene_id=scene.pk, finder=dummy_finder(tmp_path, index_directory), worker="w")
    assert client.get(f"/scenes/{scene.pk}/{part}").status_code == 200

    def deleted_meanwhile(found, **options):
        delete_scene(scene_id=found.pk, reason=DeletedScene.Reason.EXPIRED)
        return result_page.result_of(found, **options)

    monkeypatch.setattr(pages, "result_of", deleted_meanwhile)
    assert client.get(f"/scenes/{scene.pk}/{part}").status_code == 410


def test_other_errors_are_not_taken_for_a_deletion(client, monkeypatch):
    scene = failed(upload(client))

    def faulty(*_):
        raise IndexError("ours")

    monkeypatch.setattr(pages, "scene_context", faulty)
    with pytest.raises(IndexError, match="ours"):
        page(client, scene)


def test_the_address_of_an_expired_photo_gives_the_reason(client, settings):
    settings.SOUNDSCAPE_SCENE_RETENTION_DAYS = 30
    scene = upload(client)
    Scene.objects.update(created_at=timezone.now() - timedelta(days=31))
    expire_scenes(retention_days=30)
    answer = page(client, scene)
    assert answer.status_code == 410
    assert "are kept for 30 days" in answer.content.decode()
    assert DeletedScene.objects.get().reason == "expired"
