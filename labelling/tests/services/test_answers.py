"""Grades and skips: what is stored, what is refused, and what is sent twice."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from accounts.selectors.personal_data import audit_data
from accounts.tests.role_holders import make_person
from labelling.models import Answer, Campaign, CampaignState, Grade, Pair, PairState, Skip, Slot
from labelling.services import campaigns, errors, queue
from labelling.tests.answering import claim, expire, grade, grade_all, lease_on, skip, states, undo
from labelling.tests.factories import make_campaign, make_clip, make_pairs, make_reviewer
from retrieval.models import Clip, Scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign():
    return make_campaign()


@pytest.fixture
def one():
    return make_reviewer(make_person("one"))


@pytest.fixture
def other():
    return make_reviewer()


@pytest.fixture
def pair(campaign):
    return make_pairs(campaign, 1, slots=2)[0]


@pytest.fixture
def slot(pair, one):
    return lease_on(pair, one)


def everything():
    """Return what an answer may change."""
    tables = (Answer, Grade, Skip, Slot, Pair, AuditEntry)
    return [list(table.objects.order_by("pk").values()) for table in tables]


# --- grades ----------------------------------------------------------------------------------


def test_a_grade_is_stored_with_its_answer(campaign, pair, slot, one):
    answer = grade(slot, "bad", faults=["weather", "music", "weather"], listened_s=4.5, took_s=7.25)
    stored = Grade.objects.get()
    assert (stored.pair, stored.reviewer, stored.answer) == (pair, one, answer)
    assert (stored.grade, stored.faults) == ("bad", ["music", "weather"])
    assert (stored.listened_s, stored.took_s) == (4.5, 7.25)
    assert stored.guideline == campaign.guideline
    assert answer.detail == {
        "token": str(slot.token), "grade": "bad", "faults": ["music", "weather"],
        "listened_s": 4.5, "heard_to_end": False, "took_s": 7.25,
    }  # fmt: skip
    slot.refresh_from_db()
    assert (slot.state, slot.reviewer, slot.leased_until) == (Slot.State.DONE, one, None)


def test_the_audit_log_names_answer_grade_and_campaign_only(campaign, slot, one):
    """Not the pair: its key would tell whether it is gold, and reviewers can export their acts."""
    undo(grade(slot))
    skip(Slot.objects.get(pk=slot.pk))
    entries = {entry.action: entry for entry in AuditEntry.objects.filter(actor_id=one.user_id)}
    told = {entry["action"]: entry["subject"] for entry in audit_data(one.user_id)}
    kinds = {"pair.graded": "grade", "pair.undone": "undo", "pair.skipped": "skip"}
    for action, kind in kinds.items():
        answer = Answer.objects.get(kind=kind)
        assert told[action] == entries[action].subject == f"answer {answer.pk}"
    assert {action: entry.detail for action, entry in entries.items()} == {
        "pair.graded": {"campaign": campaign.pk, "grade": "good"},
        "pair.undone": {"campaign": campaign.pk},
        "pair.skipped": {"campaign": campaign.pk},
    }


def test_a_reviewer_without_an_account_can_be_stored(pair, other):
    grade(lease_on(pair, other))
    assert AuditEntry.objects.get(action="pair.graded").actor_id is None


def test_the_same_grade_again_is_stored_once(slot):
    answer = grade(slot, "bad", faults=["music", "place"])
    before = everything()
    again = grade(slot, "bad", faults=["place", "music"], answer_id=answer.pk, took_s=99.0)
    assert again == answer
    assert everything() == before


def test_a_grade_that_was_undone_is_not_stored_again(slot):
    answer = grade(slot)
    undo(answer)
    before = everything()
    assert grade(slot, answer_id=answer.pk) == answer
    assert everything() == before


def test_an_id_belongs_to_one_answer(campaign, pair, slot, other):
    answer = grade(slot, "decent", faults=["place"])
    theirs = lease_on(pair, other)
    before = everything()
    for refused in (
        lambda: grade(slot, "bad", faults=["place"], answer_id=answer.pk),
        lambda: grade(slot, "decent", answer_id=answer.pk),
        lambda: grade(theirs, "decent", faults=["place"], answer_id=answer.pk),
        lambda: skip(slot, answer_id=answer.pk),
        lambda: undo(answer, answer_id=answer.pk),
    ):
        with pytest.raises(errors.AnswerInvalidError):
            refused()
    assert everything() == before


def test_a_lease_is_answered_once(slot):
    """A second key press makes an id of its own."""
    grade(slot)
    before = everything()
    for refused in (grade, skip):
        with pytest.raises(errors.AssignmentExpiredError):
            refused(slot)
    assert everything() == before


def test_nobody_answers_by_the_lease_of_another(slot, other):
    with pytest.raises(errors.AssignmentExpiredError):
        grade(slot, reviewer_id=other.pk)
    assert not Answer.objects.exists()


def test_an_unknown_lease_is_refused(slot):
    with pytest.raises(errors.AssignmentExpiredError):
        grade(slot, token=uuid4())


@pytest.mark.parametrize(
    "changed",
    [
        {"grade": "great"},
        {"grade": "good", "faults": ["music"]},
        {"grade": "bad", "faults": ["boring"]},
        {"listened_s": float("nan"), "heard_to_end": True},
        {"listened_s": -1.0, "heard_to_end": True},
        {"took_s": float("inf")},
        {"took_s": 86_401.0},
    ],
    ids=str,
)
def test_an_impossible_grade_is_refused(slot, changed):
    before = everything()
    with pytest.raises(errors.AnswerInvalidError):
        grade(slot, **{"grading": changed.pop("grade", "bad")} | changed)
    assert everything() == before


@pytest.mark.parametrize(
    ("minimum_s", "duration_s", "listened_s", "heard_to_end", "accepted"),
    [
        (3, 30.0, 2.9, False, False),
        (3, 30.0, 3.0, False, True),
        (3, 30.0, 0.0, True, False),
        (3, 2.0, 1.4, True, False),
        (3, 2.0, 1.5, True, True),
        (3, 2.0, 1.7, False, False),
        (3, 2.0, 1.8, False, True),
        (0, 30.0, 0.0, False, True),
        (8, 30.0, 7.5, False, False),
    ],
)  # fmt: skip
def test_enough_is_heard_before_a_grade(
    settings, campaign, one, minimum_s, duration_s, listened_s, heard_to_end, accepted
):
    settings.SOUNDSCAPE_MINIMUM_LISTEN_S = minimum_s
    make_pairs(campaign, 1, clip=make_clip(duration_s=duration_s))
    [slot] = claim(one, campaign)
    if accepted:
        grade(slot, listened_s=listened_s, heard_to_end=heard_to_end)
    else:
        with pytest.raises(errors.ListenMoreError):
            grade(slot, listened_s=listened_s, heard_to_end=heard_to_end)
    assert Grade.objects.count() == accepted


def test_a_paused_campaign_takes_answers_and_a_closed_one_does_not(campaign, pair, slot, other):
    Campaign.objects.update(state=CampaignState.PAUSED)
    answer = grade(slot)
    late = lease_on(pair, other)
    campaigns.close(campaign_id=campaign.pk, lead_id=make_person("lead").pk)
    before = everything()
    for refused in (lambda: grade(late), lambda: skip(late)):
        with pytest.raises(errors.CampaignClosedError):
            refused()
    assert grade(slot, answer_id=answer.pk) == answer
    assert everything() == before


@pytest.mark.parametrize(
    "withdraw",
    [
        lambda: Scene.objects.all().delete(),
        lambda: Scene.objects.update(hidden_at=timezone.now(), hidden_reason="No."),
        lambda: Clip.objects.update(removed_in=9),
    ],
    ids=["deleted", "hidden", "recording withdrawn"],
)
def test_a_pair_that_may_not_be_shown_takes_no_answers(pair, slot, other, withdraw):
    answer = grade(slot)
    late = lease_on(pair, other)
    withdraw()
    for refused in (lambda: grade(late), lambda: skip(late), lambda: undo(answer)):
        with pytest.raises(errors.PairWithdrawnError):
            refused()
    assert Grade.objects.count() == 1


# --- late answers ----------------------------------------------------------------------------


def test_a_late_grade_is_kept_while_nobody_took_the_slot(slot):
    expire(slot)
    grade(slot)
    assert Grade.objects.count() == 1


def test_a_late_grade_takes_another_free_slot_of_the_pair(pair, slot, other):
    expire(slot)
    queue.lease(slots=[slot], reviewer_id=other.pk)
    grade(slot)
    assert states(pair) == ["leased", "done"]
    assert set(pair.slots.values_list("reviewer", flat=True)) == {other.pk, slot.reviewer_id}


def test_a_late_grade_takes_a_slot_whose_lease_expired_too(campaign, one, other):
    make_pairs(campaign, 1, slots=1)
    [slot] = claim(one, campaign)
    expire(slot)
    [theirs] = claim(other, campaign)
    expire(theirs)
    grade(slot)
    with pytest.raises(errors.AssignmentExpiredError):
        grade(theirs)
    assert Grade.objects.get().reviewer == one


def test_a_late_grade_is_refused_when_others_hold_all_slots(campaign, one, other):
    [pair] = make_pairs(campaign, 1, slots=1)
    [slot] = claim(one, campaign)
    expire(slot)
    claim(other, campaign)
    before = everything()
    for refused in (grade, skip):
        with pytest.raises(errors.AssignmentExpiredError):
            refused(slot)
    assert everything() == before
    assert claim(one, campaign) == []  # it is offered again once the slot is free
    expire(Slot.objects.get())
    assert [one_slot.pair for one_slot in claim(one, campaign)] == [pair]


def test_a_late_grade_counts_for_the_pair_that_was_leased_again(campaign, pair, slot, one, other):
    """It went to another reviewer, and came back by the second slot."""
    expire(slot)
    queue.lease(slots=[slot], reviewer_id=other.pk)
    [again] = claim(one, campaign)
    assert again.pair == pair
    grade(slot)
    with pytest.raises(errors.AssignmentExpiredError):
        grade(again)
    assert Grade.objects.count() == 1


def test_a_late_answer_after_a_lead_released_the_lease_is_kept(campaign, pair, slot):
    queue.release_leases(
        campaign_id=campaign.pk, reviewer_ids=None, actor_id=make_person("lead").pk
    )
    skip(slot)
    with pytest.raises(errors.AssignmentExpiredError):  # a reviewer skips or grades, not both
        grade(slot)
    assert states(pair) == ["free", "free"]


def test_a_lease_can_be_lost_again_after_a_late_answer_was_undone(campaign, pair, slot, other):
    expire(slot)
    queue.lease(slots=[slot], reviewer_id=other.pk)
    again = undo(grade(slot))
    assert again.token == slot.token
    expire(again)
    [taken] = claim(make_reviewer(), campaign)
    assert taken.pk == again.pk
    with pytest.raises(errors.AssignmentExpiredError):
        grade(slot)


# --- skips -----------------------------------------------------------------------------------


def test_a_skip_is_stored_and_frees_the_slot(pair, slot, one):
    answer = skip(slot, "offensive")
    stored = Skip.objects.get()
    assert (stored.pair, stored.reviewer, stored.answer) == (pair, one, answer)
    assert stored.reason == "offensive"
    assert states(pair) == ["free", "free"]
    assert not pair.slots.exclude(reviewer=None, token=None, leased_until=None).exists()


def test_a_lease_that_was_skipped_is_answered_already(pair, slot, other):
    """Two tabs hold the same lease: one skips, the other grades."""
    answer = skip(slot)
    before = everything()
    for refused in (grade, skip):
        with pytest.raises(errors.AnsweredAlreadyError):
            refused(slot)
    with pytest.raises(errors.LeaseUnknownError):
        grade(slot, reviewer_id=other.pk)
    assert everything() == before
    undo(answer)
    grade(slot)
    assert Grade.objects.count() == 1


def test_the_same_skip_again_is_stored_once(pair, slot, other):
    answer = skip(slot)
    lease_on(pair, other)
    before = everything()
    assert skip(slot, answer_id=answer.pk) == answer
    assert everything() == before
    with pytest.raises(errors.AnswerInvalidError):
        skip(slot, "offensive", answer_id=answer.pk)


def test_an_unknown_reason_is_refused(slot):
    with pytest.raises(errors.AnswerInvalidError):
        skip(slot, "boring")
    assert not Answer.objects.exists()


def test_a_pair_that_three_skipped_waits_for_a_lead(campaign, pair, one):
    for reviewer in (one, make_reviewer()):
        skip(lease_on(pair, reviewer))
    pair.refresh_from_db()
    assert (pair.state, states(pair)) == (PairState.OPEN, ["free", "free"])
    skip(lease_on(pair, make_reviewer()))
    pair.refresh_from_db()
    assert (pair.state, states(pair)) == (PairState.SKIPPED, ["closed", "closed"])
    assert claim(make_reviewer(), campaign) == []


def test_who_held_a_slot_when_three_skipped_may_still_grade(campaign, one):
    [pair] = make_pairs(campaign, 1, slots=3)
    held = lease_on(pair, one)
    for _ in range(3):
        skip(lease_on(pair, make_reviewer()))
    assert states(pair) == ["leased", "closed", "closed"]
    answer = grade(held)
    pair.refresh_from_db()
    assert (pair.state, states(pair)) == (PairState.SKIPPED, ["done", "closed", "closed"])
    undo(answer)
    pair.refresh_from_db()
    assert (pair.state, states(pair)) == (PairState.SKIPPED, ["leased", "closed", "closed"])


def test_who_held_a_slot_when_three_skipped_may_skip_too(campaign, one):
    [pair] = make_pairs(campaign, 1, slots=2)
    held = lease_on(pair, one)
    for _ in range(3):
        skip(lease_on(pair, make_reviewer()))
    answer = skip(held)
    assert states(pair) == ["closed", "closed"]
    undo(answer)  # three skips are left
    pair.refresh_from_db()
    assert (pair.state, states(pair)) == (PairState.SKIPPED, ["leased", "closed"])


def test_a_pair_with_a_grade_can_be_skipped_by_three(campaign, one):
    [pair] = make_pairs(campaign, 1, slots=2)
    grade_all(pair, "good")
    for _ in range(3):
        skip(lease_on(pair, make_reviewer()))
    pair.refresh_from_db()
    assert (pair.state, states(pair)) == (PairState.SKIPPED, ["done", "closed"])
