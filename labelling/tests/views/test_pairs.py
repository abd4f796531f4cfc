"""The page of one pair, for leads."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from labelling.models import Adjudication, Grade, Pair, PairState
from labelling.tests.factories import (
    make_campaign,
    make_gold_pairs,
    make_guideline,
    make_pairs,
    make_reviewer,
)
from labelling.tests.views.answers import grade_pair, skip_pair
from retrieval.models import Scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def disputed():
    (pair,) = make_pairs(make_campaign(), 1, slots=3)
    for grade in ("good", "bad", "decent"):
        faults = ("voices",) if grade == "bad" else ()
        grade_pair(pair, make_reviewer(), grade, faults=faults)
    pair.state = PairState.DISPUTED
    pair.save()
    return pair


def address(name, pair):
    return reverse(f"labelling:{name}", args=[pair.campaign_id, pair.pk])


def test_a_lead_sees_what_everybody_said_and_where_it_was_found(browser, disputed):
    Scene.objects.update(title="The pier")
    skip_pair(disputed, make_reviewer(), "unsure")
    page = browser.get(address("pair", disputed)).content.decode()
    for words in (
        "The pier", "fused, rank 1", "fair match", "50\u202f%", "Voices, but no people in sight",
        "I am not sure", "Disputed: a lead decides",
    ):  # fmt: skip
        assert words in page
    assert page.count("data-player") == 1


def test_a_lead_decides_and_the_grades_stay(browser, lead, disputed):
    answer = browser.post(
        address("pair_adjudicate", disputed), {"grade": "decent", "reason": "Faint voices."}
    )
    assert (answer.status_code, answer["Location"]) == (303, address("pair", disputed))
    decision = Adjudication.objects.get()
    assert (decision.grade, decision.reason, decision.lead) == ("decent", "Faint voices.", lead)
    disputed.refresh_from_db()
    assert disputed.state == PairState.SETTLED
    assert Grade.objects.count() == 3
    page = browser.get(address("pair", disputed)).content.decode()
    assert "Decided by a lead" in page
    assert address("pair_adjudicate", disputed) not in page


@pytest.mark.parametrize(
    "given", [{}, {"grade": "good"}, {"grade": "great", "reason": "x"},
              {"grade": "good", "reason": " "}, {"grade": "good", "reason": "x" * 501}],
)  # fmt: skip
def test_a_decision_without_grade_or_reason_is_shown_again(browser, disputed, given):
    answer = browser.post(address("pair_adjudicate", disputed), given)
    assert answer.status_code == 422
    assert answer.context["adjudication_form"].errors
    assert not Adjudication.objects.exists()


def test_a_decided_pair_is_opened_again_with_a_reason(browser, disputed):
    browser.post(address("pair_adjudicate", disputed), {"grade": "bad", "reason": "Voices."})
    assert browser.post(address("pair_reopen", disputed)).status_code == 422
    answer = browser.post(address("pair_reopen", disputed), {"reason": "New guideline."})
    assert answer.status_code == 303
    disputed.refresh_from_db()
    assert disputed.state == PairState.OPEN
    page = browser.get(address("pair", disputed)).content.decode()
    for words in ("had it graded again: New guideline.", "no longer in force", "Voices."):
        assert words in page


@pytest.mark.parametrize("state", [PairState.DISPUTED, PairState.SKIPPED])
def test_a_pair_that_waits_for_a_lead_is_opened_again_instead(browser, disputed, state):
    Pair.objects.update(state=state)
    assert (
        address("pair_reopen", disputed) in browser.get(address("pair", disputed)).content.decode()
    )
    browser.post(address("pair_reopen", disputed), {"reason": "New guideline."})
    disputed.refresh_from_db()
    assert (disputed.state, disputed.grades.count()) == (PairState.OPEN, 0)
    page = browser.get(address("pair", disputed)).content.decode()
    assert address("pair_reopen", disputed) not in page


def test_a_pair_that_somebody_else_decided_is_not_decided_twice(browser, messages, disputed):
    given = {"grade": "bad", "reason": "Voices."}
    browser.post(address("pair_adjudicate", disputed), given)
    answer = browser.post(address("pair_adjudicate", disputed), given, follow=True)
    assert "somebody else has changed the state meanwhile" in messages(answer)[-1]
    assert Adjudication.objects.count() == 1


def test_a_closed_campaign_offers_no_decision(browser, messages):
    campaign = make_campaign(state="closed")
    (pair,) = make_pairs(campaign, 1, state=PairState.DISPUTED)
    assert (
        address("pair_adjudicate", pair) not in browser.get(address("pair", pair)).content.decode()
    )
    given = {"grade": "bad", "reason": "Voices."}
    answer = browser.post(address("pair_adjudicate", pair), given, follow=True)
    assert messages(answer) == ["Nothing was changed: the campaign is closed."]


def test_a_gold_pair_shows_the_right_grade_and_is_not_decided(browser):
    (gold,) = make_gold_pairs(make_campaign(), 1)
    page = browser.get(address("pair", gold)).content.decode()
    assert "The right grade" in page
    assert address("pair_adjudicate", gold) not in page


def test_a_pair_without_its_photo_is_shown_as_withdrawn(browser, disputed):
    disputed.scene.delete()
    page = browser.get(address("pair", disputed)).content.decode()
    assert "The photo was withdrawn." in page
    assert "Reviewers do not see this pair" in page
    assert reverse("labelling:gold") + "?photo" not in page


@pytest.mark.parametrize(
    "change",
    [
        {"visibility": "private", "judging_allowed": False},
        {"hidden_at": "2026-01-01T00:00Z", "hidden_reason": "x"},
    ],
)
def test_a_private_or_hidden_photo_is_not_shown(browser, disputed, change):
    Scene.objects.update(**change)
    page = browser.get(address("pair", disputed)).content.decode()
    assert reverse("retrieval:scene_photo", args=[disputed.scene_id]) not in page
    assert "The photo was withdrawn." in page


def test_a_pair_leads_to_the_next_that_waits(browser, disputed):
    first, second, gone = make_pairs(disputed.campaign, 3, state=PairState.DISPUTED)
    gone.scene.delete()

    def after(pair):
        return browser.get(address("pair", pair)).context["next_pair"]

    assert [after(disputed), after(first), after(second)] == [first, second, disputed]
    start = reverse("labelling:campaign", args=[disputed.campaign_id])
    assert address("pair", disputed) in browser.get(start).content.decode()
    Pair.objects.exclude(pk=disputed.pk).update(state=PairState.SETTLED)
    assert after(disputed) is None


def test_a_pair_leads_to_gold_pairs_and_drafts_of_guidelines(browser, disputed):
    draft = make_guideline(published_at=None)
    page = browser.get(address("pair", disputed)).content.decode()
    choice = f"?photo={disputed.scene_id}&amp;clip={disputed.clip_id}"
    assert f"{reverse('labelling:gold')}{choice}" in page
    assert f"{reverse('labelling:guideline', args=[draft.pk])}{choice}" in page


def test_a_pair_belongs_to_its_campaign(browser, disputed):
    other = make_campaign()
    page = reverse("labelling:pair", args=[other.pk, disputed.pk])
    assert browser.get(page).status_code == 404
    page = reverse("labelling:pair_reopen", args=[other.pk, disputed.pk])
    assert browser.post(page, {"reason": "x"}).status_code == 404
    page = reverse("labelling:pair", args=[other.pk, disputed.pk + 1])
    assert browser.get(page).status_code == 404


def test_more_grades_take_no_more_queries(browser, disputed):
    def queries():
        browser.get(address("pair", disputed))
        with CaptureQueriesContext(connection) as captured:
            browser.get(address("pair", disputed))
        return len(captured)

    few = queries()
    for _ in range(3):
        grade_pair(disputed, make_reviewer(), "good")
        skip_pair(disputed, make_reviewer(), "unsure")
    assert queries() == few
    assert Pair.objects.count() == 1
