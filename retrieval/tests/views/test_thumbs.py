""" "Does it fit?" on the result page: who may answer, how, and whose answer it becomes."""

from __future__ import annotations

import re
import uuid

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import rates
from retrieval.models import Clip, DeletedScene, JobState, Match, MatchRun, Scene, Thumb, Visibility
from retrieval.quotas import thumbs as quota
from retrieval.services.deletion import delete_scene
from retrieval.services.erasure import delete_account, request_erasure
from retrieval.services.library import advance_snapshot
from retrieval.services.thumbs import claim_thumbs, give_thumb
from retrieval.tests.photos import accepted
from retrieval.tests.views.visitors import ACCOUNT, ANONYMOUS, BROWSER, OPERATOR, OTHER
from retrieval.views import ownership, thumbs
from retrieval.views.result_page import FIRST_ALTERNATIVES

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def scene(make_clip, upload):
    """A photo of a browser without account, with three matches."""
    for place in (0, 1):
        make_clip(np.full(7, 0.02) + np.eye(7)[place] * 0.86)
    return upload(BROWSER)


def match_of(scene, rank=1):
    return Match.objects.get(run=scene.run_id, rank=rank)


def press(browser, scene, pressed="yes", *, match=None, htmx=False):
    match_id = (match or match_of(scene)).pk
    return browser.post(
        f"/scenes/{scene.pk}/thumb/",
        {"match": match_id, "thumb": pressed},
        headers=HTMX if htmx else {},
    )


def pressed_buttons(page):
    """Return which buttons are pressed and what each button sends, by the end of its id."""
    buttons = re.findall(
        r'id="thumb-(\d+)-(\w+)" name="thumb" value="(\w+)" aria-pressed="(\w+)"', page
    )
    return {
        (int(match), button): (sends, state == "true") for match, button, sends, state in buttons
    }


def page_of(browser, scene, query=""):
    return browser.get(f"/scenes/{scene.pk}/{query}").content.decode()


def said():
    return list(Thumb.objects.order_by("pk").values_list("fits", "reason"))


def test_an_answer_counts_once_survives_a_reload_changes_and_is_taken_back(scene, visitor):
    stranger = visitor(ANONYMOUS)
    best = match_of(scene).pk
    assert pressed_buttons(page_of(stranger, scene))[best, "yes"] == ("yes", False)
    answer = press(stranger, scene)
    assert (answer.status_code, answer["Location"]) == (303, f"/scenes/{scene.pk}/#thumb-{best}")
    press(stranger, scene)  # a double press
    assert said() == [(True, "")]
    shown = pressed_buttons(page_of(stranger, scene))
    assert (shown[best, "yes"], shown[best, "no"]) == (("none", True), ("no", False))
    assert (best, "place") not in shown
    press(stranger, scene, "no")
    shown = pressed_buttons(page_of(stranger, scene))
    assert (shown[best, "yes"], shown[best, "no"]) == (("yes", False), ("none", True))
    assert shown[best, "place"] == ("place", False)
    press(stranger, scene, "place")
    assert said() == [(False, "place")]
    assert pressed_buttons(page_of(stranger, scene))[best, "place"] == ("no", True)
    press(stranger, scene, "yes")
    assert said() == [(True, "")]
    press(stranger, scene, "none")
    assert said() == []


def test_htmx_gets_the_form_with_the_new_state(scene, visitor):
    stranger = visitor(ANONYMOUS)
    best = match_of(scene).pk
    answer = press(stranger, scene, "weather", htmx=True)
    part = answer.content.decode()
    assert answer.status_code == 200
    assert part.lstrip().startswith("<form")
    assert pressed_buttons(part)[best, "weather"] == ("no", True)
    assert pressed_buttons(page_of(stranger, scene)).items() >= pressed_buttons(part).items()
    assert "Press again to take it back." in part
    assert "Press again" not in press(stranger, scene, "none", htmx=True).content.decode()


def test_each_alternative_has_its_own_answer_also_of_another_matcher(scene, visitor):
    stranger = visitor(ANONYMOUS)
    second = match_of(scene, 2)
    press(stranger, scene, "no", match=second)
    shown = pressed_buttons(page_of(stranger, scene))
    assert shown[second.pk, "no"] == ("none", True)
    assert shown[match_of(scene).pk, "no"] == ("no", False)
    beside = _beside(scene)
    answer = press(stranger, scene, match=beside)
    assert answer["Location"] == f"/scenes/{scene.pk}/?matcher=heard#thumb-{beside.pk}"
    assert Thumb.objects.count() == 2


def test_without_scripts_the_answer_leads_back_to_a_recording_further_down(scene, visitor):
    stranger = visitor(ANONYMOUS)
    last = match_of(scene, 2)
    Match.objects.filter(pk=last.pk).update(rank=FIRST_ALTERNATIVES + 2)
    answer = press(stranger, scene, match=last)
    assert answer["Location"] == f"/scenes/{scene.pk}/?clip={last.clip_id}#thumb-{last.pk}"
    page = page_of(stranger, scene, f"?clip={last.clip_id}")
    assert pressed_buttons(page)[last.pk, "yes"] == ("none", True)


def _beside(scene):
    """Add a run of another matcher, which the page offers for comparison."""
    columns = MatchRun.objects.filter(pk=scene.run_id).values().get()
    same = {name: value for name, value in columns.items() if name != "id"}
    run = MatchRun.objects.create(**same | {"matcher": "heard"})
    MatchRun.objects.filter(pk=run.pk).update(created_at=scene.finished_at)
    return Match.objects.create(run=run, clip=match_of(scene).clip, rank=1, score=0.0)


def test_answers_of_a_page_go_one_after_the_other(scene, visitor):
    page = page_of(visitor(ANONYMOUS), scene)
    forms = re.findall(r'<form class="thumb"[^>]*>', page)
    assert len(forms) == 3
    assert all('hx-sync="#outcome:queue all"' in form for form in forms)
    assert page.index('id="outcome"') < page.index(forms[0])


def test_later_alternatives_show_answers_too(upload, make_clip, visitor):
    for place in range(6):
        make_clip(np.full(7, 0.02) + np.eye(7)[place] * 0.86)
    scene = upload(BROWSER)
    stranger = visitor(ANONYMOUS)
    last = match_of(scene, 6)
    press(stranger, scene, match=last)
    more = stranger.get(f"/scenes/{scene.pk}/more/", headers=HTMX).content.decode()
    assert pressed_buttons(more)[last.pk, "yes"] == ("none", True)
    assert f'action="/scenes/{scene.pk}/thumb/"' in more


def test_visitors_count_apart_and_see_only_their_own_answers(scene, visitor):
    for who in (ANONYMOUS, ANONYMOUS, BROWSER, OTHER, OPERATOR):
        browser = visitor(who, scene)
        assert pressed_buttons(page_of(browser, scene))[match_of(scene).pk, "yes"] == ("yes", False)
        press(browser, scene)
    assert said() == [(True, "")] * 5


def test_the_rows_do_not_tell_what_the_cookie_says(scene, visitor):
    stranger = visitor(ANONYMOUS)
    press(stranger, scene)
    cookie = stranger.cookies["thumbs"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    key = Thumb.objects.get().browser_key
    assert re.fullmatch("[0-9a-f]{64}", key)
    assert cookie.value.partition(":")[0] not in key


def test_a_forged_cookie_is_a_new_browser(scene, visitor):
    press(visitor(ANONYMOUS), scene)
    forger = visitor(ANONYMOUS)
    forger.cookies["thumbs"] = f"{Thumb.objects.get().browser_key}:forged"
    press(forger, scene, "none")
    press(forger, scene, "no")
    assert said() == [(True, ""), (False, "")]


@pytest.mark.parametrize(
    "fields",
    [
        {}, {"thumb": "yes"}, {"match": "x", "thumb": "yes"}, {"match": "{best}"},
        {"match": "{best}", "thumb": "spite"}, {"match": "{best}", "thumb": ""},
    ],
)  # fmt: skip
def test_what_no_button_sends_is_refused(scene, visitor, fields):
    sent = {name: value.format(best=match_of(scene).pk) for name, value in fields.items()}
    assert visitor(ANONYMOUS).post(f"/scenes/{scene.pk}/thumb/", sent).status_code == 400
    assert said() == []


def test_a_match_of_another_photo_a_withdrawn_one_or_none_is_not_found(scene, upload, visitor):
    stranger = visitor(ANONYMOUS)
    other = match_of(upload(BROWSER, number=1))
    assert press(stranger, scene, match=other).status_code == 404
    assert press(stranger, scene, match=Match(pk=2**70)).status_code == 404
    Clip.objects.filter(pk=match_of(scene).clip_id).update(removed_in=advance_snapshot())
    assert press(stranger, scene).status_code == 404
    assert press(stranger, scene, match=match_of(scene, 2)).status_code == 303
    assert len(said()) == 1


def test_a_pending_photo_takes_no_answer(scene, visitor):
    match = match_of(scene)
    waiting = accepted(2)
    assert waiting.state == JobState.QUEUED
    assert press(visitor(ANONYMOUS), waiting, match=match).status_code == 404
    assert "thumb/" not in page_of(visitor(ANONYMOUS), waiting)


@pytest.mark.parametrize("who", [ANONYMOUS, BROWSER, OTHER, OPERATOR])
@pytest.mark.parametrize(
    ("fields", "open_to"),
    [
        ({"visibility": Visibility.PRIVATE}, {BROWSER}),
        ({"hidden_at": "2026-01-01T00:00Z", "hidden_reason": "A face"}, {BROWSER, OPERATOR}),
    ],
)
def test_only_who_sees_the_page_may_answer(scene, visitor, who, fields, open_to):
    Scene.objects.filter(pk=scene.pk).update(**fields)
    expected = 303 if who in open_to else 404
    assert press(visitor(who, scene), scene).status_code == expected
    assert len(said()) == (expected == 303)


def test_a_deleted_photo_answers_410_also_if_that_happens_meanwhile(scene, visitor, monkeypatch):
    stranger = visitor(ANONYMOUS)
    match = match_of(scene)

    def too_late(**arguments):
        delete_scene(scene_id=scene.pk, reason=DeletedScene.Reason.VISITOR)
        give_thumb(**arguments)

    monkeypatch.setattr(thumbs, "give_thumb", too_late)
    assert press(stranger, scene, match=match).status_code == 410
    answer = press(stranger, scene, match=match, htmx=True)
    assert (answer.status_code, answer["HX-Refresh"]) == (410, "true")


def test_an_account_closed_meanwhile_stores_nothing(scene, visitor, people, monkeypatch):
    browser = visitor(ACCOUNT)

    def too_late(**arguments):
        request_erasure(user_id=people[ACCOUNT].pk, actor_id=None)
        return give_thumb(**arguments)

    monkeypatch.setattr(thumbs, "give_thumb", too_late)
    assert press(browser, scene).status_code == 303
    assert "_auth_user_id" not in browser.session
    assert said() == []


def test_answers_need_a_csrf_token_and_a_post(scene):
    strict = Client(enforce_csrf_checks=True)
    assert press(strict, scene).status_code == 403
    assert strict.get(f"/scenes/{scene.pk}/thumb/").status_code == 405
    page = page_of(strict, scene)
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[0]
    sent = {"match": match_of(scene).pk, "thumb": "yes", "csrfmiddlewaretoken": token}
    assert strict.post(f"/scenes/{scene.pk}/thumb/", sent).status_code == 303


@pytest.mark.parametrize("who", [ANONYMOUS, OTHER])
def test_too_many_answers_are_refused_with_a_time_to_come_back(scene, visitor, monkeypatch, who):
    monkeypatch.setattr(quota, "THUMBS_A_MINUTE", 2)
    monkeypatch.setattr(rates, "_PREFIX", f"test:{uuid.uuid4()}:")
    monkeypatch.setattr(rates, "_outage", rates._Outage())
    assert [press(visitor(who), scene).status_code for _ in range(2)] == [303, 303]
    before = said()
    answer = press(visitor(who), scene, "no")  # without the cookie of the first ones
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 61
    assert "You answer faster than we can count." in answer.content.decode()
    assert said() == before


def test_a_log_in_claims_the_answers_of_the_browser_once(scene, visitor, people, monkeypatch):
    browser = visitor(ANONYMOUS)
    press(browser, scene)
    browser.force_login(people[ACCOUNT])
    page_of(browser, scene)
    assert Thumb.objects.get().account == people[ACCOUNT]
    assert not browser.cookies["thumbs"].value
    assert pressed_buttons(page_of(browser, scene))[match_of(scene).pk, "yes"] == ("none", True)
    monkeypatch.setattr(ownership, "claim_thumbs", None)  # nothing is left to claim
    press(browser, scene, "no")
    assert said() == [(False, "")]


def test_a_log_in_to_a_closed_account_claims_nothing(scene, visitor, people, monkeypatch):
    browser = visitor(ANONYMOUS)
    press(browser, scene)
    browser.force_login(people[ACCOUNT])

    def ended(**arguments):
        delete_account(user_id=people[ACCOUNT].pk)
        return claim_thumbs(**arguments)

    monkeypatch.setattr(ownership, "claim_thumbs", ended)
    page_of(browser, scene)
    assert Thumb.objects.get().account is None


def test_the_page_asks_for_answers_once_and_only_of_who_may_have_given_some(scene, visitor):
    def asked(browser):
        with CaptureQueriesContext(connection) as queries:
            page_of(browser, scene)
        return sum('"retrieval_thumb"' in query["sql"] for query in queries)

    stranger = visitor(ANONYMOUS)
    assert asked(stranger) == 0
    press(stranger, scene)
    assert asked(stranger) == asked(visitor(ACCOUNT)) == 1
