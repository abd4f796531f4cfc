"""The list of campaigns with how far each is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
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
    """Return all campaigns, newest first, in four queries."""
    return _rows(Campaign.objects.select_related("photo_set", "guideline"), {})


def rows_of_campaigns(campaigns: Collection[Campaign]) -> list[CampaignRow]:
    """Return rows of these campaigns, in three queries."""
    return _rows(campaigns, {"campaign__in": [campaign.pk for campaign in campaigns]})


def _rows(campaigns: Iterable[Campaign], only: Mapping[str, Any]) -> list[CampaignRow]:
    pairs = _pairs_by_campaign(only)
    grades = {row.pop("campaign_id"): row for row in _grades_by_campaign(only)}
    return [
        CampaignRow(campaign, **pairs[campaign.pk], **grades.get(campaign.pk, {}))
        for campaign in campaigns
    ]


def photo_sets_to_draw_from() -> QuerySet[PhotoSet]:
    """Return the sets that a campaign can be drawn from."""
    return PhotoSet.objects.all()


def campaign_with_set(campaign_id: int) -> Campaign | None:
    """Return a campaign with its set, guideline, maker and the campaign of a worklist."""
    related = ("photo_set", "guideline", "made_by", "disputed_in")
    return Campaign.objects.select_related(*related).filter(pk=campaign_id).first()


def _pairs_by_campaign(only: Mapping[str, Any]) -> defaultdict[int, Counter[str]]:
    """Return the numbers of pairs, and of those in each state but open that can be shown."""
    # Two queries of joins: a condition on the subquery within a count is checked row by row, which
    # takes minutes as soon as its result is larger than PostgreSQL's memory for a hash table.
    real = Pair.objects.filter(**only).exclude(purpose=Pair.Purpose.GOLD).order_by()
    found: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for campaign_id, pairs in real.values_list("campaign_id").annotate(Count("pk")):
        found[campaign_id]["pairs"] = pairs
    decided = real.filter(pk__in=gradable_pairs()).exclude(state=PairState.OPEN)
    for campaign_id, state, pairs in decided.values_list("campaign_id", "state").annotate(
        Count("pk")
    ):
        found[campaign_id][state] = pairs
    return found


def _grades_by_campaign(only: Mapping[str, Any]) -> QuerySet[Slot, Any]:
    shown = gradable_pairs().exclude(purpose=Pair.Purpose.GOLD)
    wanted = Slot.objects.filter(pair__in=shown, **only).exclude(state=Slot.State.CLOSED)
    return wanted.values("campaign_id").annotate(
        grades_wanted=Count("pk"),
        grades_done=Count("pk", filter=Q(state=Slot.State.DONE)),
    )
