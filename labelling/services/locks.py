"""Row locks of labelling, in the order in which every service takes them.

Reviewer, slots by key, pair, campaign. A service locks slots in one pass, so that two services that
need several of them cannot wait for each other; whoever locks all slots of a pair has the pair for
itself. Only the selection of free slots differs: it skips what is locked and waits for nothing.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection

from labelling.models import Campaign, CampaignState, Pair, Reviewer, Slot

_SHARE = "SELECT state FROM labelling_campaign WHERE id = %s FOR SHARE"


def lock_reviewer(*, reviewer_id: int) -> Reviewer:
    """Lock a reviewer's row: what one person does is done one after the other."""
    return Reviewer.objects.select_for_update(no_key=True).get(pk=reviewer_id)


def lock_slots(*, pair_ids: Collection[int]) -> dict[int, list[Slot]]:
    """Lock all slots of pairs and return them by pair and number.

    Whoever held the locks before may have added slots, which the waiting query did not see: it is
    repeated until it finds no more.
    """
    query = Slot.objects.filter(pair__in=pair_ids).select_for_update().order_by("pk")
    before, slots = None, list(query.all())
    while before != (keys := [slot.pk for slot in slots]):
        before, slots = keys, list(query.all())  # a new query
    found: dict[int, list[Slot]] = {pair_id: [] for pair_id in pair_ids}
    for slot in sorted(slots, key=lambda slot: slot.number):
        found[slot.pair_id].append(slot)
    return found


def lock_pair(*, pair_id: int) -> Pair:
    """Lock and return a pair, with campaign and recording; lock its slots before."""
    pairs = Pair.objects.select_for_update(of=("self",), no_key=True)
    return pairs.select_related("campaign", "clip").get(pk=pair_id)


def share_campaign(*, campaign_id: int) -> CampaignState:
    """Return a campaign's state, which cannot change before the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_SHARE, [campaign_id])
        row = cursor.fetchone()
    if row is None:
        raise Campaign.DoesNotExist
    return CampaignState(row[0])


def lock_campaign(*, campaign_id: int) -> Campaign:
    """Lock and return a campaign."""
    return Campaign.objects.select_for_update(no_key=True).get(pk=campaign_id)
