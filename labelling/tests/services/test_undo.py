"""Undoing grades and skips."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.tests.role_holders import make_person
from labelling.models import Answer, Campaign, CampaignState, Grade, PairState, Skip, Slot
from labelling.services import settling
from labelling.services.errors import AssignmentExpiredError, CannotUndoError
from labelling.tests.answering import claim, grade, grade_all, lease_on, skip, states, undo
from labelling.tests.factories import make_campaign, make_pairs, make_reviewer

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


@pytest.fixture
def lead():
    return make_person("lead")


def state_of(pair):
    pair.refresh_from_db()
    return pair.state


def test_an_undone_grade_is_gone_and_its_slot_leased_under_the_same_token(campaign, one):
    [pair] = make_pairs(campaign, 1, slots=1)
    [slot] = claim(one, campaign)
    answer = grade(slot)
    assert state_of(pair) == PairState.SETTLED
    again = undo(answer)
    assert (again.pk, again.state, again.token) == (slot.pk, Slot.State.LEASED, slot.token)
    assert again.leased_until > timezone.now()
    assert state_of(pair) == PairState.OPEN
    assert not Grade.objects.exists()
    assert [row.kind for row in Answer.objects.order_by("at")] == ["grade", "undo"]
    grade(again, "bad")
    assert Grade.objects.get().grade == "bad"
    assert state_of(pair) == PairState.SETTLED


def test_an_undone_skip_is_gone_and_a_slot_leased_under_the_same_token(campaign, one):
    make_pairs(campaign, 1, slots=1)
    [slot] = claim(one, campaign)
    again = undo(skip(slot))
    assert (again, again.token, again.reviewer) == (slot, slot.token, one)
    assert not Skip.objects.exists()
    grade(again)


def test_answers_are_undone_in_any_order_and_number(campaign, one):
    make_pairs(campaign, 4, slots=1)
    first, second, third, fourth = claim(one, campaign, 4)
    answers = [grade(first), skip(second), grade(third), skip(fourth)]
    for index in (2, 1, 3, 0):
        undo(answers[index])
    assert [slot.pk for slot in claim(one, campaign, 4)] == [
        slot.pk for slot in (third, second, fourth, first)
    ]
    assert not Grade.objects.exists()
    assert not Skip.objects.exists()


def test_an_answer_is_undone_once(campaign, one):
    make_pairs(campaign, 1)
    answer = grade(claim(one, campaign)[0])
    slot = undo(answer)
    with pytest.raises(CannotUndoError):
        undo(answer)
    grade(slot)
    with pytest.raises(CannotUndoError):
        undo(answer)
    assert Grade.objects.count() == 1


def test_the_same_undoing_again_changes_nothing(campaign, one):
    make_pairs(campaign, 1)
    answer, sent = grade(claim(one, campaign)[0]), uuid4()
    first = undo(answer, answer_id=sent)
    assert undo(answer, answer_id=sent) == first
    after = grade(first, "decent")
    assert undo(answer, answer_id=sent).state == Slot.State.DONE
    assert Grade.objects.get().answer == after
    undo(after)
    skip(first)
    with pytest.raises(AssignmentExpiredError):
        undo(answer, answer_id=sent)


def test_nobody_undoes_the_answer_of_another_nor_an_undoing(campaign, one, other):
    make_pairs(campaign, 1)
    answer = grade(claim(one, campaign)[0])
    with pytest.raises(CannotUndoError):
        undo(Answer(pk=answer.pk, reviewer=other))
    with pytest.raises(CannotUndoError):
        undo(Answer(pk=uuid4(), reviewer=one))
    undo(answer)
    with pytest.raises(CannotUndoError):
        undo(Answer.objects.get(kind="undo"))


def test_a_third_reviewer_who_is_not_needed_any_more_is_not_asked(campaign):
    [pair] = make_pairs(campaign, 1, slots=2)
    first, _ = grade_all(pair, "good", "bad")
    assert states(pair) == ["done", "done", "free"]
    again = undo(first)
    assert states(pair) == ["leased", "done"]
    grade(again, "bad")
    assert state_of(pair) == PairState.SETTLED
    assert states(pair) == ["done", "done"]


def test_a_third_reviewer_who_began_goes_on(campaign, other):
    [pair] = make_pairs(campaign, 1, slots=2)
    first, _ = grade_all(pair, "good", "bad")
    third = lease_on(pair, other)
    again = undo(first)
    assert states(pair) == ["leased", "done", "leased"]
    grade(third, "bad")
    assert state_of(pair) == PairState.OPEN
    grade(again, "bad")
    assert state_of(pair) == PairState.SETTLED


def test_a_disputed_pair_is_open_again(campaign):
    [pair] = make_pairs(campaign, 1, slots=2)
    *_, third = grade_all(pair, "good", "bad") + grade_all(pair, "decent")
    assert state_of(pair) == PairState.DISPUTED
    undo(third)
    assert state_of(pair) == PairState.OPEN
    assert states(pair) == ["done", "done", "leased"]


def test_undoing_the_third_skip_gives_the_pair_back_to_the_queue(campaign, one, other):
    [pair] = make_pairs(campaign, 1, slots=2)
    answers = [skip(lease_on(pair, make_reviewer())) for _ in range(2)]
    answers.append(skip(lease_on(pair, one)))
    assert state_of(pair) == PairState.SKIPPED
    assert undo(answers[0]).reviewer_id == answers[0].reviewer_id
    assert state_of(pair) == PairState.OPEN
    assert states(pair) == ["leased", "free"]
    assert [slot.pair for slot in claim(other, campaign)] == [pair]
    with pytest.raises(CannotUndoError):
        undo(answers[2])


def test_a_skip_stays_when_others_have_all_slots(campaign, one):
    [pair] = make_pairs(campaign, 1, slots=1)
    answer = skip(claim(one, campaign)[0])
    lease_on(pair, make_reviewer())
    with pytest.raises(CannotUndoError):
        undo(answer)
    assert Skip.objects.count() == 1
    assert not Answer.objects.filter(kind="undo").exists()


def test_what_a_lead_decided_is_not_undone(campaign, lead):
    [pair] = make_pairs(campaign, 1, slots=2)
    answers = grade_all(pair, "good", "bad") + grade_all(pair, "bad")
    settling.adjudicate(pair_id=pair.pk, grade="bad", reason="Wind.", lead_id=lead.pk)
    with pytest.raises(CannotUndoError):
        undo(answers[0])
    settling.reopen(pair_id=pair.pk, reason="Wrong photo.", lead_id=lead.pk)
    with pytest.raises(CannotUndoError):
        undo(answers[0])
    assert states(pair) == ["free", "free"]


def test_skips_that_were_set_aside_are_not_undone(campaign, one, lead):
    [pair] = make_pairs(campaign, 1, slots=1)
    answer = skip(claim(one, campaign)[0])
    grade_all(pair, "good")
    settling.reopen(pair_id=pair.pk, reason="Wrong photo.", lead_id=lead.pk)
    with pytest.raises(CannotUndoError):
        undo(answer)


def test_nothing_is_undone_in_a_closed_campaign(campaign, one):
    make_pairs(campaign, 2)
    first, second = claim(one, campaign, 2)
    answers = [grade(first), skip(second)]
    Campaign.objects.update(state=CampaignState.CLOSED, closed_at=timezone.now())
    for answer in answers:
        with pytest.raises(CannotUndoError):
            undo(answer)
    assert (Grade.objects.count(), Skip.objects.count()) == (1, 1)
