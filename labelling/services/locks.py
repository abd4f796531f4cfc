"""Row locks of labelling, in the order in which every service takes them.

Reviewer, campaign, slots by key, photos, pairs. What concerns one pair or one reviewer shares the
campaign, so it waits for nobody but a lead who changes all of the campaign, and its state stays
what it is. Photos come before pairs, because a deletion locks the photo and then its pairs; it
locks no slots, so photos may also come before those. Whoever locks one pair only needs no photo. A
service locks slots in one pass, so that two services that need several of them cannot wait for each
other; whoever locks all slots of a pair has the pair for itself. Only the selection of free slots
differs: it skips what is locked and waits for nothing.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection, models

from labelling.models import Campaign, Pair, Reviewer, Slot
from retrieval.services.holds import lock_against_deletion
from retrieval.storage.content_locks import lock_exclusively, lock_shared


def lock_reviewer(*, reviewer_id: int) -> Reviewer:
    """Lock a reviewer's row, so that the requests of one person run one after the other."""
    return Reviewer.objects.select_for_update(no_key=True).get(pk=reviewer_id)


def share_campaign(*, campaign_id: int) -> Campaign:
    """Return a campaign, whose state cannot change before the end of the transaction."""
    lock_shared(f"campaign {campaign_id}")
    return Campaign.objects.get(pk=campaign_id)


def lock_campaign(*, campaign_id: int) -> Campaign:
    """Lock and return a campaign: nobody else claims, answers or decides in it meanwhile.

    Advisory locks are granted in the order of the requests. With row locks alone, a lead would wait
    as long as any reviewer shares the row.
    """
    lock_exclusively(f"campaign {campaign_id}")
    return Campaign.objects.select_for_update(no_key=True).get(pk=campaign_id)


def keep_row(*, model: type[models.Model], pk: int) -> None:
    """Keep a row from being deleted until the transaction ends, so that another can refer to it.

    Foreign keys are checked at the commit, which is too late for a message. The row may be gone.
    """
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT FROM {table} WHERE id = %s FOR KEY SHARE", [pk])


def keep_photos(*, pair_ids: Collection[int]) -> set[int]:
    """Keep photos of pairs until the transaction ends; return the pairs that have one.

    A deletion locks the pairs of a photo in any order. Whoever locks several pairs, also by rows
    that refer to them, therefore waits for it here, before the first pair.
    """
    pairs = Pair.objects.filter(pk__in=pair_ids, scene__isnull=False)
    scenes = dict(pairs.values_list("pk", "scene_id"))
    kept = set(lock_against_deletion(scene_ids=set(scenes.values())))
    return {pair_id for pair_id, scene_id in scenes.items() if scene_id in kept}


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


def lock_pair(*, pair_id: int) -> tuple[Pair, list[Slot]]:
    """Share the campaign of a pair, lock its slots and itself; return it and them, by number."""
    campaign = share_campaign(
        campaign_id=Pair.objects.values_list("campaign_id").get(pk=pair_id)[0]
    )
    slots = lock_slots(pair_ids=[pair_id])[pair_id]
    pairs = Pair.objects.select_for_update(of=("self",), no_key=True).select_related("clip")
    pair = pairs.get(pk=pair_id)
    pair.campaign = campaign
    return pair, slots
