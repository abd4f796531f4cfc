"""Decide what the grades of a pair say together, and what leads do about pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.db.models import Count, Max, Q
from django.db.models.functions import Now

from accounts.services.audit import record
from labelling.grades import Grading
from labelling.models import (
    Adjudication,
    Admission,
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
from labelling.selectors.pairs import WITH_LEAD, real_pairs
from labelling.selectors.queue import OPEN_SLOTS
from labelling.services.errors import AnswerInvalidError, CampaignClosedError, WrongStateError
from labelling.services.locks import keep_photos, lock_campaign, lock_pair, lock_slots
from labelling.services.queue import note_lost, vacate

MOST_GRADERS: Final = 10
_LONGEST_REASON: Final = Adjudication._meta.get_field("reason").max_length or 0


def settle(*, pair: Pair) -> PairState:
    """Store and return the state of a pair, whose slots and row are locked, after a grade.

    Nothing changes before all slots are done. Then a majority settles the pair, unless somebody
    found it good and somebody bad. Two who disagree get a third reviewer first. What remains is
    for a lead.
    """
    state = PairState(pair.state)
    if pair.purpose == Pair.Purpose.GOLD or state != PairState.OPEN:
        return state
    if pair.slots.filter(state__in=OPEN_SLOTS).exists():
        return state
    grades = list(pair.grades.values_list("grade", flat=True))
    if is_agreed(grades=grades):
        state = PairState.SETTLED
    elif len(grades) == 2:
        _add_slot(pair)
    else:
        state = PairState.DISPUTED
    set_state(pair=pair, state=state)
    return state


def is_agreed(*, grades: Sequence[str]) -> bool:
    """Return whether more than half of the grades are one, and none is its opposite."""
    counts = Counter(grades)
    if Grading.GOOD in counts and Grading.BAD in counts:
        return False
    return 2 * max(counts.values(), default=0) > len(grades)


def set_state(*, pair: Pair, state: PairState) -> None:
    """Store the state of a pair, whose row is locked."""
    if pair.state != state:
        pair.state = state
        pair.save(update_fields=["state"])


def _add_slot(pair: Pair) -> None:
    last = pair.slots.aggregate(last=Max("number"))["last"]
    Slot.objects.create(
        pair=pair,
        number=last + 1,
        campaign_id=pair.campaign_id,
        position=pair.position,
        extra=True,
    )


@transaction.atomic
def adjudicate(*, pair_id: int, grade: str, reason: str, lead_id: int) -> Adjudication:
    """Decide a pair that waits for a lead; the reviewers' grades stay as they are.

    Raises
    ------
    WrongStateError
        If the pair does not wait for a lead.
    CampaignClosedError
        If the campaign is closed.
    AnswerInvalidError
        If the grade is not known, or the reason is empty or too long.
    """
    if grade not in Grading.values:
        raise AnswerInvalidError(f"grade {grade!r}")
    _check_reason(reason)
    pair, slots = lock_pair(pair_id=pair_id)
    _refuse_closed(pair)
    if pair.state not in WITH_LEAD:
        raise WrongStateError(f"pair {pair_id} is {pair.state}")
    decision = Adjudication.objects.create(
        pair=pair, lead_id=lead_id, grade=grade, reason=reason.strip()
    )
    left = [slot for slot in slots if slot.state in OPEN_SLOTS]
    note_lost(slots=left)
    vacate(keys=[slot.pk for slot in left], state=Slot.State.CLOSED)
    set_state(pair=pair, state=PairState.SETTLED)
    record(
        action="pair.adjudicated",
        subject=f"pair {pair_id}",
        actor_id=lead_id,
        grade=grade,
        campaign=pair.campaign_id,
    )
    return decision


@transaction.atomic
def reopen(*, pair_id: int, reason: str, lead_id: int) -> Reopening:
    """Have a settled, disputed or skipped pair graded again from the start, by anybody.

    Its grades and skips are set aside and remain in the history as answers; a decision of a lead is
    revoked. The slots of the campaign's design are free again, also those that somebody holds, and
    one for a third opinion goes.

    Raises
    ------
    WrongStateError
        If the pair is being graded, or gold.
    CampaignClosedError
        If the campaign is closed.
    AnswerInvalidError
        If the reason is empty or too long.
    """
    _check_reason(reason)
    pair, slots = lock_pair(pair_id=pair_id)
    _refuse_closed(pair)
    if pair.state == PairState.OPEN:
        raise WrongStateError(f"pair {pair_id} is {pair.state}")
    pair.adjudications.filter(revoked_at__isnull=True).update(revoked_at=Now())
    Grade.objects.filter(pair=pair).delete()
    Skip.objects.filter(pair=pair).delete()
    note_lost(slots=[slot for slot in slots if slot.state == Slot.State.LEASED])
    Slot.objects.filter(pk__in=[slot.pk for slot in slots if slot.extra]).delete()
    vacate(keys=[slot.pk for slot in slots if not slot.extra], state=Slot.State.FREE)
    set_state(pair=pair, state=PairState.OPEN)
    reopening = Reopening.objects.create(pair=pair, lead_id=lead_id, reason=reason.strip())
    record(
        action="pair.reopened",
        subject=f"pair {pair_id}",
        actor_id=lead_id,
        campaign=pair.campaign_id,
    )
    return reopening


def _check_reason(reason: str) -> None:
    if not 0 < len(reason.strip()) <= _LONGEST_REASON:
        raise AnswerInvalidError(f"a reason of {len(reason.strip())} characters")


def _refuse_closed(pair: Pair) -> None:
    if pair.campaign.state == CampaignState.CLOSED:
        raise CampaignClosedError(f"campaign {pair.campaign_id} is closed")


@transaction.atomic
def raise_overlap(*, campaign_id: int, graders_per_pair: Decimal, lead_id: int) -> int:
    """Have more reviewers grade each pair of an open or paused campaign; return the new slots.

    Pairs that had one slot more than others keep that. A settled or disputed pair that gets a slot
    is open again, and its grades stay. Pairs that a lead decided, or that wait because they were
    skipped, are left: their new slots are closed until a lead reopens the pair.

    Raises
    ------
    WrongStateError
        If the campaign is a draft, or the number is not higher than now.
    CampaignClosedError
        If the campaign is closed.
    """
    campaign = lock_campaign(campaign_id=campaign_id)
    _refuse_overlap(campaign, graders_per_pair)
    wanted = _slots_wanted(campaign, graders_per_pair)
    keep_photos(pair_ids=list(wanted))
    slots = lock_slots(pair_ids=list(wanted))
    of_campaign = Pair.objects.filter(pk__in=list(wanted)).order_by("pk")
    pairs = list(of_campaign.select_for_update(of=("self",), no_key=True))
    decided = set(
        Adjudication.objects.filter(pair__in=pairs, revoked_at=None).values_list("pair", flat=True)
    )
    added = []
    for pair in pairs:
        added += _design_more(pair, slots[pair.pk], wanted[pair.pk], is_decided=pair.pk in decided)
    Slot.objects.bulk_create(added, batch_size=5000)
    free = [slot for slot in added if slot.state == Slot.State.FREE]
    reopened = {slot.pair_id for slot in free if slot.pair.state != PairState.OPEN}
    Pair.objects.filter(pk__in=reopened).update(state=PairState.OPEN)
    record(
        action="campaign.overlap_raised",
        subject=f"campaign {campaign_id}",
        actor_id=lead_id,
        before=f"{campaign.graders_per_pair:.2f}",
        after=f"{graders_per_pair:.2f}",
        slots=len(free),
    )
    campaign.graders_per_pair = graders_per_pair
    campaign.save(update_fields=["graders_per_pair"])
    return len(free)


def _slots_wanted(campaign: Campaign, graders_per_pair: Decimal) -> dict[int, int]:
    """Return how many slots a design wants of each pair that has fewer; extra ones do not count.

    These are the slots that the campaign would have got if it had been drawn so.
    """
    pairs = list(
        real_pairs(campaign.pk)
        .annotate(designed=Count("slots", filter=Q(slots__extra=False)))
        .order_by("position")
        .values_list("pk", "designed")
    )
    wanted = slots_per_pair(len(pairs), graders_per_pair, campaign.seed).tolist()
    return {
        key: wants for (key, designed), wants in zip(pairs, wanted, strict=True) if designed < wants
    }


def _refuse_overlap(campaign: Campaign, graders_per_pair: Decimal) -> None:
    if campaign.state == CampaignState.CLOSED:
        raise CampaignClosedError(f"campaign {campaign.pk} is closed")
    if campaign.state == CampaignState.DRAFT:
        raise WrongStateError(f"campaign {campaign.pk} is a draft")
    if not campaign.graders_per_pair < graders_per_pair <= MOST_GRADERS:
        raise WrongStateError(f"{graders_per_pair} graders after {campaign.graders_per_pair}")


def _design_more(pair: Pair, slots: Sequence[Slot], wanted: int, *, is_decided: bool) -> list[Slot]:
    """Return the unsaved slots that a pair needs; one for a third opinion becomes designed."""
    designed = sum(not slot.extra for slot in slots)
    for slot in [slot for slot in slots if slot.extra][: wanted - designed]:
        slot.extra = False
        slot.save(update_fields=["extra"])
        designed += 1
    is_left = is_decided or pair.state == PairState.SKIPPED
    last = max(slot.number for slot in slots)
    return [
        Slot(
            pair=pair,
            number=last + 1 + index,
            campaign_id=pair.campaign_id,
            position=pair.position,
            state=Slot.State.CLOSED if is_left else Slot.State.FREE,
        )
        for index in range(wanted - designed)
    ]


@transaction.atomic
def admit(*, campaign_id: int, reviewer_id: int, lead_id: int) -> Admission:
    """Let a reviewer grade real pairs although the qualification was not passed."""
    admission, is_new = Admission.objects.get_or_create(
        campaign_id=campaign_id, reviewer_id=reviewer_id, defaults={"lead_id": lead_id}
    )
    if is_new:
        record(
            action="campaign.reviewer_admitted",
            subject=f"campaign {campaign_id}",
            actor_id=lead_id,
            reviewer=reviewer_id,
        )
    return admission
