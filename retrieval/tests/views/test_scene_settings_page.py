"""An owner's choices: on the result page and beside the upload."""

from __future__ import annotations

import re

import pytest

from retrieval import tasks
from retrieval.decoding import web_pool
from retrieval.models import DeletedScene, Scene, Visibility
from retrieval.services import uploads
from retrieval.services.deletion import delete_scene
from retrieval.services.holds import hold_scenes
from retrieval.services.scene_settings import change_settings
from retrieval.tests.factories import small_matchers
from retrieval.tests.photos import png
from retrieval.tests.views.visitors import ACCOUNT, BROWSER, OTHER
from retrieval.views import scene_settings

pytestmark = pytest.mark.django_db

PRIVATE, PUBLIC = Visibility.PRIVATE, Visibility.PUBLIC
BOX = re.compile(r'<input type="checkbox" name="judging_allowed"[^>]*>')


def page_of(browser, scene):
    return browser.get(f"/scenes/{scene.pk}/").content.decode()


def save(browser, scene, **fields):
    values = {"title": "", "visibility": "unlisted"} | fields
    return browser.post(f"/scenes/{scene.pk}/settings/", values)


def box(page):
    (found,) = BOX.findall(page)
    return found


@pytest.mark.parametrize("owner", [BROWSER, ACCOUNT])
def test_the_owner_changes_title_visibility_and_judging(upload, visitor, owner):
    scene = upload(owner)
    browser = visitor(owner, scene)
    answer = save(
        browser, scene, title=" The <b>pier</b> ", visibility=PUBLIC, judging_allowed="on"
    )
    assert (answer.status_code, answer["Location"]) == (303, f"/scenes/{scene.pk}/")
    scene.refresh_from_db()
    assert (scene.title, scene.visibility, scene.judging_allowed) == (
        "The <b>pier</b>", PUBLIC, True,
    )  # fmt: skip
    page = page_of(browser, scene)
    assert "Your changes are saved." in page
    assert "<title>The &lt;b&gt;pier&lt;/b&gt; · Soundscape</title>" in page
    assert "checked" in box(page)
    assert "Your changes are saved." not in page_of(browser, scene)


def test_a_private_photo_is_not_judged(upload, visitor):
    scene = upload(BROWSER, judging_allowed=True)
    browser = visitor(BROWSER, scene)
    assert "checked" in box(page_of(browser, scene))
    save(browser, scene, visibility=PRIVATE, judging_allowed="on")
    scene.refresh_from_db()
    assert not scene.judging_allowed
    shown = box(page_of(browser, scene))
    assert "checked" not in shown
    assert "disabled" not in shown  # so that one form makes it public and offers it to reviewers
    save(browser, scene, visibility=PUBLIC, judging_allowed="on")
    scene.refresh_from_db()
    assert (scene.visibility, scene.judging_allowed) == (PUBLIC, True)


def test_others_see_a_link_to_report_instead_of_the_settings(upload, visitor):
    scene = upload(BROWSER)
    page = page_of(visitor(OTHER), scene)
    assert f"/scenes/{scene.pk}/report/" in page
    assert f"/scenes/{scene.pk}/settings/" not in page
    mine = page_of(visitor(BROWSER, scene), scene)
    assert f"/scenes/{scene.pk}/report/" not in mine
    assert f"/scenes/{scene.pk}/settings/" in mine


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"title": "x" * 121}, "at most 120 characters"),
        ({"title": "a\0b"}, "Null characters are not allowed"),
        ({"visibility": "friends"}, "friends is not one of the available choices"),
        ({"visibility": ""}, "This field is required"),
    ],
)
def test_wrong_settings_are_explained_and_change_nothing(upload, visitor, wrong, said):
    scene = upload(BROWSER, title="The pier")
    answer = save(visitor(BROWSER, scene), scene, **wrong)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert '<details class="settings" id="settings" open>' in answer.content.decode()
    assert "Without an account, “only you” means in this browser." in answer.content.decode()
    assert Scene.objects.get().title == "The pier"


def test_settings_of_a_photo_that_is_deleted_meanwhile_answer_410(upload, visitor, monkeypatch):
    scene = upload(BROWSER)

    def too_late(**settings):
        delete_scene(scene_id=scene.pk, reason=DeletedScene.Reason.VISITOR)
        change_settings(**settings)

    monkeypatch.setattr(scene_settings, "change_settings", too_late)
    assert save(visitor(BROWSER, scene), scene).status_code == 410


@pytest.fixture
def queue(monkeypatch, media_root, settings):
    """Accept uploads and leave them queued."""
    settings.SOUNDSCAPE_MATCHER = "paper"
    monkeypatch.setattr(uploads, "matcher_in_force", small_matchers().__getitem__)
    monkeypatch.setattr(tasks.find_sounds_for_scene, "delay", lambda _: None)
    yield
    web_pool.close_photo_pool()


@pytest.mark.parametrize(("given", "allowed"), [({}, False), ({"judging_allowed": "on"}, True)])
def test_the_box_beside_the_upload_allows_judging(client, queue, given, allowed):
    assert client.post("/scenes/", {"photo": png(), **given}).status_code == 303
    assert Scene.objects.get().judging_allowed == allowed


@pytest.mark.parametrize("by_default", [False, True])
def test_the_setting_ticks_the_box_but_an_upload_without_it_is_not_judged(
    client, make_clip, queue, settings, by_default
):
    make_clip([1 / 7] * 7)
    settings.SOUNDSCAPE_JUDGING_BY_DEFAULT = by_default
    assert ("checked" in box(client.get("/").content.decode())) == by_default
    client.post("/scenes/", {"photo": png()})
    assert not Scene.objects.get().judging_allowed


@pytest.mark.parametrize(("given", "ticked"), [({}, False), ({"judging_allowed": "on"}, True)])
def test_the_box_stays_as_it_was_when_a_photo_is_refused(
    client, make_clip, queue, settings, given, ticked
):
    make_clip([1 / 7] * 7)
    settings.SOUNDSCAPE_JUDGING_BY_DEFAULT = not ticked
    answer = client.post("/scenes/", given)
    assert answer.status_code == 400
    assert ("checked" in box(answer.content.decode())) == ticked


@pytest.mark.parametrize("by_default", [False, True])
def test_a_form_that_cannot_be_read_leaves_the_box_as_the_setting_has_it(
    client, make_clip, queue, settings, by_default
):
    make_clip([1 / 7] * 7)
    settings.SOUNDSCAPE_JUDGING_BY_DEFAULT = by_default
    answer = client.post("/scenes/", "x", content_type="multipart/form-data")
    assert answer.status_code == 400
    assert ("checked" in box(answer.content.decode())) == by_default


def test_a_sample_photo_is_not_judged(client, queue, settings, tmp_path):
    settings.SOUNDSCAPE_JUDGING_BY_DEFAULT = True
    settings.SOUNDSCAPE_SAMPLE_PHOTOS = tmp_path / "samples"
    settings.SOUNDSCAPE_SAMPLE_PHOTOS.mkdir()
    (settings.SOUNDSCAPE_SAMPLE_PHOTOS / "pier.png").write_bytes(png().read())
    assert client.post("/samples/pier/", {"judging_allowed": "on"}).status_code == 303
    assert not Scene.objects.get().judging_allowed


@pytest.mark.parametrize("owner", [BROWSER, ACCOUNT])
def test_only_the_owner_is_told_that_a_photo_in_a_campaign_stays(upload, visitor, owner):
    words = "the photo stays until they are done"
    scene = upload(owner, judging_allowed=True)
    assert words not in page_of(visitor(owner, scene), scene)
    hold_scenes(scene_ids=[scene.pk], holder="campaign 7")
    assert words in page_of(visitor(owner, scene), scene)
    assert words not in page_of(visitor(OTHER), scene)
