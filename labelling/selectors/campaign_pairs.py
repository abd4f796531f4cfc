"""The pairs of a campaign by their state, as lead reviewers see them."""

from __future__ import annotations

from enum import StrEnum

from django.db.models import Avg, Exists, OuterRef, Prefetch, QuerySet

from labelling.models import Adjudication, Grade, Pair, PairState, Skip
from labelling.selectors.pairs import WITH_LEAD, gradable_pairs, pairs_with_lead, real_pairs
from retrieval.models import Match


class Which(StrEnum):
    """Which pairs of a campaign are listed."""

    WITH_LEAD = "lead"
    SETTLED = "settled"
    OPEN = "open"
    WITHDRAWN = "withdrawn"
    GOLD = "gold"


def listed_pairs(campaign_id: int, which: Which) -> QuerySet[Pair]:
    """Return pairs with what was said about them, in the order of the draw."""
    # Not "not in": that is checked row by row if the pairs of all campaigns are many.
    is_withdrawn = ~Exists(gradable_pairs().filter(pk=OuterRef("pk")))
    shown = gradable_pairs().values("pk")
    real = real_pairs(campaign_id)
    pairs = {
        Which.WITH_LEAD: pairs_with_lead(campaign_id).filter(pk__in=shown),
        Which.SETTLED: real.filter(state=PairState.SETTLED, pk__in=shown),
        Which.OPEN: real.filter(state=PairState.OPEN, pk__in=shown),
        Which.WITHDRAWN: real.filter(is_withdrawn),
        Which.GOLD: Pair.objects.filter(campaign_id=campaign_id, purpose=Pair.Purpose.GOLD),
    }[which]
    in_force = Adjudication.objects.filter(revoked_at=None)
    return (
        pairs.select_related("scene", "clip")
        .prefetch_related(None)
        .prefetch_related(
            Prefetch("grades", Grade.objects.select_related("reviewer__user").order_by("at", "pk")),
            Prefetch("skips", Skip.objects.select_related("reviewer__user").order_by("at", "pk")),
            Prefetch("adjudications", in_force),
        )
        .order_by("position")
    )


def matches_of_pair(pair: Pair) -> list[Match]:
    """Return where the matchers found a pair's recording, with their runs."""
    return list(pair.matches.select_related("run").order_by("run__matcher", "rank"))


def next_with_lead(pair: Pair) -> Pair | None:
    """Return the next pair of the campaign that waits for a lead; after the last, the first."""
    waiting = gradable_pairs().filter(campaign=pair.campaign_id, state__in=WITH_LEAD)
    others = waiting.exclude(pk=pair.pk).order_by("position")
    return others.filter(position__gt=pair.position).first() or others.first()


def seconds_a_pair(campaign_id: int) -> dict[int, float]:
    """Return by reviewer the mean time from the sight of a photo to its grade."""
    grades = Grade.objects.filter(pair__campaign_id=campaign_id).order_by()
    return dict(
        grades.values("reviewer_id").annotate(mean=Avg("took_s")).values_list("reviewer_id", "mean")
    )
