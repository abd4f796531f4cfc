"""The list of campaigns with how far each is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from labelling.models import Campaign, Pair, PairState, PhotoSet, Slot
from labelling.selectors.pairs import gradable_pairs


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign and its numbers of pairs and grades, without gold pairs.

    As in `CampaignProgress`, only `pairs` counts those that were withdrawn.
    """

    campaign: Campaign
    pairs: int = 0
    settled: int = 0
    disputed: int = 0
    skipped: int = 0
    grades_done: int = 0
    grades_wanted: int = 0

    @property
    def with_lead(self) -> int:
        """Number of pairs that wait for a lead."""
        return self.disputed + self.skipped


def campaign_rows() -> list[CampaignRow]:
    """Return all campaigns, newest first, in three queries."""
    campaigns = Campaign.objects.select_related("photo_set", "guideline")
    pairs = {row.pop("campaign_id"): row for row in _pairs_by_campaign()}
    grades = {row.pop("campaign_id"): row for row in _grades_by_campaign()}
    return [
        CampaignRow(campaign, **pairs.get(campaign.pk, {}), **grades.get(campaign.pk, {}))
        for campaign in campaigns
    ]


def photo_sets_to_draw_from() -> QuerySet[PhotoSet]:
    """Return the sets that a campaign can be drawn from."""
    return PhotoSet.objects.all()


def campaign_with_set(campaign_id: int) -> Campaign | None:
    """Return a campaign with its set, guideline, maker and the campaign of a worklist."""
    related = ("photo_set", "guideline", "made_by", "disputed_in")
    return Campaign.objects.select_related(*related).filter(pk=campaign_id).first()


def _pairs_by_campaign() -> QuerySet[Pair, Any]:
    graded = Pair.objects.exclude(purpose=Pair.Purpose.GOLD)
    shown = Q(pk__in=gradable_pairs())
    return graded.values("campaign_id").annotate(
        pairs=Count("pk"),
        settled=Count("pk", filter=shown & Q(state=PairState.SETTLED)),
        disputed=Count("pk", filter=shown & Q(state=PairState.DISPUTED)),
        skipped=Count("pk", filter=shown & Q(state=PairState.SKIPPED)),
    )


def _grades_by_campaign() -> QuerySet[Slot, Any]:
    shown = gradable_pairs().exclude(purpose=Pair.Purpose.GOLD)
    wanted = Slot.objects.filter(pair__in=shown).exclude(state=Slot.State.CLOSED)
    return wanted.values("campaign_id").annotate(
        grades_wanted=Count("pk"),
        grades_done=Count("pk", filter=Q(state=Slot.State.DONE)),
    )
