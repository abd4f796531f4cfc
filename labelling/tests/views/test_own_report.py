"""A reviewer's own work in a campaign."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.roles import Role
from accounts.tests.role_holders import make_person
from labelling.models import CampaignState
from labelling.tests.factories import make_campaign, make_gold_pairs, make_pairs, make_reviewer
from labelling.tests.views.answers import grade_pair, skip_pair
from labelling.tests.views.pages import facts_in
from labelling.views import reports

pytestmark = pytest.mark.django_db

THIN = "\N{NARROW NO-BREAK SPACE}"
CLOSED, OPEN, DRAFT = CampaignState.CLOSED, CampaignState.OPEN, CampaignState.DRAFT


def address(campaign):
    return reverse("labelling:own_report", args=[campaign.pk])


@pytest.fixture
def rita(db):
    return make_person("rita", Role.REVIEWER)


@pytest.fixture
def desk(rita):
    client = Client()
    client.force_login(rita)
    return client


def graded_campaign(person, **fields):
    """Make a campaign in which a person graded two pairs and a gold one, and skipped one."""
    campaign = make_campaign(**fields)
    reviewer = make_reviewer(person)
    first, second, third = make_pairs(campaign, 3)
    grade_pair(first, reviewer, "good", took_s=4.0)
    grade_pair(second, reviewer, "bad", took_s=6.0)
    grade_pair(make_gold_pairs(campaign, 1)[0], reviewer, "good", took_s=80.0)
    skip_pair(third, reviewer, "unsure")
    grade_pair(first, make_reviewer(), "bad")
    return campaign


def test_reviewers_see_their_own_work_with_gold_counted_as_any_pair(desk, rita):
    campaign = graded_campaign(rita)
    page = desk.get(address(campaign)).content.decode()
    facts = facts_in(page)
    assert "report counts without them. Seconds are medians." in page
    assert facts == {
        "Grades": "3", "Skips": "1", "Seconds a pair": "6", "Seconds heard": "4",
        "Good": f"67{THIN}%", "Decent": f"0{THIN}%", "Bad": f"33{THIN}%",
    }  # fmt: skip


@pytest.mark.parametrize("state", [OPEN, CampaignState.PAUSED])
def test_work_that_goes_on_stays_blind(desk, rita, state, monkeypatch):
    monkeypatch.setattr(reports, "report_rows", lambda _campaign: pytest.fail("not needed"))
    campaign = graded_campaign(rita, state=state)
    page = desk.get(address(campaign)).content.decode()
    assert "is shown after the campaign is closed" in page
    assert "Gold pairs right" not in page
    assert "Equal to others" not in page


def test_after_the_end_gold_and_agreement_are_shown(desk, rita, monkeypatch):
    campaign = graded_campaign(rita, state=CLOSED)
    monkeypatch.setattr(reports, "make_report", lambda _rows: pytest.fail("not needed"))
    facts = facts_in(desk.get(address(campaign)).content.decode())
    assert facts["Gold pairs right"] == "1 of 1"
    assert next(facts[one] for one in facts if one.startswith("Equal to")).startswith(f"0{THIN}%")


def test_somebody_who_graded_nothing_is_told_so(desk, rita):
    campaign = graded_campaign(make_person("rolf", Role.REVIEWER), state=CLOSED)
    page = desk.get(address(campaign)).content.decode()
    assert "You have not graded a pair of this campaign." in page


def test_a_draft_has_no_own_work(desk):
    assert desk.get(address(make_campaign(state=DRAFT))).status_code == 404


def test_the_queue_leads_to_ones_own_work(desk, rita):
    closed = graded_campaign(rita, state=CLOSED)
    running, others = make_campaign(), make_campaign(state=CLOSED)
    page = desk.get(reverse("labelling:review_queue")).content.decode()
    for campaign in (closed, running):
        assert address(campaign) in page
    assert address(others) not in page
