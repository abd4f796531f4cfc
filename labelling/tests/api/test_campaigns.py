"""Campaigns as programs of reviewers and of leads see them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labelling.models import CampaignState, GuidelineExample, PairState, Reviewer
from labelling.tests.answering import claim, grade
from labelling.tests.factories import make_campaign, make_guideline, make_pairs, make_reviewer
from labelling.tests.stored_pairs import PHOTO, SOUND, stored_pair
from retrieval.models import Scene

pytestmark = pytest.mark.django_db

FOR_LEADS = {"design", "work"}


def listed(program, **query):
    answer = program.get("campaigns", query)
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def names(program, **query):
    return [one["name"] for one in listed(program, **query)]


def test_reviewers_list_what_runs_and_what_they_graded_and_leads_all(rita, lea):
    for state in CampaignState:
        make_campaign(name=f"a {state}", state=state)
    graded = make_campaign(name="graded")
    make_pairs(graded, 1)
    grade(*claim(make_reviewer(rita.person), graded))
    type(graded).objects.filter(pk=graded.pk).update(state="closed", closed_at="2026-11-01T00:00Z")
    assert names(rita) == ["graded", "a paused", "a open"]
    assert names(lea) == ["graded", "a closed", "a paused", "a open", "a draft"]
    assert names(rita, state="closed") == ["graded"]
    assert names(lea, state="draft") == ["a draft"]
    assert not Reviewer.objects.filter(user=lea.person).exists()  # looking makes no row


def test_a_list_is_read_page_by_page(rita):
    for number in range(5):
        make_campaign(name=f"Campaign no. {number}")
    seen, address = [], "campaigns?page_size=2"
    while address:
        answer = rita.get(address).json()
        seen += [one["name"] for one in answer["results"]]
        address = answer["next"]
    assert seen == [f"Campaign no. {number}" for number in (4, 3, 2, 1, 0)]


def test_a_reviewer_sees_own_progress_and_no_design(rita, lea, campaign):
    pairs = make_pairs(campaign, 3)
    (slot,) = claim(make_reviewer(rita.person), campaign)
    grade(slot)
    (shown,) = listed(rita)
    assert shown == {
        "id": campaign.pk,
        "name": "Coasts",
        "state": "open",
        "guideline": {"title": campaign.guideline.title, "version": 1},
        "closed_at": None,
        "qualified": True,
        "progress": {
            "own": {"done": 1, "total": 3},
            "campaign": {"done": 1, "total": 6},
            "with_others": None,
        },
    }
    (of_lead,) = listed(lea)
    assert of_lead.keys() - shown.keys() == FOR_LEADS
    assert of_lead["work"] == {
        "pairs": 3, "settled": 0, "disputed": 0, "skipped": 0, "grades_done": 1, "grades_wanted": 6,
    }  # fmt: skip
    assert of_lead["design"]["matchers"] == ["fused"]
    assert of_lead["design"]["graders_per_pair"] == 2.0
    assert len(pairs) == 3


def test_whether_one_is_qualified_is_shown(rita):
    campaign = make_campaign(qualification_pairs=1, qualification_share=Decimal(1))
    assert listed(rita)[0]["qualified"] is True
    pair = make_pairs(campaign, 1)[0]
    pair.purpose, pair.inclusion_probability = "gold", None
    pair.gold_grade, pair.gold_reason = "good", "Because."
    pair.slots.all().delete()
    pair.save()
    (slot,) = claim(make_reviewer(rita.person), campaign)
    grade(slot, "bad")
    assert listed(rita)[0]["qualified"] is False


def test_the_list_takes_as_many_queries_for_4_campaigns_as_for_1(lea, forget_counts):
    def queries():
        forget_counts()
        with CaptureQueriesContext(connection) as captured:
            shown = listed(lea)
        return len(shown), len(captured)

    def add_campaign():
        campaign = make_campaign(qualification_pairs=1)
        make_pairs(campaign, 2)

    add_campaign()
    queries()
    _, of_one = queries()
    for _ in range(3):
        add_campaign()
    assert queries() == (4, of_one)


def test_fields_are_selected(rita, campaign):
    answer = rita.get("campaigns", {"fields": "id,name"})
    assert answer.json()["results"] == [{"id": campaign.pk, "name": "Coasts"}]
    assert rita.get("campaigns", {"fields": "id,seed"}).status_code == 400


def test_progress_of_a_campaign(rita, lea, campaign, forget_counts):
    pairs = make_pairs(campaign, 4)
    for pair, state in zip(pairs, (PairState.SETTLED, PairState.DISPUTED), strict=False):
        pair.state = state
        pair.save()
    Scene.objects.filter(pk=pairs[3].scene_id).update(judging_allowed=False)
    own = rita.get(f"campaigns/{campaign.pk}/progress").json()
    assert own == {
        "own": {"done": 0, "total": 1}, "campaign": {"done": 0, "total": 6}, "with_others": None
    }  # fmt: skip
    whole = lea.get(f"campaigns/{campaign.pk}/progress").json()
    assert whole.pop("work") == {
        "pairs": 4, "settled": 1, "disputed": 1, "skipped": 0, "withdrawn": 1,
        "grades_done": 0, "grades_wanted": 6,
    }  # fmt: skip
    assert whole == own


def test_a_draft_is_shown_to_leads(lea):
    draft = make_campaign(state=CampaignState.DRAFT)
    shown = lea.get(f"campaigns/{draft.pk}").json()
    assert (shown["state"], shown["work"]["pairs"]) == ("draft", 0)
    assert lea.get(f"campaigns/{draft.pk}/progress").json()["own"] == {"done": 0, "total": 0}


def test_a_campaign_says_how_to_grade(rita, settings, media):
    settings.SOUNDSCAPE_MINIMUM_LISTEN_S = 3
    guideline = make_guideline(title="Fit", body="Does the *sound* fit?", published_at=None)
    campaign = make_campaign(guideline=guideline)
    pair = stored_pair(campaign)
    GuidelineExample.objects.create(
        guideline=guideline, scene=pair.scene, clip=pair.clip, grade="bad", why="No sea in sight."
    )
    type(guideline).objects.filter(pk=guideline.pk).update(published_at="2026-01-01T00:00Z")
    shown = rita.get(f"campaigns/{campaign.pk}").json()
    assert not FOR_LEADS & shown.keys()
    (example,) = shown["guideline"].pop("examples")
    assert shown["guideline"] == {"title": "Fit", "version": 1, "text": "Does the *sound* fit?"}
    assert (example["grade"], example["why"]) == ("bad", "No sea in sight.")
    assert b"".join(rita.get(example["photo"]).streaming_content) == PHOTO
    assert b"".join(rita.get(example["sound"]).streaming_content) == SOUND
    assert [one["value"] for one in shown["grades"]] == ["good", "decent", "bad"]
    assert {"value": "unsure", "meaning": "I am not sure"} in shown["skip_reasons"]
    assert {"value": "music", "meaning": "Music"} in shown["faults"]
    assert (shown["minimum_listening_s"], shown["lease_s"]) == (3.0, 600)
