"""The page of gold pairs."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import AuditEntry
from labelling.models import GoldPair
from labelling.tests.factories import (
    make_campaign,
    make_clip,
    make_gold_pairs,
    make_run,
    make_scene,
)

pytestmark = pytest.mark.django_db

PAGE = "/gold/"


@pytest.fixture
def pair():
    scene, clip = make_scene(), make_clip(title="Surf")
    make_run(scene, "paper", [make_clip(title="Rain"), clip])
    return scene, clip


def given(pair, **changed):
    scene, clip = pair
    return {"photo": scene.pk, "clip": clip.pk, "grade": "decent", "reason": "Far away."} | changed


def test_a_gold_pair_is_made_and_removed(browser, lead, pair):
    answer = browser.post(reverse("labelling:gold_new"), given(pair))
    assert (answer.status_code, answer["Location"]) == (303, PAGE)
    gold = GoldPair.objects.get()
    assert (gold.scene, gold.clip) == pair
    assert (gold.grade, gold.reason, gold.made_by) == ("decent", "Far away.", lead)
    assert AuditEntry.objects.get(action="gold.made").actor_id == lead.pk
    page = browser.get(PAGE).content.decode()
    assert "1 gold pair" in page
    assert "Far away." in page
    assert browser.post(reverse("labelling:gold_remove", args=[gold.pk])).status_code == 303
    assert not GoldPair.objects.exists()
    assert browser.post(reverse("labelling:gold_remove", args=[gold.pk])).status_code == 404


def test_the_recording_of_a_link_is_chosen_already(browser, pair):
    scene, clip = pair
    page = browser.get(PAGE, {"photo": scene.pk, "clip": clip.pk}).content.decode()
    assert f'value="{clip.pk}" checked' in page
    assert page.count(" checked") == 1


def test_a_wrong_gold_pair_keeps_what_was_chosen(browser, pair):
    _scene, clip = pair
    answer = browser.post(reverse("labelling:gold_new"), given(pair, reason=""))
    assert answer.status_code == 422
    assert f'value="{clip.pk}" checked' in answer.content.decode()
    assert "Say why." in answer.content.decode()
    assert not GoldPair.objects.exists()


def test_without_a_photo_the_page_asks_for_one(browser):
    answer = browser.post(reverse("labelling:gold_new"))
    assert answer.status_code == 422
    assert "Choose a photo first." in answer.content.decode()


def test_a_pair_is_gold_once(browser, pair, messages):
    browser.post(reverse("labelling:gold_new"), given(pair))
    answer = browser.post(reverse("labelling:gold_new"), given(pair, grade="bad"), follow=True)
    assert messages(answer)[-1] != "The gold pair is saved. The next campaigns can use it."
    assert GoldPair.objects.get().grade == "decent"


def test_gold_pairs_have_pages(browser):
    make_gold_pairs(make_campaign(), 25)
    first = browser.get(PAGE).context["page"]
    second = browser.get(PAGE, {"gold": 2}).context["page"]
    assert (len(first), len(second)) == (24, 1)
