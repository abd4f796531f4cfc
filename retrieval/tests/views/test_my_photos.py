"""My page: a person's own photos."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.tests.audit import logged
from retrieval.models import Clip, DeletedScene, JobState, Scene, Visibility
from retrieval.services.deletion import delete_scene
from retrieval.services.holds import hold_scenes, release_holds
from retrieval.services.scene_settings import change_settings
from retrieval.tests.photos import accepted
from retrieval.tests.views.visitors import ACCOUNT, ANONYMOUS, BROWSER, OTHER
from retrieval.views import my_photos

pytestmark = pytest.mark.django_db

PAGE = "/me/photos/"


def shown(browser, address=PAGE):
    answer = browser.get(address)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    return answer.content.decode()


def ids(page):
    return re.findall(r'id="photo-([0-9a-f-]{36})"', page)


def act(browser, scene, what, **data):
    return browser.post(f"{PAGE}{scene.pk}/{what}/", data)


def test_my_page_leads_to_the_photos(visitor):
    assert visitor(ACCOUNT).get("/me/")["Location"] == PAGE


@pytest.mark.parametrize(
    "address", [PAGE, "/me/data/", "/me/data/erase/", "/me/data/export/1/file"]
)
def test_visitors_are_asked_to_log_in(visitor, address):
    answer = visitor(ANONYMOUS).get(address)
    assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={address}")


def test_a_person_without_photos_gets_the_next_step(visitor, upload):
    upload(OTHER)
    page = shown(visitor(ACCOUNT))
    assert ids(page) == []
    assert "You have no photos here yet" in page
    assert "Find the sound of a photo" in page


def test_a_photo_is_shown_with_its_state_and_its_sound(visitor, upload):
    scene = upload(ACCOUNT, title="<The beach>", judging_allowed=True)
    upload(OTHER, 1)
    upload(BROWSER, 2)
    page = shown(visitor(ACCOUNT))
    assert ids(page) == [str(scene.pk)]
    for words in (
        "&lt;The beach&gt;", f'src="/scenes/{scene.pk}/photo"', "Everyone with the link",
        "Reviewers may judge it", "Surf at night", "data-player", "Somebody",
        f'data-share-url="http://testserver/scenes/{scene.pk}/"',
    ):  # fmt: skip
        assert words in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hidden_at": timezone.now(), "hidden_reason": "It shows a face"}, "It shows a face"),
        ({"visibility": Visibility.PRIVATE}, "Only you"),
        (
            {"state": JobState.FAILED, "failure_code": "poison", "run": None},
            "Several attempts did not finish",
        ),
        ({"state": JobState.QUEUED, "finished_at": None}, "still being looked for"),
    ],
)
def test_every_state_has_its_words(visitor, upload, fields, words):
    upload(ACCOUNT, **fields)
    assert words in shown(visitor(ACCOUNT))


def test_a_withdrawn_recording_does_not_play(visitor, upload):
    upload(ACCOUNT)
    Clip.objects.update(removed_in=99)
    page = shown(visitor(ACCOUNT))
    assert "have been withdrawn" in page
    assert "data-player" not in page


def test_photos_are_listed_by_24_newest_first_also_with_the_same_time(visitor, people):
    photos = [accepted(number, owner_id=people[ACCOUNT].pk) for number in range(50)]
    Scene.objects.update(created_at=timezone.now() - timedelta(days=1))  # ties
    Scene.objects.filter(pk=photos[9].pk).update(created_at=timezone.now())
    browser, seen, address = visitor(ACCOUNT), [], PAGE
    for _ in range(3):
        page = shown(browser, address)
        seen.append(ids(page))
        following = re.search(r'href="(\?after=[^"]+)" rel="next"', page)
        address = PAGE + following[1] if following else ""
    assert [len(part) for part in seen] == [24, 24, 2]
    assert address == ""
    assert seen[0][0] == str(photos[9].pk)
    assert {one for part in seen for one in part} == {str(photo.pk) for photo in photos}
    assert "Newest photos" in page


def test_more_photos_need_no_more_queries(visitor, upload):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            shown(browser)
        return len(captured)

    browser = visitor(ACCOUNT)
    upload(ACCOUNT, 0)
    one = queries()
    for number in range(1, 5):
        upload(ACCOUNT, number)
    assert queries() == one


@pytest.mark.parametrize(
    "name",
    [
        "x",
        "2026-01-01T00:00:00+00:00,1",
        "2026-01-01T00:00:00," + "0" * 32,
        "0001-01-01T00:00:00+23:59," + "0" * 32,
    ],
)
def test_a_made_up_page_does_not_exist(visitor, name):
    assert visitor(ACCOUNT).get(PAGE, {"after": name}).status_code == 404


def test_a_photo_is_renamed(visitor, upload):
    scene = upload(ACCOUNT)
    browser = visitor(ACCOUNT)
    answer = act(browser, scene, "title", title="  The beach ")
    assert answer["Location"] == f"{PAGE}#photo-{scene.pk}"
    assert Scene.objects.get().title == "The beach"
    assert "The title is saved." in shown(browser)
    act(browser, scene, "title", title="x" * 121)
    assert Scene.objects.get().title == "The beach"
    assert "at most 120 characters" in shown(browser)
    assert act(browser, scene, "title", title="a\0b").status_code == 302
    assert Scene.objects.get().title == "The beach"
    assert "Null characters are not allowed" in shown(browser)


def test_a_photo_that_is_deleted_while_it_is_renamed_does_not_exist(visitor, upload, monkeypatch):
    scene = upload(ACCOUNT)

    def too_late(**settings):
        delete_scene(scene_id=scene.pk, reason=DeletedScene.Reason.VISITOR)
        change_settings(**settings)

    monkeypatch.setattr(my_photos, "change_settings", too_late)
    assert act(visitor(ACCOUNT), scene, "title", title="The beach").status_code == 404


@pytest.mark.parametrize(
    ("fields", "offered"),
    [
        ({}, True),
        ({"visibility": Visibility.PUBLIC}, True),
        ({"visibility": Visibility.PRIVATE}, False),
        ({"hidden_at": timezone.now(), "hidden_reason": "It shows a face"}, False),
    ],
)
def test_only_what_others_can_see_is_shared(visitor, upload, fields, offered):
    upload(ACCOUNT, **fields)
    assert ("data-share-url" in shown(visitor(ACCOUNT))) == offered


def test_who_sees_a_waiting_photo_can_be_changed(visitor, upload):
    scene = upload(ACCOUNT, state=JobState.QUEUED, finished_at=None)
    browser = visitor(ACCOUNT)
    address = f"/scenes/{scene.pk}/?settings#settings"
    assert f'href="{address}"' in shown(browser)
    page = shown(browser, address)
    assert '<details class="settings" id="settings" open>' in page
    assert 'http-equiv="refresh"' not in page  # it would empty the form
    assert f'action="/scenes/{scene.pk}/delete/"' in page
    page = shown(browser, f"/scenes/{scene.pk}/")
    assert '<details class="settings" id="settings">' in page
    assert 'http-equiv="refresh"' in page
    assert "settings" not in shown(browser, f"/scenes/{scene.pk}/progress/")
    others = shown(visitor(OTHER), address)
    assert 'id="settings"' not in others
    assert 'http-equiv="refresh"' in others


def test_a_photo_is_deleted_for_good(visitor, people, upload):
    scene, other = upload(ACCOUNT), upload(ACCOUNT, 1)
    browser = visitor(ACCOUNT)
    assert act(browser, scene, "delete")["Location"] == PAGE
    page = shown(browser)
    assert ids(page) == [str(other.pk)]
    assert "The photo is deleted." in page
    assert DeletedScene.objects.get().reason == "visitor"
    assert logged("scene.deleted") == [
        ("scene.deleted", f"scene {scene.pk}", people[ACCOUNT].pk, {"reason": "visitor"})
    ]
    assert browser.get(f"/scenes/{scene.pk}/").status_code == 410
    assert act(browser, scene, "delete").status_code == 404


@pytest.mark.parametrize("what", ["title", "delete"])
@pytest.mark.parametrize("owner", [OTHER, BROWSER])
def test_foreign_photos_do_not_exist(visitor, upload, what, owner):
    scene = upload(owner)
    assert act(visitor(ACCOUNT), scene, what, title="mine").status_code == 404
    assert Scene.objects.get().title == ""
    assert act(visitor(ANONYMOUS), scene, what).status_code == 302
    assert visitor(ACCOUNT).get(f"{PAGE}{scene.pk}/{what}/").status_code == 405


def test_the_owner_of_a_photo_in_a_campaign_is_told_that_it_stays(visitor, upload):
    words = "the photo stays until they are done"
    scene = upload(ACCOUNT, judging_allowed=True)
    upload(ACCOUNT, 1, judging_allowed=True)
    assert words not in shown(visitor(ACCOUNT))
    hold_scenes(scene_ids=[scene.pk], holder="campaign 7")
    assert shown(visitor(ACCOUNT)).count(words) == 1
    release_holds(holder="campaign 7")
    assert words not in shown(visitor(ACCOUNT))
