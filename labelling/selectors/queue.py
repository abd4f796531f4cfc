"""The queue of a reviewer: which slots are served, in which order, and how much is left."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from labelling.models import Campaign, CampaignState, Pair, PairState, Skip, Slot
from labelling.selectors.pairs import gradable_pairs
from labelling.selectors.qualification import standings

OPEN_SLOTS: Final = (Slot.State.FREE, Slot.State.LEASED)
HELD_SLOTS: Final = (Slot.State.LEASED, Slot.State.DONE)
RUNNING: Final = (CampaignState.OPEN, CampaignState.PAUSED)


@dataclass(frozen=True)
class OwnProgress:
    """What a reviewer did in a campaign, and what is left of it.

    `left` pairs can be graded by this reviewer now. The `with_others` wait for grades of the design
    that only others can give: this reviewer graded or skipped them, or others hold them. A pair
    that waits for a third opinion is none of these: it would tell that two disagreed.
    """

    done: int
    left: int
    with_others: int


@dataclass(frozen=True)
class QueueEntry:
    """A campaign in a reviewer's list; `qualified` is false after a failed qualification."""

    campaign: Campaign
    own: OwnProgress
    qualified: bool


def is_takeable() -> Q:
    """Return the condition that a slot is free, or that its lease has expired."""
    return Q(state=Slot.State.FREE) | Q(state=Slot.State.LEASED, leased_until__lt=Now())


def slots_to_serve(reviewer_id: int, campaign_id: int) -> QuerySet[Slot]:
    """Return the slots that a reviewer may be given, in the order in which they are served.

    The number comes first, so that every pair gets its first grade before any gets a second one:
    a campaign that ends early then has covered its sample. Within a number, the random order of
    the draw makes what is graded so far a random part of the sample.

    The partial index `labelling_slot_to_serve` has this order. The conditions are subqueries that
    PostgreSQL cannot turn into joins, so that it always walks the index and stops at the limit: a
    join could begin elsewhere, which takes long in a large campaign and depends on statistics.
    """
    real = gradable_pairs().filter(state=PairState.OPEN).exclude(purpose=Pair.Purpose.GOLD)
    slots = _slots_for(reviewer_id, [campaign_id])
    return _of_pairs(slots, real).order_by("number", "position")


def _of_pairs(slots: QuerySet[Slot], pairs: QuerySet[Pair]) -> QuerySet[Slot]:
    """Return the slots whose pair is among these, which is looked up slot by slot."""
    pair = Subquery(pairs.filter(pk=OuterRef("pair")).values("pk"))
    return slots.alias(shown=pair).filter(shown__isnull=False)


def _slots_for(reviewer_id: int, campaign_ids: Collection[int]) -> QuerySet[Slot]:
    """Return the slots without holder of pairs that the reviewer neither has nor skipped."""
    own = Slot.objects.filter(reviewer_id=reviewer_id, campaign_id__in=campaign_ids)
    skips = Skip.objects.filter(reviewer_id=reviewer_id)
    return (
        Slot.objects.filter(is_takeable(), campaign_id__in=campaign_ids, state__in=OPEN_SLOTS)
        .exclude(pair__in=own.filter(state=Slot.State.DONE).values("pair"))
        .exclude(pair__in=own.filter(state=Slot.State.LEASED).values("pair"))
        .exclude(pair__in=skips.values("pair"))
    )


def gold_to_serve(reviewer_id: int, campaign_id: int) -> QuerySet[Pair]:
    """Return the gold pairs that a reviewer was not given yet, in the order of the draw."""
    return (
        gradable_pairs()
        .filter(campaign_id=campaign_id, purpose=Pair.Purpose.GOLD)
        .exclude(Exists(_answered_or_held(reviewer_id, pair="pk")))
        .exclude(Exists(Skip.objects.filter(pair=OuterRef("pk"), reviewer_id=reviewer_id)))
        .order_by("position")
    )


def _answered_or_held(reviewer_id: int, *, pair: str = "pair") -> QuerySet[Slot]:
    return Slot.objects.filter(pair=OuterRef(pair), reviewer_id=reviewer_id, state__in=HELD_SLOTS)


def held_slots(reviewer_id: int) -> QuerySet[Slot]:
    """Return the slots that a reviewer holds and whose pair may be shown, oldest lease first.

    A lease that has expired is still held until somebody else takes the slot.
    """
    held = Slot.objects.filter(reviewer_id=reviewer_id, state=Slot.State.LEASED)
    return _of_pairs(held, gradable_pairs()).order_by("leased_until", "number", "position")


def slot_by_token(reviewer_id: int, token: UUID) -> Slot | None:
    """Return the slot of a reviewer's lease, with its pair, photo and recording.

    Also of a pair that is graded: its sound may still be loading, and an undo brings it back.
    """
    own = Slot.objects.filter(
        reviewer_id=reviewer_id, token=token, state__in=HELD_SLOTS, pair__in=gradable_pairs()
    )
    return own.select_related("campaign", "pair__scene", "pair__clip").first()


def own_progress(reviewer_id: int, campaign_id: int) -> OwnProgress:
    """Return a reviewer's progress in a campaign."""
    return _own_progress(reviewer_id, [campaign_id])[campaign_id]


def campaigns_for(reviewer_id: int) -> list[QueueEntry]:
    """Return the open and paused campaigns, newest first, with a reviewer's progress in each."""
    running = Campaign.objects.filter(state__in=RUNNING).select_related("photo_set", "guideline")
    return queue_entries(reviewer_id, running.order_by("-drawn_at", "-pk"))


def queue_entries(reviewer_id: int, campaigns: Iterable[Campaign]) -> list[QueueEntry]:
    """Return a reviewer's progress in each campaign, in a number of queries that stays the same."""
    listed = list(campaigns)
    keys = [campaign.pk for campaign in listed]
    own = _own_progress(reviewer_id, keys)
    standing_in = standings(reviewer_id, listed)
    return [
        QueueEntry(
            campaign=campaign,
            own=own[campaign.pk],
            qualified=standing_in[campaign.pk].may_grade,
        )
        for campaign in listed
    ]


def _own_progress(reviewer_id: int, campaign_ids: Collection[int]) -> dict[int, OwnProgress]:
    own = _by_campaign(
        Slot.objects.filter(reviewer_id=reviewer_id, campaign_id__in=campaign_ids),
        campaign_ids,
        done=Count("pk", filter=Q(state=Slot.State.DONE)),
    )
    gold = _by_campaign(  # a reviewer counts it as any other pair
        held_slots(reviewer_id).filter(
            campaign_id__in=campaign_ids, pair__purpose=Pair.Purpose.GOLD
        ),
        campaign_ids,
        pairs=Count("pk"),
    )
    designed = Count("pair", distinct=True, filter=Q(extra=False))
    pairs = Count("pair", distinct=True)
    shown = _shown_pairs(campaign_ids).filter(state=PairState.OPEN)
    real = Slot.objects.filter(campaign_id__in=campaign_ids, pair__in=shown)
    ungraded = _by_campaign(real.filter(state__in=OPEN_SLOTS), campaign_ids, designed=designed)
    free = _by_campaign(
        real & _slots_for(reviewer_id, campaign_ids), campaign_ids, pairs=pairs, designed=designed
    )
    held = _by_campaign(
        real.filter(reviewer_id=reviewer_id, state=Slot.State.LEASED),
        campaign_ids,
        pairs=pairs,
        designed=designed,
    )
    progress = {}
    for key in campaign_ids:
        left = free[key]["pairs"] + held[key]["pairs"]
        progress[key] = OwnProgress(
            done=own[key]["done"],
            left=left + gold[key]["pairs"],
            with_others=ungraded[key]["designed"] - free[key]["designed"] - held[key]["designed"],
        )
    return progress


def _shown_pairs(campaign_ids: Collection[int]) -> QuerySet[Pair]:
    shown = gradable_pairs().filter(campaign_id__in=campaign_ids)
    return shown.exclude(purpose=Pair.Purpose.GOLD)


def _by_campaign(
    rows: QuerySet[Any], campaign_ids: Collection[int], **counts: Count
) -> dict[int, dict[str, int]]:
    """Return counts of rows by campaign; those of a campaign without rows are 0."""
    found = {key: dict.fromkeys(counts, 0) for key in campaign_ids}
    for row in rows.order_by().values("campaign_id").annotate(**counts):
        found[row.pop("campaign_id")] = row
    return found
