"""What reviewers are told when an answer, a claim or an undo is refused."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.roles import Role
from accounts.tests.role_holders import make_person
from labelling.models import Campaign, LostLease
from labelling.services import queue
from labelling.services.errors import BusyError
from labelling.tests import answering
from labelling.tests.factories import make_campaign, make_gold_pairs, make_pairs, make_reviewer
from labelling.tests.views.test_review import claim, grade, page, send, skip, tokens_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign():
    return make_campaign()


@pytest.fixture
def rita(client):
    """A reviewer, logged in."""
    person = make_person("rita", Role.REVIEWER)
    client.force_login(person)
    return person


def test_a_refusal_says_why(client, rita, campaign):
    """Which of several reasons it is that have one code."""
    pairs = make_pairs(campaign, 3, slots=1)
    answered, taken, decided = tokens_of(claim(client, campaign))
    send(client, "review_answer", grade(answered))
    queue.release_leases(campaign_id=campaign.pk, reviewer_ids=None, actor_id=rita.pk)
    first, second = answering.claim(make_reviewer(), campaign, 2)
    decided_slot = first if first.pair == LostLease.objects.get(token=decided).pair else second
    answering.grade(decided_slot)
    titles = {
        token: send(client, "review_answer", grade(token)).json()["title"]
        for token in (answered, taken, decided)
    }
    assert titles == {
        answered: "You have answered this pair already",
        taken: "This pair went to other reviewers",
        decided: "This pair needs no more answers",
    }
    assert {pair.grades.count() for pair in pairs} == {0, 1}
    for state, title in (
        ("paused", "This campaign is paused"),
        ("closed", "This campaign is closed"),
    ):
        closed_at = timezone.now() if state == "closed" else None
        Campaign.objects.update(state=state, closed_at=closed_at)
        assert claim(client, campaign).json()["title"] == title
    late = send(client, "review_answer", grade(taken)).json()
    assert (late["code"], late["title"]) == ("campaign_closed", "This campaign is closed")


def test_the_page_asks_again_while_others_are_served(client, rita, campaign, monkeypatch):
    def busy(**arguments):
        raise BusyError("all slots are locked")

    monkeypatch.setattr("labelling.views.queue.claim_slots", busy)
    refusal = claim(client, campaign)
    assert (refusal.status_code, refusal.json()["code"]) == (503, "busy")
    assert refusal["Retry-After"] == "1"


def test_a_complete_qualification_says_why_it_stays(client, rita):
    campaign = make_campaign(qualification_pairs=1)
    make_pairs(campaign, 1)
    make_gold_pairs(campaign, 1)
    body = grade(tokens_of(claim(client, campaign))[0])
    send(client, "review_answer", body)
    refusal = send(client, "review_undo", {"id": str(uuid4()), "undoes": body["id"]}).json()
    assert (refusal["code"], "first answers" in refusal["detail"]) == ("cannot_undo", True)


def test_whoever_skipped_the_first_pairs_is_told_so(client, rita):
    campaign = make_campaign(qualification_pairs=1)
    make_pairs(campaign, 1)
    make_gold_pairs(campaign, 1)
    send(client, "review_answer", skip(tokens_of(claim(client, campaign))[0]))
    refusal = claim(client, campaign)
    assert (refusal.status_code, refusal.json()["code"]) == (403, "not_qualified")
    assert "skipped too many" in refusal.json()["detail"]
    assert "ask a lead reviewer to admit you" in page(client, "review_queue")
