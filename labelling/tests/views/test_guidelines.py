"""The pages of guidelines."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import AuditEntry
from labelling.models import Guideline, GuidelineExample
from labelling.tests.factories import (
    make_campaign,
    make_clip,
    make_guideline,
    make_run,
    make_scene,
    make_set,
)
from retrieval.models import Clip

pytestmark = pytest.mark.django_db


def address(name, guideline, *more):
    return reverse(f"labelling:{name}", args=[guideline.pk, *more])


@pytest.fixture
def draft():
    return make_guideline(title="Fit", published_at=None)


@pytest.fixture
def scene():
    scene = make_scene()
    make_run(scene, "fused", [make_clip(title="Surf"), make_clip(title="Gulls")])
    return scene


def surf():
    return Clip.objects.get(title="Surf")


def example(scene, **changed):
    return {"photo": scene.pk, "clip": surf().pk, "grade": "good", "reason": "Waves."} | changed


def test_versions_are_listed(browser):
    make_guideline(title="Fit")
    make_guideline(title="Fit", version=2, published_at=None)
    rows = browser.get(reverse("labelling:guidelines")).context["table"].rows
    assert [(row.version, row.published_at is None) for row in rows] == [(2, True), (1, False)]


def test_a_guideline_is_written_changed_and_published(browser, lead):
    new = reverse("labelling:guideline_new")
    assert browser.post(new, {"title": "Fit", "body": ""}).status_code == 422
    answer = browser.post(new, {"title": "Fit", "body": "Is it *good*?"})
    made = Guideline.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, address("guideline", made))
    assert "<em>good</em>" in browser.get(address("guideline", made)).content.decode()
    browser.post(address("guideline_edit", made), {"body": "Is it **better**?"})
    browser.post(address("guideline_publish", made))
    made.refresh_from_db()
    assert made.body == "Is it **better**?"
    assert made.published_at is not None
    assert AuditEntry.objects.get(action="guideline.published").actor_id == lead.pk


def test_a_published_version_stays_and_has_a_next_one(browser, messages):
    published = make_guideline(title="Fit", body="Old.")
    answer = browser.post(address("guideline_edit", published), {"body": "New."}, follow=True)
    assert messages(answer) == ["This version is published: make a new version to change it."]
    published.refresh_from_db()
    assert published.body == "Old."
    answer = browser.post(address("guideline_version", published))
    draft = Guideline.objects.get(version=2)
    assert answer["Location"] == address("guideline", draft)
    assert (draft.title, draft.body, draft.published_at) == ("Fit", "Old.", None)


def test_publishing_twice_is_refused(browser, draft, messages):
    browser.post(address("guideline_publish", draft))
    answer = browser.post(address("guideline_publish", draft), follow=True)
    assert "somebody else has changed the state" in messages(answer)[-1]


def test_markup_in_the_text_is_not_run(browser):
    guideline = make_guideline(body="<script>alert(1)</script>")
    page = browser.get(address("guideline", guideline)).content.decode()
    assert "<script>alert" not in page


@pytest.mark.parametrize("form", ["{}", "http://testserver/scenes/{}/", "see /scenes/{}/#x"])
def test_a_pasted_address_shows_the_photos_recordings(browser, draft, scene, form):
    answer = browser.get(address("guideline", draft), {"photo": form.format(scene.pk)})
    found = answer.context["candidates"].found
    assert [(one.clip.title, one.matches[0].rank) for one in found] == [("Surf", 1), ("Gulls", 2)]
    assert "Surf" in answer.content.decode()


@pytest.mark.parametrize("given", ["nonsense", "00000000-0000-0000-0000-000000000000", "hidden"])
def test_an_address_without_a_photo_is_explained(browser, draft, given):
    if given == "hidden":
        given = make_scene(judging_allowed=False).pk
    page = browser.get(address("guideline", draft), {"photo": given}).content.decode()
    assert "There is no photo at this address, or reviewers may not judge it." in page


def test_photos_of_a_set_can_be_chosen(browser, draft, scene):
    private = make_scene(judging_allowed=False)
    chosen = make_set([scene, private])
    answer = browser.get(address("guideline", draft), {"set": chosen.pk})
    assert list(answer.context["photos"]) == [scene]
    assert f"?photo={scene.pk}" in answer.content.decode()


@pytest.mark.parametrize("given", ["x", "9" * 30, "-1"])
def test_an_unknown_set_shows_no_photos(browser, draft, given):
    assert browser.get(address("guideline", draft), {"set": given}).status_code == 200


def test_an_example_is_added_and_removed(browser, draft, scene):
    answer = browser.post(address("example_new", draft), example(scene))
    assert answer.status_code == 303
    made = GuidelineExample.objects.get()
    assert (made.guideline, made.scene, made.clip) == (draft, scene, surf())
    assert (made.grade, made.why) == ("good", "Waves.")
    assert "Waves." in browser.get(address("guideline", draft)).content.decode()
    browser.post(address("example_remove", draft, made.pk))
    assert not GuidelineExample.objects.exists()


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"photo": ""}, "photo"), ({"clip": ""}, "clip"), ({"clip": "10"}, "clip"),
     ({"grade": "great"}, "grade"), ({"reason": ""}, "reason")],
)  # fmt: skip
def test_a_wrong_example_is_shown_again(browser, draft, scene, changed, field):
    answer = browser.post(address("example_new", draft), example(scene) | changed)
    assert answer.status_code == 422
    assert field in answer.context["pair_form"].errors
    assert not GuidelineExample.objects.exists()


def test_a_published_version_gets_no_example(browser, messages, scene):
    published = make_guideline()
    answer = browser.post(address("example_new", published), example(scene), follow=True)
    assert "somebody else has changed the state" in messages(answer)[0]
    assert not GuidelineExample.objects.exists()


@pytest.mark.parametrize("name", ["guideline", "guideline_edit"])
def test_an_unknown_guideline_is_404(browser, name):
    assert browser.get(reverse(f"labelling:{name}", args=[1])).status_code == 404


@pytest.mark.parametrize("name", ["guideline_publish", "guideline_version"])
def test_acts_on_an_unknown_guideline_are_404(browser, name):
    assert browser.post(reverse(f"labelling:{name}", args=[1])).status_code == 404


def test_a_draft_is_deleted_unless_it_is_used(browser, draft, messages):
    campaign = make_campaign(state="draft", guideline=draft)
    answer = browser.post(address("guideline_delete", draft), follow=True)
    assert messages(answer) == [
        "Nothing was deleted: the version is published, or a campaign uses it."
    ]
    campaign.delete()
    assert browser.post(address("guideline_delete", draft))["Location"] == "/guidelines/"
    assert not Guideline.objects.exists()
