"""How far a campaign is, and what its reviewers did; for leads. All numbers are counted by SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from labelling.models import (
    Admission,
    Campaign,
    Grade,
    Pair,
    PairState,
    Reviewer,
    Skip,
    Slot,
)
from labelling.selectors.pairs import gradable_pairs, real_pairs
from labelling.selectors.qualification import Standing, gold_records, standing


@dataclass(frozen=True)
class CampaignProgress:
    """Counts of a campaign's real pairs and of the grades that its design asks for.

    `withdrawn` pairs may not be shown any more, whatever their state; no other count has them,
    except `pairs`, which is all.
    """

    pairs: int
    settled: int
    disputed: int
    skipped: int
    withdrawn: int
    grades_done: int
    grades_wanted: int


@dataclass(frozen=True)
class ReviewerRow:
    """What one reviewer did in a campaign."""

    reviewer: Reviewer
    grades: int
    skips: int
    held: int
    gold_right: int
    gold_of: int
    standing: Standing


def campaign_progress(campaign_id: int) -> CampaignProgress:
    """Return how far a campaign is."""
    total = real_pairs(campaign_id).count()
    shown = gradable_pairs().filter(campaign_id=campaign_id).exclude(purpose=Pair.Purpose.GOLD)
    counted = shown.order_by().values_list("state").annotate(pairs=Count("pk"))
    by_state = dict.fromkeys(PairState.values, 0) | dict(counted)
    grades = Slot.objects.filter(campaign_id=campaign_id, pair__in=shown).aggregate(
        grades_done=Count("pk", filter=Q(state=Slot.State.DONE)),
        grades_wanted=Count("pk", filter=~Q(state=Slot.State.CLOSED)),
    )
    return CampaignProgress(
        pairs=total,
        settled=by_state[PairState.SETTLED],
        disputed=by_state[PairState.DISPUTED],
        skipped=by_state[PairState.SKIPPED],
        withdrawn=total - sum(by_state.values()),
        **grades,
    )


def reviewer_rows(campaign_id: int) -> list[ReviewerRow]:
    """Return what each reviewer did who graded, skipped or holds a pair, or was admitted."""
    campaign = Campaign.objects.get(pk=campaign_id)
    grades = _by_reviewer(Grade.objects.filter(pair__campaign_id=campaign_id))
    skips = _by_reviewer(Skip.objects.filter(pair__campaign_id=campaign_id))
    held = _by_reviewer(Slot.objects.filter(campaign_id=campaign_id, state=Slot.State.LEASED))
    admitted = Admission.objects.filter(campaign_id=campaign_id)
    keys = {*grades, *skips, *held, *admitted.values_list("reviewer_id", flat=True)}
    gold = {reviewer: record for (_, reviewer), record in gold_records([campaign_id], keys).items()}
    reviewers = Reviewer.objects.filter(pk__in=keys).select_related("user").order_by("pk")
    return [
        ReviewerRow(
            reviewer=reviewer,
            grades=grades.get(reviewer.pk, 0),
            skips=skips.get(reviewer.pk, 0),
            held=held.get(reviewer.pk, 0),
            gold_right=sum(gold[reviewer.pk].outcomes),
            gold_of=len(gold[reviewer.pk].outcomes),
            standing=standing(campaign, gold[reviewer.pk]),
        )
        for reviewer in reviewers
    ]


def _by_reviewer(rows: QuerySet[Any]) -> dict[int, int]:
    counted = rows.order_by().values("reviewer_id").annotate(rows=Count("pk"))
    return {row["reviewer_id"]: row["rows"] for row in counted}
