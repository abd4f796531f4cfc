"""What grades say together; adjudication, reopening, more reviewers, admission."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from accounts.tests.role_holders import make_person
from labelling.models import (
    Adjudication,
    Admission,
    Answer,
    Campaign,
    CampaignState,
    Grade,
    Pair,
    PairState,
    Reopening,
    Skip,
    Slot,
)
from labelling.sampling import slots_per_pair
from labelling.services import settling
from labelling.services.errors import (
    AnswerInvalidError,
    AssignmentExpiredError,
    CampaignClosedError,
    WrongStateError,
)
from labelling.tests.answering import claim, grade, grade_all, lease_on, skip, states
from labelling.tests.factories import make_campaign, make_gold_pairs, make_pairs, make_reviewer

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign():
    return make_campaign()


@pytest.fixture
def lead():
    return make_person("lead")


@pytest.fixture
def adjudicate(lead):
    def decide(pair, grading="bad", reason="Only wind."):
        return settling.adjudicate(pair_id=pair.pk, grade=grading, reason=reason, lead_id=lead.pk)

    return decide


@pytest.fixture
def reopen(lead):
    def order(pair, reason="Wrong photo."):
        return settling.reopen(pair_id=pair.pk, reason=reason, lead_id=lead.pk)

    return order


@pytest.fixture
def raise_overlap(lead, campaign):
    def more(graders):
        return settling.raise_overlap(
            campaign_id=campaign.pk, graders_per_pair=Decimal(graders), lead_id=lead.pk
        )

    return more


def state_of(pair):
    pair.refresh_from_db()
    return pair.state


def disputed(campaign):
    [pair] = make_pairs(campaign, 1, slots=2)
    grade_all(pair, "good", "bad")
    grade_all(pair, "decent")
    assert state_of(pair) == PairState.DISPUTED
    return pair


def skipped(campaign):
    [pair] = make_pairs(campaign, 1, slots=2)
    for _ in range(3):
        skip(lease_on(pair, make_reviewer()))
    assert state_of(pair) == PairState.SKIPPED
    return pair


# --- settling --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grades", "state", "slots"),
    [
        ("bad", "settled", 1),
        ("good good", "settled", 2),
        ("good decent", "open", 3),
        ("good bad", "open", 3),
        ("good decent decent", "settled", 3),
        ("bad decent bad", "settled", 3),
        ("good decent bad", "disputed", 3),
        ("good bad good", "disputed", 3),
    ],
)
def test_the_state_that_grades_lead_to(campaign, grades, state, slots):
    given = grades.split()
    [pair] = make_pairs(campaign, 1, slots=min(2, len(given)))
    for one in given:
        assert state_of(pair) == PairState.OPEN
        grade_all(pair, one)
    assert state_of(pair) == state
    assert pair.slots.count() == slots


@pytest.mark.parametrize(
    ("grades", "state"),
    [
        ("good good decent", "settled"),
        ("good decent bad", "disputed"),
        ("good good good bad", "disputed"),
        ("good good decent decent", "disputed"),
        ("decent decent decent bad", "settled"),
        ("bad bad decent decent decent", "settled"),
    ],
)
def test_three_and_more_reviewers_by_design_need_a_majority(campaign, grades, state):
    given = grades.split()
    [pair] = make_pairs(campaign, 1, slots=len(given))
    grade_all(pair, *given)
    assert state_of(pair) == state
    assert states(pair) == ["done"] * len(given)


def test_a_third_reviewer_is_asked_last(campaign):
    first, _ = make_pairs(campaign, 2, slots=2)
    grade_all(first, "good", "bad")
    reviewer = make_reviewer()
    slots = [claim(reviewer, campaign, wanted)[-1] for wanted in (1, 2)]
    assert [(slot.number, slot.position) for slot in slots] == [(1, 2), (3, 1)]
    assert slots[1].extra


def test_a_gold_pair_is_never_settled(campaign):
    Campaign.objects.filter(pk=campaign.pk).update(qualification_pairs=1)
    [pair] = make_gold_pairs(campaign, 1)
    grade(claim(make_reviewer(), campaign)[0], "good")
    grade(claim(make_reviewer(), campaign)[0], "bad")
    assert state_of(pair) == PairState.OPEN
    assert states(pair) == ["done", "done"]


# --- adjudication ----------------------------------------------------------------------------


@pytest.mark.parametrize("waiting", [disputed, skipped])
def test_a_lead_decides_a_pair_that_waits(campaign, adjudicate, lead, waiting):
    pair = waiting(campaign)
    grades = list(Grade.objects.order_by("pk").values())
    decision = adjudicate(pair, "decent", " Only wind. ")
    assert (decision.pair, decision.lead) == (pair, lead)
    assert (decision.grade, decision.reason) == ("decent", "Only wind.")
    assert state_of(pair) == PairState.SETTLED
    assert list(Grade.objects.order_by("pk").values()) == grades
    entry = AuditEntry.objects.get(action="pair.adjudicated")
    assert (entry.subject, entry.actor_id) == (f"pair {pair.pk}", lead.pk)
    assert entry.detail == {"grade": "decent", "campaign": campaign.pk}


def test_an_adjudication_ends_the_leases_of_the_pair(campaign, adjudicate):
    [pair] = make_pairs(campaign, 1, slots=4)
    held = lease_on(pair, make_reviewer())
    for _ in range(3):
        skip(lease_on(pair, make_reviewer()))
    adjudicate(pair)
    assert states(pair) == ["closed"] * 4
    with pytest.raises(AssignmentExpiredError):
        grade(held)


def test_only_a_pair_that_waits_is_adjudicated(campaign, adjudicate):
    opened, settled = make_pairs(campaign, 2, slots=1)
    grade_all(settled, "good")
    for pair in (opened, settled, *make_gold_pairs(campaign, 1)):
        with pytest.raises(WrongStateError):
            adjudicate(pair)
    assert not Adjudication.objects.exists()


@pytest.mark.parametrize(
    ("grading", "reason"), [("great", "Because."), ("good", " "), ("good", "a" * 501)]
)
def test_an_adjudication_has_a_known_grade_and_a_reason(campaign, adjudicate, grading, reason):
    pair = disputed(campaign)
    with pytest.raises(AnswerInvalidError):
        adjudicate(pair, grading, reason)


def test_leads_decide_nothing_in_a_closed_campaign(campaign, adjudicate, reopen, raise_overlap):
    pair = disputed(campaign)
    [settled] = make_pairs(campaign, 1, slots=1)
    grade_all(settled, "good")
    Campaign.objects.update(state=CampaignState.CLOSED, closed_at=timezone.now())
    for refused in (
        lambda: adjudicate(pair), lambda: reopen(settled), lambda: raise_overlap(3)
    ):  # fmt: skip
        with pytest.raises(CampaignClosedError):
            refused()


# --- reopening -------------------------------------------------------------------------------


def test_a_settled_pair_is_graded_again_from_the_start(campaign, reopen, lead):
    [pair] = make_pairs(campaign, 1, slots=2)
    skip(lease_on(pair, make_reviewer()))
    answers = grade_all(pair, "good", "decent") + grade_all(pair, "decent")
    reopening = reopen(pair, " Wrong photo. ")
    assert (reopening.lead, reopening.reason) == (lead, "Wrong photo.")
    assert state_of(pair) == PairState.OPEN
    assert states(pair) == ["free", "free"]  # without the one for a third opinion
    assert not Grade.objects.exists()
    assert not Skip.objects.exists()
    assert Answer.objects.count() == 4
    [again] = claim(answers[0].reviewer, campaign)
    grade(again, "bad")
    assert Grade.objects.get().reviewer == answers[0].reviewer
    entry = AuditEntry.objects.get(action="pair.reopened")
    assert (entry.subject, entry.actor_id) == (f"pair {pair.pk}", lead.pk)
    assert entry.detail == {"campaign": campaign.pk}


def test_reopening_revokes_the_decision_of_a_lead(campaign, adjudicate, reopen):
    pair = disputed(campaign)
    adjudicate(pair)
    reopen(pair)
    assert Adjudication.objects.get().revoked_at is not None
    assert states(pair) == ["free", "free"]
    grade_all(pair, "good", "good")
    assert state_of(pair) == PairState.SETTLED


def test_a_disputed_pair_is_graded_again_instead_of_decided(campaign, reopen):
    pair = disputed(campaign)
    reopen(pair)
    assert (state_of(pair), states(pair)) == (PairState.OPEN, ["free", "free"])
    grade_all(pair, "good", "good")
    assert state_of(pair) == PairState.SETTLED


def test_a_skipped_pair_is_served_again_and_a_late_answer_is_kept(campaign, reopen):
    [pair] = make_pairs(campaign, 1, slots=2)
    held = lease_on(pair, make_reviewer())
    skippers = [make_reviewer() for _ in range(3)]
    for reviewer in skippers:
        skip(lease_on(pair, reviewer))
    assert (state_of(pair), states(pair)) == (PairState.SKIPPED, ["leased", "closed"])
    reopen(pair)
    assert (state_of(pair), states(pair)) == (PairState.OPEN, ["free", "free"])
    assert not Skip.objects.exists()
    grade(held)
    grade(claim(skippers[0], campaign)[0])
    assert state_of(pair) == PairState.SETTLED


def test_a_pair_is_reopened_with_a_reason_and_not_while_it_is_graded(campaign, reopen):
    [settled] = make_pairs(campaign, 1, slots=1)
    grade_all(settled, "good")
    for reason in ("  ", "a" * 501):
        with pytest.raises(AnswerInvalidError):
            reopen(settled, reason)
    others = [*make_pairs(campaign, 1), *make_gold_pairs(campaign, 1)]
    for pair in others:
        with pytest.raises(WrongStateError):
            reopen(pair)
    assert not Reopening.objects.exists()


# --- more reviewers --------------------------------------------------------------------------


def counts(campaign):
    pairs = Pair.objects.filter(campaign=campaign).exclude(purpose="gold").order_by("position")
    return [pair.slots.filter(extra=False).count() for pair in pairs]


def test_the_overlap_is_raised_to_what_a_draw_would_have_given(campaign, raise_overlap, lead):
    make_pairs(campaign, 10, slots=2)
    make_gold_pairs(campaign, 2)
    assert raise_overlap("2.3") == 3
    some = counts(campaign)
    assert some == slots_per_pair(10, Decimal("2.3"), campaign.seed).tolist()
    assert raise_overlap("2.8") == 5
    more = counts(campaign)
    assert more == slots_per_pair(10, Decimal("2.8"), campaign.seed).tolist()
    assert all(after >= before for before, after in zip(some, more, strict=True))
    assert raise_overlap("4.1") == 13
    campaign.refresh_from_db()
    assert campaign.graders_per_pair == Decimal("4.1")
    last = AuditEntry.objects.get(action="campaign.overlap_raised", detail__after="4.10")
    assert (last.subject, last.actor_id) == (f"campaign {campaign.pk}", lead.pk)
    assert last.detail == {"before": "2.80", "after": "4.10", "slots": 13}


def test_settled_and_disputed_pairs_that_get_a_slot_are_open_again(campaign, raise_overlap):
    [settled] = make_pairs(campaign, 1, slots=2)
    grade_all(settled, "good", "good")
    three = disputed(campaign)
    assert raise_overlap(4) == 3
    assert (state_of(settled), states(settled)) == ("open", ["done", "done", "free", "free"])
    assert (state_of(three), states(three)) == ("open", ["done", "done", "done", "free"])
    assert settled.grades.count() == 2
    grade_all(settled, "good", "bad")
    assert state_of(settled) == PairState.DISPUTED


def test_a_slot_for_a_third_opinion_becomes_one_of_the_design(campaign, raise_overlap, reopen):
    [pair] = make_pairs(campaign, 1, slots=2)
    grade_all(pair, "good", "decent")
    grade_all(pair, "good")
    assert raise_overlap(3) == 0
    assert state_of(pair) == PairState.SETTLED
    reopen(pair)
    assert states(pair) == ["free", "free", "free"]


def test_pairs_that_are_with_a_lead_get_their_slots_when_they_are_reopened(
    campaign, raise_overlap, adjudicate, reopen
):
    decided, waiting = disputed(campaign), skipped(campaign)
    adjudicate(decided)
    assert raise_overlap(4) == 0
    assert (state_of(decided), states(decided)) == ("settled", ["done"] * 3 + ["closed"])
    assert (state_of(waiting), states(waiting)) == ("skipped", ["closed"] * 4)
    adjudicate(waiting)
    for pair in (decided, waiting):
        reopen(pair)
        assert states(pair) == ["free"] * 4


@pytest.mark.parametrize(
    ("state", "graders"),
    [("draft", "3"), ("open", "2"), ("open", "1.5"), ("open", "10.5")],
)
def test_the_overlap_only_grows_and_after_the_draw(lead, state, graders):
    campaign = make_campaign(state=state)
    make_pairs(campaign, 1)
    with pytest.raises(WrongStateError):
        settling.raise_overlap(
            campaign_id=campaign.pk, graders_per_pair=Decimal(graders), lead_id=lead.pk
        )
    assert Slot.objects.count() == 2


# --- admission -------------------------------------------------------------------------------


def test_a_reviewer_is_admitted_once(campaign, lead):
    reviewer = make_reviewer()
    given = {"campaign_id": campaign.pk, "reviewer_id": reviewer.pk, "lead_id": lead.pk}
    assert settling.admit(**given) == settling.admit(**given) == Admission.objects.get()
    entry = AuditEntry.objects.get(action="campaign.reviewer_admitted")
    assert (entry.subject, entry.actor_id) == (f"campaign {campaign.pk}", lead.pk)
    assert entry.detail == {"reviewer": reviewer.pk}
