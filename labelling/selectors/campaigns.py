"""Queries on campaigns, for leads."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from labelling.models import Campaign, CampaignState, Pair
from retrieval.models import Clip, Scene


def campaigns() -> QuerySet[Campaign]:
    """Return all campaigns, the newest first, with their set, guideline and maker.

    Annotated with `pair_count` and `settled_count` of their pairs, gold pairs not counted.
    """
    pairs = Pair.objects.filter(campaign=OuterRef("pk")).exclude(purpose=Pair.Purpose.GOLD)
    return Campaign.objects.select_related("photo_set", "guideline", "made_by").annotate(
        pair_count=_count(pairs), settled_count=_count(pairs.filter(state="settled"))
    )


def drawn_campaigns() -> QuerySet[Campaign]:
    """Return the campaigns that have pairs, the newest first."""
    return Campaign.objects.exclude(state=CampaignState.DRAFT)


def campaign_named(text: str) -> Campaign | None:
    """Return the campaign with this key or, whatever its case, this name; None without one."""
    if text.isdecimal() and (found := Campaign.objects.filter(pk=text).first()):
        return found
    return Campaign.objects.filter(name__iexact=text).first()


def scenes_and_clips(
    *, scene_ids: Collection[UUID], clip_ids: Collection[int]
) -> tuple[dict[UUID, Scene], dict[int, Clip]]:
    """Return photos and recordings by key, for a page of a draw."""
    return Scene.objects.in_bulk(list(scene_ids)), Clip.objects.in_bulk(list(clip_ids))


def _count(pairs: QuerySet[Pair]) -> Coalesce:
    counted = pairs.order_by().values("campaign").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
