"""Queries on guidelines."""

from __future__ import annotations

from django.db.models import Count, QuerySet

from labelling.models import Guideline, GuidelineExample
from retrieval.selectors.scenes import judgeable_scenes


def guidelines() -> QuerySet[Guideline]:
    """Return all versions of all guidelines, by title, the newest first.

    Annotated with `example_count`, the number of their examples, and `campaign_count`.
    """
    return (
        Guideline.objects.select_related("made_by")
        .annotate(
            example_count=Count("examples", distinct=True),
            campaign_count=Count("campaigns", distinct=True),
        )
        .order_by("title", "-version")
    )


def published_guidelines() -> QuerySet[Guideline]:
    """Return the published versions, by title, the newest first."""
    return Guideline.objects.filter(published_at__isnull=False).order_by("title", "-version")


def showable_examples(guideline_id: int) -> list[GuidelineExample]:
    """Return the examples that reviewers may see, with photo and recording, best grade first."""
    order = {"good": 0, "decent": 1, "bad": 2}
    examples = (
        GuidelineExample.objects.filter(
            guideline=guideline_id, scene__in=judgeable_scenes(), clip__removed_in=None
        )
        .select_related("scene", "clip")
        .order_by("pk")
    )
    return sorted(examples, key=lambda example: order[example.grade])
