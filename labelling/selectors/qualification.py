"""Whether reviewers graded enough gold pairs right to be given real pairs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from uuid import UUID

from django.db.models import Count, Q

from labelling.models import Admission, Campaign, Grade, Pair
from labelling.selectors.pairs import gradable_pairs


class Standing(Enum):
    """Where a reviewer is in the qualification of a campaign."""

    PASSED = "passed"
    PENDING = "pending"
    FAILED = "failed"


def standings(reviewer_id: int, campaigns: Sequence[Campaign]) -> dict[int, Standing]:
    """Return a reviewer's standing in each campaign, by the campaign's key."""
    asking = {campaign.pk: campaign for campaign in campaigns if campaign.qualification_pairs}
    found = {campaign.pk: Standing.PASSED for campaign in campaigns}
    if not asking:
        return found
    admitted = set(
        Admission.objects.filter(
            reviewer_id=reviewer_id, campaign__in=list(asking.values())
        ).values_list("campaign_id", flat=True)
    )
    asking = {key: campaign for key, campaign in asking.items() if key not in admitted}
    outcomes = gold_outcomes(list(asking), reviewer_id=reviewer_id)
    gold = _gold_counts(list(asking), reviewer_id)
    for key, campaign in asking.items():
        found[key] = standing(campaign, outcomes[key, reviewer_id], gold.get(key, 0))
    return found


def standing(campaign: Campaign, outcomes: Sequence[bool], gold: int) -> Standing:
    """Return the standing of one reviewer who was not admitted by a lead.

    Parameters
    ----------
    campaign
        The campaign.
    outcomes
        For each gold pair that the reviewer graded, in order, whether the grade was right.
    gold
        How many gold pairs the campaign can show; fewer than the campaign asks for are enough if
        there are no more.
    """
    needed = min(campaign.qualification_pairs, max(gold, len(outcomes)))
    first = outcomes[:needed]
    if len(first) < needed:
        return Standing.PENDING
    enough = Decimal(sum(first)) >= campaign.qualification_share * needed
    return Standing.PASSED if enough else Standing.FAILED


def gold_outcomes(
    campaign_ids: Sequence[int], *, reviewer_id: int | None = None
) -> defaultdict[tuple[int, int], list[bool]]:
    """Return by campaign and reviewer whether each grade of a gold pair was right, in order."""
    grades = Grade.objects.filter(
        pair__campaign_id__in=campaign_ids, pair__purpose=Pair.Purpose.GOLD
    )
    if reviewer_id is not None:
        grades = grades.filter(reviewer_id=reviewer_id)
    found: defaultdict[tuple[int, int], list[bool]] = defaultdict(list)
    rows = grades.order_by("at", "pk").values_list(
        "pair__campaign_id", "reviewer_id", "grade", "pair__gold_grade"
    )
    for campaign_id, reviewer, grade, right in rows:
        found[campaign_id, reviewer].append(grade == right)
    return found


def qualifying_answers(reviewer_id: int, campaign: Campaign) -> list[UUID]:
    """Return the answers that decide about a reviewer's qualification: those given first."""
    grades = Grade.objects.filter(
        reviewer_id=reviewer_id, pair__campaign=campaign, pair__purpose=Pair.Purpose.GOLD
    )
    first = grades.order_by("at", "pk")[: campaign.qualification_pairs]
    return list(first.values_list("answer_id", flat=True))


def _gold_counts(campaign_ids: Sequence[int], reviewer_id: int) -> dict[int, int]:
    """Return how many gold pairs each campaign can show, or has shown to the reviewer."""
    known = Q(pk__in=gradable_pairs()) | Q(grades__reviewer_id=reviewer_id)
    rows = (
        Pair.objects.filter(known, campaign_id__in=campaign_ids, purpose=Pair.Purpose.GOLD)
        .values("campaign_id")
        .annotate(gold=Count("pk", distinct=True))
    )
    return {row["campaign_id"]: row["gold"] for row in rows}
