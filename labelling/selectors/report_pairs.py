"""What the page of a report shows besides figures: its pairs, its graders, a grader's own work."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from statistics import median

from labelling.grades import Grading
from labelling.models import Campaign, CampaignState, Grade, Pair, Reviewer, Skip
from labelling.selectors.pairs import gradable_pairs
from retrieval.selectors.thumbs import ThumbSummary, thumb_summary


@dataclass(frozen=True, slots=True)
class OwnWork:
    """What one reviewer did in a campaign, gold pairs included: without them one could tell them.

    Seconds are medians, as in a report, since breaks are long; shares are of their grades. None if
    there are no grades.
    """

    grades: int
    skips: int
    seconds_a_pair: float | None
    listened_s: float | None
    good: float | None
    decent: float | None
    bad: float | None


def pairs_by_key(keys: Collection[int]) -> dict[int, Pair]:
    """Return pairs with photo and recording; those that may not be shown are left out."""
    return gradable_pairs().select_related("scene", "clip").in_bulk(list(keys))


def thumbs_in(campaign_id: int) -> ThumbSummary | None:
    """Return what visitors said on the pages of a campaign's photos; None if nobody did.

    They are no grades: visitors chose themselves, and which photos they looked at.
    """
    sample = gradable_pairs().filter(campaign_id=campaign_id, purpose=Pair.Purpose.SAMPLE)
    summary = thumb_summary(sample.order_by().values("scene_id"))
    return summary if summary.visitors else None


def names_of_reviewers(keys: Collection[int]) -> dict[int, str]:
    """Return the names of reviewers; those whose account is erased are left out."""
    return {
        reviewer.pk: reviewer.user.get_username()
        for reviewer in Reviewer.objects.select_related("user").filter(pk__in=keys)
        if reviewer.user is not None
    }


def closed_campaigns_of(reviewer_id: int) -> list[Campaign]:
    """Return the closed campaigns in which a reviewer graded, the last one first."""
    graded = Grade.objects.filter(reviewer_id=reviewer_id).values("pair__campaign_id")
    closed = Campaign.objects.filter(state=CampaignState.CLOSED, pk__in=graded)
    return list(closed.order_by("-closed_at", "-pk"))


def own_work(reviewer_id: int, campaign_id: int) -> OwnWork:
    """Return what a reviewer did in a campaign."""
    graded = Grade.objects.filter(reviewer_id=reviewer_id, pair__campaign_id=campaign_id)
    skipped = Skip.objects.filter(reviewer_id=reviewer_id, pair__campaign_id=campaign_id)
    rows = list(graded.values_list("grade", "took_s", "listened_s"))
    grades, took_s, heard_s = zip(*rows, strict=True) if rows else ((), (), ())
    return OwnWork(
        grades=len(rows),
        skips=skipped.count(),
        seconds_a_pair=median(took_s) if rows else None,
        listened_s=median(heard_s) if rows else None,
        **{one: grades.count(one) / len(rows) if rows else None for one in Grading.values},
    )
