"""Give slots to reviewers for a limited time: claim, renew and release leases."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.contrib.postgres.functions import RandomUUID
from django.db import transaction
from django.db.models import Case, Max, Q, QuerySet, When
from django.db.models.functions import Now

from accounts.services.audit import record
from labelling.models import (
    Campaign,
    CampaignState,
    LostLease,
    Pair,
    PairState,
    Reviewer,
    Skip,
    Slot,
)
from labelling.selectors.pairs import gradable_pairs
from labelling.selectors.qualification import Standing, standings
from labelling.selectors.queue import HELD_SLOTS, gold_to_serve, held_slots, slots_to_serve
from labelling.services.errors import (
    BusyError,
    CampaignClosedError,
    CampaignPausedError,
    NotQualifiedError,
    TooManySkippedError,
)
from labelling.services.gold_turns import is_gold_turn
from labelling.services.locks import keep_photos, lock_reviewer, share_campaign

LEASE: Final = timedelta(minutes=10)
_TRIES: Final = 10


def reviewer_of(*, user_id: int) -> Reviewer:
    """Return the reviewer of an account; create it at the first call."""
    return Reviewer.objects.get_or_create(user_id=user_id)[0]


def claim_slots(*, reviewer_id: int, campaign_id: int, wanted: int) -> list[Slot]:
    """Lease slots to a reviewer, and return them with pair, photo and recording.

    Parameters
    ----------
    reviewer_id, campaign_id
        Who grades what.
    wanted
        How many slots the reviewer is to hold. Those that they hold already come first, oldest
        lease first, renewed.

    Returns
    -------
    list[Slot]
        At most `wanted` slots; none if there is nothing to grade for this reviewer now.

    Raises
    ------
    CampaignPausedError, CampaignClosedError
        If the campaign is not open.
    NotQualifiedError, TooManySkippedError
        If the reviewer graded too few gold pairs right, or skipped too many of them.
    BusyError
        If there are slots, but others kept all of them locked; asking again helps.
    """
    for _ in range(_TRIES):
        slots, busy = _claim(reviewer_id, campaign_id, wanted)
        if busy is None:
            return slots
        _wait_for(busy)
    raise BusyError(f"reviewer {reviewer_id} in campaign {campaign_id}")


def _wait_for(busy: QuerySet[Any]) -> None:
    """Wait until the first row is not locked any more, without a lock that others wait for."""
    with transaction.atomic():
        first = busy.model._default_manager.filter(pk=busy.values_list("pk", flat=True).first())
        list(first.select_for_update(of=("self",), no_key=True))


@transaction.atomic
def _claim(
    reviewer_id: int, campaign_id: int, wanted: int
) -> tuple[list[Slot], QuerySet[Any] | None]:
    """Claim slots; if there are none, return also the rows that could be claimed but are locked."""
    lock_reviewer(reviewer_id=reviewer_id)
    campaign = share_campaign(campaign_id=campaign_id)
    if campaign.state == CampaignState.PAUSED:
        raise CampaignPausedError(f"campaign {campaign_id}")
    if campaign.state != CampaignState.OPEN:
        raise CampaignClosedError(f"campaign {campaign_id} is {campaign.state}")
    held = held_slots(reviewer_id).filter(campaign_id=campaign_id, pair__state=PairState.OPEN)
    keys = _in_order(held.select_for_update(of=("self",)).order_by("pk"))
    busy = None
    if len(keys) < wanted:
        added, served = _new_slots(campaign, reviewer_id, wanted - len(keys), is_idle=not keys)
        # In the order of their random tokens: any other could tell which of them are gold.
        keys += Slot.objects.filter(pk__in=added).order_by("token").values_list("pk", flat=True)
        if not keys and served.exists():
            busy = served
    _renew(keys)
    return _loaded(keys[:wanted]), busy


def _in_order(held: Iterable[Slot]) -> list[int]:
    """Return the keys of held slots in the order in which they were first given."""
    return [slot.pk for slot in sorted(held, key=lambda slot: (slot.leased_until, slot.token))]


def _renew(keys: Sequence[int]) -> None:
    """Renew leases; each ends a microsecond after the one before, which keeps their order."""
    if keys:
        ends = [
            When(pk=key, then=Now() + LEASE + timedelta(microseconds=place))
            for place, key in enumerate(keys)
        ]
        Slot.objects.filter(pk__in=keys).update(leased_until=Case(*ends))


def _new_slots(
    campaign: Campaign, reviewer_id: int, wanted: int, *, is_idle: bool
) -> tuple[list[int], QuerySet[Any]]:
    """Lease slots; return their keys, and from which rows they were chosen."""
    standing = standings(reviewer_id, [campaign])[campaign.pk]
    if standing is Standing.FAILED:
        raise NotQualifiedError(f"reviewer {reviewer_id} in campaign {campaign.pk}")
    if standing is Standing.SKIPPED:
        raise TooManySkippedError(f"reviewer {reviewer_id} in campaign {campaign.pk}")
    if standing is Standing.PENDING:
        gold = _slots_to_qualify(campaign, reviewer_id, wanted)
        if is_idle and not gold:  # others have the pairs; nobody waits for who has no slot locked
            gold = _lease_gold(campaign, reviewer_id, 1, wait=True)
        return gold, gold_to_serve(reviewer_id, campaign.pk)
    to_serve = slots_to_serve(reviewer_id, campaign.pk)
    gold_wanted = _gold_turns(campaign, reviewer_id, wanted)
    # Gold that comes when no real pair is left would be known to be gold.
    serves_gold = gold_wanted and to_serve.exists()
    gold = _lease_gold(campaign, reviewer_id, gold_wanted) if serves_gold else []
    real = _lease_real(campaign, reviewer_id, wanted - len(gold))
    return gold + real, to_serve


def _slots_to_qualify(campaign: Campaign, reviewer_id: int, wanted: int) -> list[int]:
    """Lease gold pairs up to the number that qualifies; no real ones before they are graded."""
    gold = Slot.objects.filter(
        campaign=campaign, reviewer_id=reviewer_id, pair__purpose=Pair.Purpose.GOLD
    )
    # A lease whose pair was withdrawn is never graded.
    held = Q(state=Slot.State.LEASED, pair__in=gradable_pairs())
    given = gold.filter(held | Q(state=Slot.State.DONE)).count()
    missing = campaign.qualification_pairs - given
    return _lease_gold(campaign, reviewer_id, max(0, min(wanted, missing)))


def _gold_turns(campaign: Campaign, reviewer_id: int, wanted: int) -> int:
    """Return how many of a reviewer's next pairs are to be gold."""
    if not campaign.gold_share:
        return 0
    given = Slot.objects.filter(
        campaign=campaign, reviewer_id=reviewer_id, state__in=HELD_SLOTS
    ).count()
    skipped = Skip.objects.filter(pair__campaign=campaign, reviewer_id=reviewer_id).count()
    return sum(
        is_gold_turn(
            seed=campaign.seed, reviewer_id=reviewer_id, turn=turn, share=campaign.gold_share
        )
        for turn in range(given + skipped, given + skipped + wanted)
    )


def _lease_gold(
    campaign: Campaign, reviewer_id: int, wanted: int, *, wait: bool = False
) -> list[int]:
    """Make slots of gold pairs, leased to a reviewer."""
    pairs = gold_to_serve(reviewer_id, campaign.pk).select_for_update(
        of=("self",), no_key=True, skip_locked=not wait
    )
    return [
        lease_gold_pair(pair=pair, reviewer_id=reviewer_id, token=uuid4())
        for pair in pairs[:wanted]
    ]


def lease_gold_pair(*, pair: Pair, reviewer_id: int, token: UUID) -> int:
    """Make a slot of a gold pair, whose row is locked, leased to a reviewer; return its key."""
    last = Slot.objects.filter(pair=pair).aggregate(last=Max("number"))["last"]
    slot = Slot.objects.create(
        pair=pair,
        number=(last or 0) + 1,
        campaign_id=pair.campaign_id,
        position=pair.position,
        state=Slot.State.LEASED,
        reviewer_id=reviewer_id,
        token=token,
        leased_until=Now() + LEASE,
    )
    return slot.pk


def _lease_real(campaign: Campaign, reviewer_id: int, wanted: int) -> list[int]:
    """Lease the next slots to a reviewer."""
    taken: list[int] = []
    while len(taken) < wanted:
        slots = slots_to_serve(reviewer_id, campaign.pk).select_for_update(
            of=("self",), skip_locked=True
        )
        # Near the end the next slots can be of one pair, of which a reviewer gets only one.
        one_a_pair: dict[int, Slot] = {}
        for slot in slots[: wanted - len(taken)]:
            one_a_pair.setdefault(slot.pair_id, slot)
        if not one_a_pair:
            break
        expired = {slot.pair_id for slot in one_a_pair.values() if slot.token}
        if expired:  # a lost lease refers to its pair, which locks the pair at the commit
            for withdrawn in expired - keep_photos(pair_ids=expired):
                del one_a_pair[withdrawn]
        lease(slots=list(one_a_pair.values()), reviewer_id=reviewer_id)
        taken += [slot.pk for slot in one_a_pair.values()]
    return taken


def lease(*, slots: Sequence[Slot], reviewer_id: int, token: UUID | None = None) -> None:
    """Lease slots, which are locked, to a reviewer; who held them before loses them.

    Without a token, new ones are made.
    """
    note_lost(slots=slots)
    Slot.objects.filter(pk__in=[slot.pk for slot in slots]).update(
        state=Slot.State.LEASED,
        reviewer_id=reviewer_id,
        token=token or RandomUUID(),
        leased_until=Now() + LEASE,
    )


def note_lost(*, slots: Sequence[Slot]) -> None:
    """Remember the leases of slots that their reviewers lose."""
    LostLease.objects.bulk_create(
        (
            LostLease(token=slot.token, pair_id=slot.pair_id, reviewer_id=slot.reviewer_id)
            for slot in slots
            if slot.token and slot.reviewer_id  # it is leased
        ),
        ignore_conflicts=True,  # a late answer took another slot under the token, and was undone
    )


def _loaded(keys: Sequence[int]) -> list[Slot]:
    slots = Slot.objects.select_related("pair__scene", "pair__clip").in_bulk(keys)
    return [slots[key] for key in keys]


@transaction.atomic
def renew_leases(*, reviewer_id: int, tokens: Sequence[UUID]) -> list[UUID]:
    """Renew leases, also expired ones whose slot nobody took; return those that are still held."""
    held = held_slots(reviewer_id).filter(token__in=tokens)
    slots = list(held.select_for_update(of=("self",)).order_by("pk"))
    _renew(_in_order(slots))
    still = {slot.token for slot in slots}
    return [token for token in tokens if token in still]


@transaction.atomic
def release_leases(*, campaign_id: int, reviewer_ids: Sequence[int] | None, actor_id: int) -> int:
    """Free the slots that reviewers hold, and return how many; a late grade may still be kept.

    Parameters
    ----------
    campaign_id
        The campaign.
    reviewer_ids
        Whose slots; None for everybody's.
    actor_id
        The lead.
    """
    held = Slot.objects.filter(campaign_id=campaign_id, state=Slot.State.LEASED)
    if reviewer_ids is not None:
        held = held.filter(reviewer_id__in=reviewer_ids)
    slots = list(held.select_for_update(of=("self",)).order_by("pk"))
    keep_photos(pair_ids={slot.pair_id for slot in slots})
    note_lost(slots=slots)
    free_slots(slots=slots)
    record(
        action="campaign.leases_released",
        subject=f"campaign {campaign_id}",
        actor_id=actor_id,
        leases=len(slots),
        reviewers=None if reviewer_ids is None else sorted(reviewer_ids),
    )
    return len(slots)


def free_slots(*, slots: Sequence[Slot]) -> None:
    """Free slots, which are locked.

    Slots of gold pairs exist for one reviewer and go; a pair that waits for a lead is not served.
    """
    pairs = Pair.objects.in_bulk({slot.pair_id for slot in slots})
    gold = {slot.pk for slot in slots if pairs[slot.pair_id].purpose == Pair.Purpose.GOLD}
    with_lead = {slot.pk for slot in slots if pairs[slot.pair_id].state != PairState.OPEN}
    Slot.objects.filter(pk__in=gold).delete()
    vacate(keys={slot.pk for slot in slots} - gold - with_lead, state=Slot.State.FREE)
    vacate(keys=with_lead, state=Slot.State.CLOSED)


def vacate(*, keys: Collection[int], state: Slot.State) -> None:
    """Make slots, which are locked, free or closed: nobody holds them."""
    Slot.objects.filter(pk__in=keys).update(
        state=state, reviewer=None, token=None, leased_until=None
    )
