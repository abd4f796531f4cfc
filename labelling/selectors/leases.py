"""Queries on the leases that reviewers hold, for leads."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Count, IntegerField, Max, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from labelling.models import Reviewer, Slot


def reviewers_with_leases() -> QuerySet[Reviewer]:
    """Return all reviewers, with `held` leases of which the last ends at `held_until`."""
    # No join: that would read all slots that reviewers ever graded.
    held = Slot.objects.filter(reviewer=OuterRef("pk"), state=Slot.State.LEASED)
    counted = held.order_by().values("reviewer").annotate(number=Count("pk"))
    last = held.order_by("-leased_until")[:1]
    return Reviewer.objects.select_related("user").annotate(
        held=Coalesce(Subquery(counted.values("number"), output_field=IntegerField()), 0),
        held_until=Subquery(last.values("leased_until")),
    )


def campaigns_with_leases(reviewer_ids: Collection[int]) -> list[int]:
    """Return the keys of the campaigns of which these reviewers hold pairs."""
    held = Slot.objects.filter(reviewer__in=reviewer_ids, state=Slot.State.LEASED)
    return list(held.order_by("campaign_id").values_list("campaign_id", flat=True).distinct())


def lease_ends(campaign_id: int, reviewer_ids: Collection[int]) -> dict[int, datetime]:
    """Return by reviewer when the last of the leases of a campaign ends that each of them holds."""
    held = Slot.objects.filter(
        campaign_id=campaign_id, reviewer__in=reviewer_ids, state=Slot.State.LEASED
    )
    return dict(held.order_by().values_list("reviewer_id").annotate(Max("leased_until")))
