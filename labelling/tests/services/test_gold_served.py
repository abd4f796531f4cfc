"""Gold pairs among the others, and the qualification by them."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from accounts.tests.role_holders import make_person
from labelling.models import Campaign, Grade, Pair, Slot
from labelling.selectors.progress import reviewer_rows
from labelling.selectors.qualification import Standing
from labelling.services import queue, settling
from labelling.services.errors import (
    AssignmentExpiredError,
    NotQualifiedError,
    QualificationDoneError,
    TooManySkippedError,
)
from labelling.services.gold_turns import is_gold_turn
from labelling.tests.answering import claim, expire, grade, skip, undo
from labelling.tests.factories import make_campaign, make_gold_pairs, make_pairs, make_reviewer
from retrieval.models import Scene


def turns(share, reviewer_id=1, seed=7, n=1000):
    return [
        turn
        for turn in range(n)
        if is_gold_turn(seed=seed, reviewer_id=reviewer_id, turn=turn, share=Decimal(share))
    ]


@pytest.mark.parametrize("share", ["0.01", "0.1", "0.15", "0.3", "0.5"])
def test_the_share_of_gold_is_exact_in_the_long_run(share):
    for reviewer_id in range(5):
        assert len(turns(share, reviewer_id)) == pytest.approx(1000 * float(share), abs=1)


def test_there_is_no_gold_without_a_share():
    assert turns("0") == []


def test_gold_turns_have_no_rhythm_and_differ_between_reviewers_and_campaigns():
    one = turns("0.1")
    gaps = {after - before for before, after in pairwise(one)}
    assert len(gaps) > 10
    assert one != turns("0.1", reviewer_id=2)
    assert one != turns("0.1", seed=8)


@pytest.fixture
def one(db):
    return make_reviewer()


def is_gold(slot):
    return slot.pair.purpose == Pair.Purpose.GOLD


def serve(reviewer, campaign, n, grading="good"):
    """Claim and grade one pair after the other; return which of them were gold."""
    gold = []
    for _ in range(n):
        [slot] = claim(reviewer, campaign)
        gold.append(is_gold(slot))
        grade(slot, grading)
    return gold


def test_gold_is_served_at_its_turns(one):
    campaign = make_campaign(gold_share=Decimal("0.3"))
    make_pairs(campaign, 20, slots=1)
    make_gold_pairs(campaign, 10)
    expected = turns("0.3", one.pk, campaign.seed, 20)
    gold = serve(one, campaign, 20)
    assert [turn for turn, is_one in enumerate(gold) if is_one] == expected
    assert len(expected) >= 5


def test_no_gold_is_served_when_no_real_pair_is_left(one):
    """It would be known to be gold."""
    campaign = make_campaign(gold_share=Decimal("0.5"))
    make_pairs(campaign, 3, slots=1)
    make_gold_pairs(campaign, 9)
    while Slot.objects.filter(state=Slot.State.FREE).exists():
        grade(claim(one, campaign)[0])
    assert claim(one, campaign, 9) == []


def test_a_skip_and_a_held_lease_count_as_turns(one):
    campaign = make_campaign(gold_share=Decimal("0.5"))
    make_pairs(campaign, 20, slots=1)
    make_gold_pairs(campaign, 20)
    gold = []
    for turn in range(10):
        slot = claim(one, campaign, turn + 1)[-1]
        gold.append(is_gold(slot))
    [first, *_] = claim(one, campaign, 1)
    skip(first)
    gold.append(is_gold(claim(one, campaign, 10)[-1]))
    assert [turn for turn, is_one in enumerate(gold) if is_one] == turns(
        "0.5", one.pk, campaign.seed, 11
    )


def test_every_reviewer_gets_a_gold_pair_once_and_then_real_ones(one):
    campaign = make_campaign(gold_share=Decimal("0.5"))
    make_pairs(campaign, 20, slots=2)
    [gold] = make_gold_pairs(campaign, 1)
    for number, reviewer in enumerate((one, make_reviewer()), 1):
        assert sum(serve(reviewer, campaign, 10)) == 1
        slot = gold.slots.get(reviewer=reviewer)
        assert (slot.number, slot.state) == (number, Slot.State.DONE)


def test_a_skipped_gold_pair_does_not_return_and_its_slot_goes(one):
    campaign = make_campaign(qualification_pairs=1)
    [pair, _] = make_gold_pairs(campaign, 2)
    [slot] = claim(one, campaign)
    answer = skip(slot)
    assert not Slot.objects.exists()
    pair.refresh_from_db()
    assert pair.state == "open"
    assert [other.pair_id for other in claim(one, campaign)] != [pair.pk]
    again = undo(answer)
    assert (again.pair, again.token, again.state) == (pair, slot.token, Slot.State.LEASED)
    grade(again)


def test_a_gold_pair_that_three_skipped_stays(one):
    campaign = make_campaign(qualification_pairs=1)
    [pair] = make_gold_pairs(campaign, 1)
    for _ in range(3):
        skip(claim(make_reviewer(), campaign)[0])
    assert [slot.pair for slot in claim(one, campaign)] == [pair]


def test_nobody_takes_the_gold_lease_of_another(one):
    campaign = make_campaign(gold_share=Decimal("0.5"), qualification_pairs=1)
    make_gold_pairs(campaign, 1)
    [slot] = claim(one, campaign)
    expire(slot)
    [theirs] = claim(make_reviewer(), campaign)
    assert theirs.pk != slot.pk
    assert claim(one, campaign) == [slot]


def test_a_late_grade_of_gold_is_kept_after_a_release(one):
    campaign = make_campaign(qualification_pairs=1)
    make_gold_pairs(campaign, 1)
    [slot] = claim(one, campaign)
    queue.release_leases(
        campaign_id=campaign.pk, reviewer_ids=None, actor_id=make_person("lead").pk
    )
    assert not Slot.objects.exists()
    grade(slot)
    assert Slot.objects.get().state == Slot.State.DONE
    with pytest.raises(AssignmentExpiredError):
        grade(slot)


# --- qualification ---------------------------------------------------------------------------


@pytest.fixture
def asking(db):
    """A campaign that asks for three of four gold pairs."""
    campaign = make_campaign(qualification_pairs=4, qualification_share=Decimal("0.75"))
    make_pairs(campaign, 5, slots=1)
    make_gold_pairs(campaign, 6, grade="bad")
    return campaign


def test_no_real_pair_is_served_before_the_qualification_is_graded(asking, one):
    slots = claim(one, asking, 10)
    assert [is_gold(slot) for slot in slots] == [True] * 4
    for slot in slots[:3]:
        grade(slot, "bad")
    assert claim(one, asking, 10) == slots[3:]
    grade(slots[3], "good")
    assert [is_gold(slot) for slot in claim(one, asking, 3)] == [False] * 3


def test_too_few_right_grades_end_it_unless_a_lead_admits(asking, one):
    for slot, grading in zip(claim(one, asking, 4), ["bad", "good", "bad", "good"], strict=True):
        grade(slot, grading)
    with pytest.raises(NotQualifiedError):
        claim(one, asking)
    lead = make_person("lead")
    settling.admit(campaign_id=asking.pk, reviewer_id=one.pk, lead_id=lead.pk)
    assert not is_gold(claim(one, asking)[0])


def test_whoever_is_admitted_first_needs_no_gold(asking, one):
    lead = make_person("lead")
    settling.admit(campaign_id=asking.pk, reviewer_id=one.pk, lead_id=lead.pk)
    assert not is_gold(claim(one, asking)[0])


def test_later_gold_does_not_change_the_qualification(asking, one):
    Campaign.objects.filter(pk=asking.pk).update(gold_share=Decimal("0.5"))
    asking.refresh_from_db()
    serve(one, asking, 4, "bad")
    later = serve(one, asking, 4, "good")
    assert any(later)
    claim(one, asking)


def test_skipped_gold_is_replaced_while_there_is_more(asking, one):
    for _ in range(2):
        skip(claim(one, asking)[0])
    slots = claim(one, asking, 10)
    assert [is_gold(slot) for slot in slots] == [True] * 4
    skip(slots[0])
    for slot in slots[1:]:
        grade(slot, "bad")
    assert not is_gold(claim(one, asking)[0])  # three are graded, and none is left


@pytest.mark.parametrize(("right", "is_passed"), [(3, True), (2, False)])
def test_skipped_gold_is_not_asked_for_if_there_is_no_more(one, right, is_passed):
    campaign = make_campaign(qualification_pairs=4, qualification_share=Decimal("0.75"))
    make_pairs(campaign, 1)
    make_gold_pairs(campaign, 4)
    first, *others = claim(one, campaign, 4)
    skip(first)
    for number, slot in enumerate(others):
        grade(slot, "good" if number < right else "bad")
    if is_passed:
        assert not is_gold(claim(one, campaign)[0])
    else:
        with pytest.raises(NotQualifiedError):
            claim(one, campaign)


def test_whoever_skips_more_than_half_is_for_a_lead(one):
    campaign = make_campaign(qualification_pairs=4)
    make_pairs(campaign, 1)
    make_gold_pairs(campaign, 4)
    slots = claim(one, campaign, 4)
    skipped = [skip(slot) for slot in slots[:3]]
    assert claim(one, campaign, 4) == slots[3:]
    grade(slots[3])
    with pytest.raises(TooManySkippedError):
        claim(one, campaign)
    [row] = reviewer_rows(campaign.pk)
    assert (row.standing, row.gold_of) == (Standing.SKIPPED, 1)
    grade(undo(skipped[0]))  # two of four: half
    assert not is_gold(claim(one, campaign)[0])


def test_nobody_chooses_the_easy_gold_pairs_by_skipping_the_others(one):
    campaign = make_campaign(qualification_pairs=2)
    make_pairs(campaign, 1)
    make_gold_pairs(campaign, 9)
    grade(claim(one, campaign)[0])
    skipped = [skip(claim(one, campaign)[0]) for _ in range(3)]
    with pytest.raises(TooManySkippedError):
        claim(one, campaign)
    grade(undo(skipped[0]))
    assert not is_gold(claim(one, campaign)[0])


def test_skips_of_later_gold_do_not_change_the_qualification(one):
    campaign = make_campaign(qualification_pairs=1, gold_share=Decimal("0.5"))
    make_pairs(campaign, 9, slots=1)
    make_gold_pairs(campaign, 9)
    grade(claim(one, campaign)[0])
    slots = claim(one, campaign, 8)
    for slot in slots:
        skip(slot)
    assert sum(is_gold(slot) for slot in slots) > 1
    claim(one, campaign)


def test_gold_that_is_withdrawn_while_it_is_held_is_not_waited_for(one):
    campaign = make_campaign(qualification_pairs=1)
    make_pairs(campaign, 1)
    make_gold_pairs(campaign, 2)
    [slot] = claim(one, campaign)
    slot.pair.scene.delete()
    [other] = claim(one, campaign)
    assert is_gold(other)
    grade(other)
    assert not is_gold(claim(one, campaign)[0])


def test_leads_and_the_queue_count_withdrawn_gold_alike(one):
    campaign = make_campaign(qualification_pairs=3, qualification_share=Decimal(1))
    make_pairs(campaign, 1)
    make_gold_pairs(campaign, 3)
    slots = claim(one, campaign, 3)
    grade(slots[0], "bad")
    slots[0].pair.scene.delete()
    grade(slots[1])
    assert reviewer_rows(campaign.pk)[0].standing is Standing.PENDING
    grade(slots[2])
    assert reviewer_rows(campaign.pk)[0].standing is Standing.FAILED
    with pytest.raises(NotQualifiedError):
        claim(one, campaign)


def test_gold_that_was_withdrawn_is_not_asked_for(one):
    campaign = make_campaign(qualification_pairs=3)
    make_pairs(campaign, 1)
    gold = make_gold_pairs(campaign, 3)
    for pair in gold[:2]:
        pair.scene.delete()
    assert serve(one, campaign, 2) == [True, False]


@pytest.mark.parametrize("grading", ["good", "bad"])
def test_a_complete_qualification_cannot_be_undone(one, grading):
    """Otherwise it could be tried until it is passed."""
    campaign = make_campaign(qualification_pairs=2, gold_share=Decimal("0.5"))
    make_pairs(campaign, 10, slots=1)
    make_gold_pairs(campaign, 8)
    first, second = claim(one, campaign, 2)
    grade(undo(grade(first)), grading)  # not complete yet
    answers = [Grade.objects.get().answer, grade(second, grading)]
    for answer in answers:
        with pytest.raises(QualificationDoneError):
            undo(answer)


def test_a_failed_qualification_is_not_prolonged_by_undoing_a_skip(one):
    """The grades could then be undone, too."""
    campaign = make_campaign(qualification_pairs=2, qualification_share=Decimal(1))
    make_pairs(campaign, 1)
    make_gold_pairs(campaign, 2)
    first, second = claim(one, campaign, 2)
    skipped = skip(first)
    grade(second, "bad")
    with pytest.raises(QualificationDoneError):
        undo(skipped)


def test_whoever_is_admitted_cannot_tell_gold_by_undoing(one):
    campaign = make_campaign(qualification_pairs=2, gold_share=Decimal("0.5"))
    make_pairs(campaign, 10, slots=1)
    make_gold_pairs(campaign, 5)
    settling.admit(campaign_id=campaign.pk, reviewer_id=one.pk, lead_id=make_person("lead").pk)
    assert any(serve(one, campaign, 8))
    for row in Grade.objects.all():
        undo(row.answer)


def judging(pairs, *, allowed):
    Scene.objects.filter(pairs__in=pairs).update(judging_allowed=allowed)


def test_passing_is_final_if_gold_is_shown_again(one):
    """The next pair would be known to be gold."""
    campaign = make_campaign(qualification_pairs=3)
    make_pairs(campaign, 5)
    hidden = make_gold_pairs(campaign, 3)[1:]
    judging(hidden, allowed=False)
    grade(claim(one, campaign)[0])
    [real] = claim(one, campaign)
    assert not is_gold(real)
    judging(hidden, allowed=True)
    assert not any(is_gold(slot) for slot in claim(one, campaign, 3))
    grade(real)
    assert reviewer_rows(campaign.pk)[0].standing is Standing.PASSED


def test_later_gold_is_undone_though_fewer_grades_than_asked_for_qualified(one):
    campaign = make_campaign(qualification_pairs=3, gold_share=Decimal("0.5"))
    make_pairs(campaign, 20, slots=1)
    hidden = make_gold_pairs(campaign, 8)[1:]
    judging(hidden, allowed=False)
    first = grade(claim(one, campaign)[0])
    grade(claim(one, campaign)[0])
    judging(hidden, allowed=True)
    assert any(serve(one, campaign, 8))
    for row in Grade.objects.exclude(answer=first):
        undo(row.answer)
    with pytest.raises(QualificationDoneError):
        undo(first)


def test_gold_after_the_qualification_is_undone_like_any_other_pair(one):
    campaign = make_campaign(qualification_pairs=1, gold_share=Decimal("0.5"))
    make_pairs(campaign, 10, slots=1)
    make_gold_pairs(campaign, 5)
    first = grade(claim(one, campaign)[0])
    assert any(serve(one, campaign, 6))
    for row in Grade.objects.exclude(answer=first):
        undo(row.answer)
