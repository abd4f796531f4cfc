"""Claiming, renewing and releasing leases, one reviewer after the other."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import AuditEntry
from accounts.tests.role_holders import make_person
from labelling.models import CampaignState, LostLease, Pair, Skip, Slot
from labelling.services import queue
from labelling.services.errors import CampaignClosedError
from labelling.tests.answering import claim, expire, grade, skip, states
from labelling.tests.factories import make_campaign, make_gold_pairs, make_pairs, make_reviewer
from retrieval.models import Visibility

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign():
    return make_campaign()


@pytest.fixture
def one(db):
    return make_reviewer()


@pytest.fixture
def other(db):
    return make_reviewer()


def places(slots):
    """Return number and position of slots, sorted: several are given in no order of the draw."""
    return sorted((slot.number, slot.position) for slot in slots)


def test_an_account_is_one_reviewer():
    user = make_person("anna")
    first = queue.reviewer_of(user_id=user.pk)
    assert first.user == user
    assert queue.reviewer_of(user_id=user.pk) == first


def test_every_pair_is_served_once_before_any_is_served_twice(campaign, one, other):
    make_pairs(campaign, 3)
    assert places(claim(one, campaign, 2)) == [(1, 1), (1, 2)]
    assert places(claim(other, campaign, 3)) == [(1, 3), (2, 1), (2, 2)]


def test_a_claimed_slot_comes_with_what_the_page_shows(campaign, one, django_assert_num_queries):
    make_pairs(campaign, 1)
    [slot] = claim(one, campaign)
    assert (slot.state, slot.reviewer_id) == (Slot.State.LEASED, one.pk)
    with django_assert_num_queries(0):
        assert slot.pair.scene.photo
        assert slot.pair.clip.played_name


def test_open_leases_come_first_and_are_renewed(campaign, one):
    make_pairs(campaign, 4)
    held = claim(one, campaign, 2)
    Slot.objects.filter(pk=held[1].pk).update(leased_until=Now())  # the older one
    again = claim(one, campaign, 3)
    assert places(again) == [(1, 1), (1, 2), (1, 3)]
    tokens = [held[1].token, held[0].token, again[2].token]
    assert [slot.token for slot in again] == tokens
    assert again[0].leased_until > held[0].leased_until
    # All leases are renewed now, and the order stays.
    assert [slot.token for slot in claim(one, campaign, 3)] == tokens
    queue.renew_leases(reviewer_id=one.pk, tokens=tokens)
    assert [slot.token for slot in claim(one, campaign, 3)] == tokens


def test_new_slots_come_in_the_order_of_their_random_tokens(campaign, one):
    """Gold before the sample, or one after the other as drawn, would tell what is gold."""
    campaign = make_campaign(gold_share=Decimal("0.5"))
    make_pairs(campaign, 20)
    make_gold_pairs(campaign, 20)
    slots = claim(one, campaign, 20)
    assert {slot.pair.purpose for slot in slots} == {"gold", "sample"}
    assert slots == sorted(slots, key=lambda slot: str(slot.token))


def test_an_expired_lease_that_nobody_took_is_still_held(campaign, one):
    make_pairs(campaign, 2)
    [slot] = claim(one, campaign)
    expire(slot)
    [again] = claim(one, campaign)
    assert again == slot
    assert again.token == slot.token
    assert again.leased_until > timezone.now()


def test_no_more_slots_are_returned_than_wanted(campaign, one):
    make_pairs(campaign, 3)
    first, *_ = claim(one, campaign, 3)
    assert claim(one, campaign, 1) == [first]


def test_a_reviewer_never_gets_a_pair_twice(campaign, one):
    make_pairs(campaign, 2, slots=3)
    assert places(claim(one, campaign, 5)) == [(1, 1), (1, 2)]
    for slot in claim(one, campaign, 2):
        grade(slot)
    assert claim(one, campaign, 5) == []


def test_the_last_slots_of_two_pairs_are_served_together(campaign, one):
    """The first slots in the order are both of pair 1."""
    _, second = make_pairs(campaign, 2, slots=2)
    Slot.objects.filter(pair=second).delete()
    Slot.objects.create(pair=second, number=3, campaign=campaign, position=second.position)
    assert places(claim(one, campaign, 2)) == [(1, 1), (3, 2)]


def test_an_expired_lease_goes_to_another_reviewer_under_a_new_token(campaign, one, other):
    make_pairs(campaign, 1, slots=1)
    [slot] = claim(one, campaign)
    assert claim(other, campaign) == []
    expire(slot)
    [taken] = claim(other, campaign)
    assert taken == slot
    assert taken.token != slot.token
    lost = LostLease.objects.get()
    assert (lost.token, lost.reviewer, lost.pair_id) == (slot.token, one, slot.pair_id)


def test_what_a_reviewer_skipped_is_served_to_others(campaign, one, other):
    make_pairs(campaign, 1, slots=1)
    [slot] = claim(one, campaign)
    skip(slot)
    assert claim(one, campaign) == []
    assert claim(other, campaign) == [slot]


@pytest.mark.parametrize(
    "withdraw",
    [
        lambda pair: pair.scene.delete(),
        lambda pair: set_fields(pair.scene, hidden_at=timezone.now(), hidden_reason="No."),
        lambda pair: set_fields(pair.scene, judging_allowed=False),
        lambda pair: set_fields(pair.scene, visibility=Visibility.PRIVATE, judging_allowed=False),
        lambda pair: set_fields(pair.clip, removed_in=9),
    ],
    ids=["deleted", "hidden", "not judged", "private", "recording withdrawn"],
)
def test_a_pair_that_may_not_be_shown_leaves_the_queue_at_once(campaign, one, other, withdraw):
    first, second = make_pairs(campaign, 2, slots=1)
    [held] = claim(one, campaign)
    assert held.pair == first
    withdraw(Pair.objects.get(pk=first.pk))
    assert [slot.pair for slot in claim(one, campaign)] == [second]
    expire(held)
    assert claim(other, campaign) == []
    assert queue.renew_leases(reviewer_id=one.pk, tokens=[held.token]) == []


def set_fields(row, **fields):
    type(row).objects.filter(pk=row.pk).update(**fields)


@pytest.mark.parametrize("state", [CampaignState.DRAFT, CampaignState.PAUSED, CampaignState.CLOSED])
def test_only_an_open_campaign_serves_pairs(one, state):
    campaign = make_campaign(state=state)
    make_pairs(campaign, 1)
    with pytest.raises(CampaignClosedError):
        claim(one, campaign)


def test_campaigns_do_not_mix(campaign, one):
    make_pairs(make_campaign(), 1)
    make_pairs(campaign, 1)
    assert [slot.campaign_id for slot in claim(one, campaign, 2)] == [campaign.pk]


def test_a_claim_costs_a_bounded_number_of_queries(campaign, one, django_assert_max_num_queries):
    make_pairs(campaign, 6)
    with django_assert_max_num_queries(11):
        claim(one, campaign, 3)


# --- renewal and release ---------------------------------------------------------------------


def test_renewal_returns_what_is_still_held(campaign, one, other):
    make_pairs(campaign, 4, slots=1)
    held = claim(one, campaign, 4)
    kept, expired, lost, done = held
    expire(expired, lost)
    Slot.objects.filter(pk=lost.pk).update(reviewer=other, token=uuid4())
    grade(done)
    tokens = [expired.token, lost.token, uuid4(), kept.token, done.token]
    assert queue.renew_leases(reviewer_id=one.pk, tokens=tokens) == [expired.token, kept.token]
    renewed = Slot.objects.filter(pk__in=[kept.pk, expired.pk])
    assert all(slot.leased_until > kept.leased_until for slot in renewed)


def test_nobody_renews_the_lease_of_another(campaign, one, other):
    make_pairs(campaign, 1)
    [slot] = claim(one, campaign)
    assert queue.renew_leases(reviewer_id=other.pk, tokens=[slot.token]) == []


@pytest.mark.parametrize("everybody", [False, True])
def test_a_lead_releases_leases(campaign, one, other, everybody):
    lead = make_person("lead")
    make_pairs(campaign, 3, slots=1)
    held = claim(one, campaign, 2)
    [kept] = claim(other, campaign)
    make_pairs(make_campaign(), 1)
    ids = None if everybody else [one.pk]
    released = queue.release_leases(campaign_id=campaign.pk, reviewer_ids=ids, actor_id=lead.pk)
    assert released == 2 + everybody
    assert {Slot.objects.get(pk=slot.pk).state for slot in held} == {Slot.State.FREE}
    assert Slot.objects.get(pk=kept.pk).state == ("free" if everybody else "leased")
    assert LostLease.objects.filter(reviewer=one).count() == 2
    entry = AuditEntry.objects.get(action="campaign.leases_released")
    assert (entry.subject, entry.actor_id) == (f"campaign {campaign.pk}", lead.pk)
    assert entry.detail == {"leases": released, "reviewers": ids}


def test_leases_of_a_pair_that_waits_for_a_lead_are_released_as_closed(campaign, one):
    [pair] = make_pairs(campaign, 1, slots=4)
    held = claim(one, campaign)[0]
    for _ in range(3):
        skip(claim(make_reviewer(), campaign)[0])
    assert Skip.objects.count() == 3
    assert states(pair) == ["leased", "closed", "closed", "closed"]
    queue.release_leases(campaign_id=campaign.pk, reviewer_ids=None, actor_id=make_person("l").pk)
    assert states(pair) == ["closed"] * 4
    assert held.pair == pair
