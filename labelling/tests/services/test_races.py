"""Reviewers and leads at the same time, on real connections."""

from __future__ import annotations

import itertools
import threading
from contextlib import suppress
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from accounts.tests.races import at_once
from accounts.tests.role_holders import make_person
from labelling.models import Answer, Grade, LostLease, Pair, PairState, Reviewer, Skip, Slot
from labelling.selectors.qualification import standings
from labelling.services import campaigns, queue, settling
from labelling.services.errors import (
    AnsweredAlreadyError,
    AnswerIdTakenError,
    AssignmentExpiredError,
    CampaignClosedError,
    CannotUndoError,
)
from labelling.services.locks import lock_reviewer
from labelling.tests.answering import claim, expire, grade, lease_on, skip, states, undo
from labelling.tests.factories import (
    make_campaign,
    make_gold_pairs,
    make_pairs,
    make_reviewer,
    make_scene,
)
from retrieval.models import Scene

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def campaign():
    return make_campaign()


@pytest.fixture
def reviewers():
    return [make_reviewer() for _ in range(8)]


def check_rules():
    """Check what must hold after any acts."""
    for slot in Slot.objects.select_related("pair"):
        if slot.state == Slot.State.DONE:
            assert slot.pair.grades.filter(reviewer=slot.reviewer).count() == 1
        assert not (slot.state == Slot.State.FREE and slot.pair.state != PairState.OPEN)
    done = Slot.objects.filter(state=Slot.State.DONE).count()
    assert Grade.objects.count() == done
    held = Slot.objects.exclude(reviewer=None).values_list("pair", "reviewer")
    assert len(held) == len(set(held))


def test_eight_reviewers_claim_and_no_slot_is_given_twice(campaign, reviewers):
    make_pairs(campaign, 30, slots=2)
    given: list[tuple[int, UUID, int, int]] = []

    def work(reviewer):
        for wanted in range(1, 6):
            slots = claim(reviewer, campaign, wanted)
            assert len(slots) == wanted
        given.extend((slot.pk, slot.token, slot.pair_id, reviewer.pk) for slot in slots)

    assert at_once(*(lambda r=r: work(r) for r in reviewers)) == [None] * 8
    assert len(given) == Slot.objects.filter(state=Slot.State.LEASED).count() == 40
    assert len({slot for slot, *_ in given}) == len({token for _, token, *_ in given}) == 40
    assert len({(pair, reviewer) for *_, pair, reviewer in given}) == 40


def test_eight_reviewers_grade_everything_and_nothing_twice(campaign, reviewers):
    make_pairs(campaign, 12, slots=2)
    kinds = itertools.cycle(["good", "decent", "good", "bad"])

    def work(reviewer):
        while slots := claim(reviewer, campaign, 2):
            for slot in slots:
                grade(slot, next(kinds))

    assert at_once(*(lambda r=r: work(r) for r in reviewers)) == [None] * 8
    check_rules()
    # With eight reviewers somebody is always left for a third grade.
    assert not Slot.objects.exclude(state=Slot.State.DONE).exists()
    assert set(campaign.pairs.values_list("state", flat=True)) <= {"settled", "disputed"}


def test_two_tabs_of_a_reviewer_get_the_same_lease(campaign):
    make_pairs(campaign, 5)
    reviewer = make_reviewer()
    given = []
    tabs = [lambda: given.extend(claim(reviewer, campaign, 1)) for _ in range(4)]
    assert at_once(*tabs) == [None] * 4
    assert len({slot.token for slot in given}) == 1
    assert Slot.objects.filter(state=Slot.State.LEASED).count() == 1


def test_an_account_becomes_one_reviewer():
    user = make_person("anna")
    assert at_once(*[lambda: queue.reviewer_of(user_id=user.pk)] * 4) == [None] * 4
    assert Reviewer.objects.filter(user=user).count() == 1


def test_the_same_answer_from_two_threads_is_stored_once(campaign):
    make_pairs(campaign, 2)
    graded, skipped = claim(make_reviewer(), campaign, 2)
    ids = [uuid4(), uuid4()]
    answers = []
    calls = [lambda: answers.append(grade(graded, answer_id=ids[0]))] * 4
    calls += [lambda: answers.append(skip(skipped, answer_id=ids[1]))] * 4
    assert at_once(*calls) == [None] * 8
    assert sorted(answer.pk for answer in answers) == sorted(ids * 4)
    assert (Grade.objects.count(), Skip.objects.count()) == (1, 1)


def test_a_double_press_with_two_ids_grades_once(campaign):
    make_pairs(campaign, 1)
    [slot] = claim(make_reviewer(), campaign)
    errors = at_once(lambda: grade(slot), lambda: grade(slot, "bad"))
    assert sorted(errors, key=str) == [AnsweredAlreadyError, None]
    assert Grade.objects.count() == Answer.objects.count() == 1


def test_an_id_that_two_reviewers_send_is_one_answer(campaign):
    make_pairs(campaign, 1)
    slots = [claim(make_reviewer(), campaign)[0] for _ in range(2)]
    sent = uuid4()
    errors = at_once(*(lambda slot=slot: grade(slot, answer_id=sent) for slot in slots))
    assert sorted(errors, key=str) == [AnswerIdTakenError, None]
    check_rules()


def test_an_answer_is_undone_once(campaign):
    make_pairs(campaign, 1)
    answer = grade(claim(make_reviewer(), campaign)[0])
    errors = at_once(*[lambda: undo(answer)] * 3)
    assert sorted(errors, key=str) == [CannotUndoError, CannotUndoError, None]
    check_rules()


def test_an_expired_lease_is_either_graded_or_taken(campaign):
    make_pairs(campaign, 4, slots=1)
    one, other = make_reviewer(), make_reviewer()
    slots = claim(one, campaign, 4)
    expire(*slots)
    taken = []
    calls = [lambda slot=slot: grade(slot) for slot in slots]
    errors = at_once(*calls, lambda: taken.extend(claim(other, campaign, 4)))
    assert set(errors) <= {None, AssignmentExpiredError}
    graded = {slot.pk for slot, error in zip(slots, errors, strict=False) if error is None}
    assert graded | {slot.pk for slot in taken} == {slot.pk for slot in slots}
    assert len(graded) + len(taken) == 4
    check_rules()


def test_the_last_two_grades_settle_a_pair_together(campaign):
    for _ in range(5):
        [pair] = make_pairs(campaign, 1, slots=2)
        slots = [lease_on(pair, make_reviewer()) for _ in range(2)]
        one, other = slots
        errors = at_once(lambda one=one: grade(one), lambda other=other: grade(other, "bad"))
        assert errors == [None, None]
        assert states(pair) == ["done", "done", "free"]


def test_three_skips_at_once_leave_the_pair_to_a_lead(campaign):
    [pair] = make_pairs(campaign, 1, slots=4)
    slots = [lease_on(pair, make_reviewer()) for _ in range(3)]
    assert at_once(*(lambda slot=slot: skip(slot) for slot in slots)) == [None] * 3
    pair.refresh_from_db()
    assert (pair.state, states(pair)) == (PairState.SKIPPED, ["closed"] * 4)


def test_the_queue_waits_for_the_last_slot_rather_than_seem_empty(campaign):
    """Another transaction looks at the only slot, needs the reviewer, and leaves the slot."""
    [pair] = make_pairs(campaign, 1, slots=1)
    reviewer = make_reviewer()
    locked, asked = threading.Event(), threading.Event()
    given = []

    def look_and_leave():
        with transaction.atomic():
            list(pair.slots.select_for_update())
            locked.set()
            while not (asked.is_set() or somebody_waits()):
                pass
            lock_reviewer(reviewer_id=reviewer.pk)  # whoever waits must have locked nothing

    def ask():
        locked.wait(10)
        given.extend(claim(reviewer, campaign))
        asked.set()

    assert at_once(look_and_leave, ask) == [None, None]
    assert len(given) == 1


def test_whoever_waited_for_a_pair_sees_the_slots_that_were_added(campaign):
    """Two reviewers disagree while a lead raises the overlap: the third slot is not added twice."""
    [pair] = make_pairs(campaign, 1, slots=2)
    lead = make_person("lead")
    one, other = (lease_on(pair, make_reviewer()) for _ in range(2))
    grade(one)
    locked, asked = threading.Event(), threading.Event()

    def disagree():
        with transaction.atomic():
            grade(other, "bad")
            locked.set()
            while not (asked.is_set() or somebody_waits()):
                pass

    def raise_overlap():
        locked.wait(10)
        settling.raise_overlap(
            campaign_id=campaign.pk, graders_per_pair=Decimal(4), lead_id=lead.pk
        )
        asked.set()

    assert at_once(disagree, raise_overlap) == [None, None]
    assert states(pair) == ["done", "done", "free", "free"]
    assert not pair.slots.filter(extra=True).exists()


@pytest.mark.parametrize("is_gold", [False, True])
def test_a_claim_that_overlaps_the_closing_leaves_no_lease(campaign, is_gold, monkeypatch):
    type(campaign).objects.update(qualification_pairs=int(is_gold))
    make_pairs(campaign, 2)
    make_gold_pairs(campaign, 1)
    reviewer, lead = make_reviewer(), make_person("lead")
    claiming, closed = threading.Event(), threading.Event()

    def standings_once_the_closing_has_begun(*arguments):
        claiming.set()
        while not (closed.is_set() or somebody_waits()):
            pass
        return standings(*arguments)

    monkeypatch.setattr(queue, "standings", standings_once_the_closing_has_begun)

    def close():
        claiming.wait(10)
        campaigns.close(campaign_id=campaign.pk, lead_id=lead.pk)
        closed.set()

    assert at_once(lambda: claim(reviewer, campaign), close) == [None, None]
    assert set(Slot.objects.values_list("state", flat=True)) == {Slot.State.CLOSED}
    assert LostLease.objects.get().reviewer == reviewer


@pytest.mark.parametrize("step", [campaigns.pause, campaigns.close])
def test_a_campaign_is_paused_or_closed_while_everybody_claims(campaign, reviewers, step):
    """Those who claim share the campaign one after the other; the lead still gets it."""
    make_pairs(campaign, 100)
    lead = make_person("lead")
    everybody_claims = threading.Barrier(5)

    def claim_until_it_ends(reviewer):
        everybody_claims.wait(10)
        with suppress(CampaignClosedError):
            while True:
                claim(reviewer, campaign, 2)

    def end():
        everybody_claims.wait(10)
        step(campaign_id=campaign.pk, lead_id=lead.pk)

    calls = [lambda r=r: claim_until_it_ends(r) for r in reviewers[:4]]
    assert at_once(*calls, end) == [None] * 5


@pytest.mark.parametrize("act", ["raise", "release", "close", "claim"])
def test_a_photo_is_deleted_while_somebody_changes_its_pairs(campaign, act):
    """The deletion locks the later pair first."""
    scene, lead, reviewer = make_scene(), make_person("lead"), make_reviewer()
    one, other = (make_pairs(campaign, 1, scene=scene, slots=1)[0] for _ in range(2))
    expire(*(lease_on(pair, make_reviewer()) for pair in (one, other)))
    deleting, done = threading.Event(), threading.Event()

    def delete():
        with transaction.atomic():
            Scene.objects.select_for_update().get(pk=scene.pk)
            Pair.objects.filter(pk=other.pk).update(scene=None)
            deleting.set()
            while not (done.is_set() or somebody_waits()):
                pass
            scene.delete()

    def change():
        deleting.wait(10)
        key = {"campaign_id": campaign.pk}
        if act == "raise":
            settling.raise_overlap(**key, graders_per_pair=Decimal(3), lead_id=lead.pk)
        elif act == "release":
            queue.release_leases(**key, reviewer_ids=None, actor_id=lead.pk)
        elif act == "claim":
            assert claim(reviewer, campaign, 2) == []  # the photo was deleted meanwhile
        else:
            campaigns.close(**key, lead_id=lead.pk)
        done.set()

    assert at_once(delete, change) == [None, None]
    assert not Pair.objects.exclude(scene=None).exists()


def somebody_waits():
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return cursor.fetchone()[0]


def test_reviewers_get_different_slots_of_the_same_gold_pair(reviewers):
    campaign = make_campaign(qualification_pairs=3)
    make_gold_pairs(campaign, 3)
    given = []
    work = [lambda r=r: given.extend(claim(r, campaign, 3)) for r in reviewers]
    assert at_once(*work) == [None] * 8
    assert len(given) == 24 or all(len(claim(r, campaign, 3)) == 3 for r in reviewers)
    slots = Slot.objects.values_list("pair", "number")
    assert len(slots) == len(set(slots)) == 24


def test_a_lead_and_reviewers_at_once(campaign, reviewers):
    """Whatever comes first, nothing fails and the rules hold."""
    lead = make_person("lead")
    make_pairs(campaign, 6, slots=2)
    kinds = itertools.cycle(["good", "bad", "decent"])

    def review(reviewer):
        for _ in range(6):
            for slot in claim(reviewer, campaign, 2):
                with suppress(AssignmentExpiredError, CannotUndoError):
                    answer = grade(slot, next(kinds))
                    undo(answer)
                    grade(slot, next(kinds))

    def release():
        for _ in range(6):
            queue.release_leases(campaign_id=campaign.pk, reviewer_ids=None, actor_id=lead.pk)

    def more():
        for graders in ("2.5", "3", "3.5"):
            settling.raise_overlap(
                campaign_id=campaign.pk, graders_per_pair=Decimal(graders), lead_id=lead.pk
            )

    calls = [lambda r=r: review(r) for r in reviewers[:4]]
    assert at_once(*calls, release, more) == [None] * 6
    check_rules()
    campaign.refresh_from_db()
    assert campaign.graders_per_pair == Decimal("3.5")
    assert Slot.objects.filter(extra=False).count() == 6 * 3 + 3
