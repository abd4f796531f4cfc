"""Queries on pairs: which may be shown, which wait for a lead, and the history of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db.models import Prefetch, QuerySet

from labelling.models import Adjudication, Answer, Grade, Pair, PairState, Reopening, Skip, Slot
from retrieval.selectors.scenes import judgeable_scenes

WITH_LEAD: Final = (PairState.DISPUTED, PairState.SKIPPED)


@dataclass(frozen=True)
class PairDetails:
    """A pair with everything that happened to it, oldest first; for leads."""

    pair: Pair
    is_gradable: bool
    slots: list[Slot]
    grades: list[Grade]
    skips: list[Skip]
    answers: list[Answer]
    adjudications: list[Adjudication]
    reopenings: list[Reopening]


def gradable_pairs() -> QuerySet[Pair]:
    """Return the pairs that may be shown to reviewers, of all campaigns.

    A photo that is deleted, hidden or private takes its pairs out of every queue at once, and so
    does a withdrawn recording.
    """
    return Pair.objects.filter(scene__in=judgeable_scenes(), clip__removed_in__isnull=True)


def real_pairs(campaign_id: int) -> QuerySet[Pair]:
    """Return a campaign's pairs without its gold."""
    return Pair.objects.filter(campaign_id=campaign_id).exclude(purpose=Pair.Purpose.GOLD)


def pairs_with_lead(campaign_id: int) -> QuerySet[Pair]:
    """Return the pairs that a lead has to decide, with photo, recording, grades and skips."""
    return (
        Pair.objects.filter(campaign_id=campaign_id, state__in=WITH_LEAD)
        .select_related("scene", "clip")
        .prefetch_related(
            Prefetch("grades", Grade.objects.select_related("reviewer__user").order_by("at", "pk")),
            Prefetch("skips", Skip.objects.select_related("reviewer__user").order_by("at", "pk")),
        )
        .order_by("position")
    )


def pair_details(pair_id: int) -> PairDetails:
    """Return a pair with its history.

    Raises
    ------
    Pair.DoesNotExist
        If there is no such pair.
    """
    pair = Pair.objects.select_related("campaign", "scene", "clip").get(pk=pair_id)
    return PairDetails(
        pair=pair,
        is_gradable=gradable_pairs().filter(pk=pair_id).exists(),
        slots=list(pair.slots.select_related("reviewer__user").order_by("number")),
        grades=list(pair.grades.select_related("reviewer__user").order_by("at", "pk")),
        skips=list(pair.skips.select_related("reviewer__user").order_by("at", "pk")),
        answers=list(
            pair.answers.select_related("reviewer__user", "undone_by").order_by("at", "pk")
        ),
        adjudications=list(pair.adjudications.select_related("lead").order_by("at", "pk")),
        reopenings=list(pair.reopenings.select_related("lead").order_by("at", "pk")),
    )
