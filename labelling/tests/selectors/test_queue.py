"""What reviewers are told about their queue."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from labelling.models import Campaign, Slot
from labelling.selectors import queue
from labelling.selectors.queue import OwnProgress
from labelling.tests.answering import claim, expire, grade, grade_all, lease_on, skip
from labelling.tests.factories import make_campaign, make_gold_pairs, make_pairs, make_reviewer
from retrieval.models import Scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign():
    return make_campaign()


@pytest.fixture
def one():
    return make_reviewer()


@pytest.fixture
def other():
    return make_reviewer()


def own(reviewer, campaign):
    progress = queue.own_progress(reviewer.pk, campaign.pk)
    return progress.done, progress.left, progress.with_others


def test_own_progress_divides_the_pairs(campaign, one, other):
    pairs = make_pairs(campaign, 8, slots=2)
    assert own(one, campaign) == (0, 8, 0)
    grade(lease_on(pairs[0], one))  # waits for a second reviewer
    skip(lease_on(pairs[1], one))
    lease_on(pairs[2], one)
    assert own(one, campaign) == (1, 6, 2)
    for reviewer in (other, make_reviewer()):
        lease_on(pairs[3], reviewer)
    assert own(one, campaign) == (1, 5, 3)
    grade_all(pairs[4], "good", "good")
    assert own(one, campaign) == (1, 4, 3)
    pairs[5].scene.delete()
    assert own(one, campaign) == (1, 3, 3)
    grade(lease_on(pairs[6], other))
    assert own(one, campaign) == (1, 3, 3)
    assert own(other, campaign) == (1, 5, 1)


def test_expired_leases_of_others_are_left_to_grade(campaign, one, other):
    make_pairs(campaign, 1, slots=1)
    slots = claim(other, campaign)
    assert own(one, campaign) == (0, 0, 1)
    expire(*slots)
    assert own(one, campaign) == own(other, campaign) == (0, 1, 0)


def test_all_done_says_what_is_left_to_others(campaign, one):
    make_pairs(campaign, 3, slots=2)
    for slot in claim(one, campaign, 3):
        grade(slot)
    assert claim(one, campaign) == []
    assert own(one, campaign) == (3, 0, 3)


def test_gold_counts_as_any_other_pair(one):
    campaign = make_campaign(qualification_pairs=2)
    make_pairs(campaign, 1, slots=1)
    make_gold_pairs(campaign, 5)
    first, _ = claim(one, campaign, 2)
    assert own(one, campaign) == (0, 3, 0)
    grade(first)
    assert own(one, campaign) == (1, 2, 0)


def test_a_gold_pair_that_was_withdrawn_is_not_left(one):
    campaign = make_campaign(qualification_pairs=3)
    make_gold_pairs(campaign, 3)
    held = claim(one, campaign, 4)
    Scene.objects.filter(pairs=held[0].pair_id).update(judging_allowed=False)
    assert own(one, campaign) == (0, len(held) - 1, 0)


def test_progress_counts_the_campaign_only(campaign, one):
    make_pairs(campaign, 1)
    elsewhere = make_campaign()
    make_pairs(elsewhere, 3)
    grade(claim(one, elsewhere)[0])
    assert own(one, campaign) == (0, 1, 0)


def test_open_and_paused_campaigns_are_listed(one):
    listed = {state: make_campaign(state=state) for state in ("open", "paused")}
    for state in ("draft", "closed"):
        make_campaign(state=state)
    campaigns = {entry.campaign.state: entry.campaign for entry in queue.campaigns_for(one.pk)}
    assert campaigns == listed


def test_an_entry_of_the_list(campaign, one, other):
    pairs = make_pairs(campaign, 5, slots=1)
    grade_all(pairs[0], "good")
    for reviewer in (other, make_reviewer(), make_reviewer()):
        skip(lease_on(pairs[1], reviewer))
    pairs[2].scene.delete()
    grade(lease_on(pairs[3], one))
    [entry] = queue.campaigns_for(one.pk)
    assert entry.own == OwnProgress(done=1, left=1, with_others=0)
    assert entry.qualified


def test_an_entry_says_that_the_qualification_was_failed(one, other):
    campaign = make_campaign(qualification_pairs=1, qualification_share=Decimal(1))
    make_pairs(campaign, 1)
    make_gold_pairs(campaign, 1, grade="good")
    for reviewer, grading in ((one, "bad"), (other, "good")):
        assert queue.campaigns_for(reviewer.pk)[0].qualified
        grade(claim(reviewer, campaign)[0], grading)
    assert not queue.campaigns_for(one.pk)[0].qualified
    assert queue.campaigns_for(other.pk)[0].qualified


def test_the_list_takes_a_fixed_number_of_queries(one, django_assert_num_queries):
    def add():
        campaign = make_campaign(qualification_pairs=1)
        make_pairs(campaign, 2)
        make_gold_pairs(campaign, 1)
        grade(claim(one, campaign)[0])

    add()
    with django_assert_num_queries(11):
        assert len(queue.campaigns_for(one.pk)) == 1
    for _ in range(3):
        add()
    with django_assert_num_queries(11):
        assert len(queue.campaigns_for(one.pk)) == 4


def test_a_lease_is_found_by_its_reviewer_only(campaign, one, other, django_assert_num_queries):
    make_pairs(campaign, 1, slots=1)
    [slot] = claim(one, campaign)
    with django_assert_num_queries(1):
        found: Any = queue.slot_by_token(one.pk, slot.token)
        assert found == slot
        assert found.pair.scene.photo
        assert found.pair.clip.played_name
        assert found.campaign.name
    assert queue.slot_by_token(other.pk, slot.token) is None
    assert queue.slot_by_token(one.pk, uuid4()) is None
    expire(slot)
    assert queue.slot_by_token(one.pk, slot.token) == slot


def test_a_lease_is_found_after_its_grade_and_not_after_a_skip_or_withdrawal(campaign, one):
    make_pairs(campaign, 3)
    first, second, third = claim(one, campaign, 3)
    grade(first)
    assert queue.slot_by_token(one.pk, first.token) == first
    skip(third)
    assert queue.slot_by_token(one.pk, third.token) is None
    type(second.pair.scene).objects.update(hidden_at=timezone.now(), hidden_reason="No.")
    assert queue.slot_by_token(one.pk, second.token) is None


def test_the_next_slot_is_found_by_walking_the_index(campaign, one):
    """PostgreSQL walks the partial index in its order, with nothing to sort, and stops."""
    make_pairs(campaign, 30, slots=2)
    grade(claim(one, campaign)[0])
    query = queue.slots_to_serve(one.pk, campaign.pk).select_for_update(skip_locked=True)[:1]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE labelling_slot")
        cursor.execute("SET LOCAL enable_seqscan = off")  # the table has one page here
        plan = query.explain()
    assert "Index Scan using labelling_slot_to_serve" in plan
    assert "Sort" not in plan


def test_a_campaign_without_pairs_has_no_progress(one):
    assert own(one, Campaign(pk=0)) == (0, 0, 0)
    assert not Slot.objects.exists()
