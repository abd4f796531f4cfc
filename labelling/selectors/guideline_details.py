"""One guideline with its examples, and the drafts that examples can be added to."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet

from labelling.models import Guideline, GuidelineExample


def draft_guidelines() -> QuerySet[Guideline]:
    """Return the versions to which examples can be added."""
    return Guideline.objects.filter(published_at=None).order_by("title", "-version")


def guideline_with_examples(guideline_id: int) -> Guideline | None:
    """Return a version with its examples, their photos and their recordings; for leads."""
    examples = GuidelineExample.objects.select_related("scene", "clip")
    versions = Guideline.objects.prefetch_related(Prefetch("examples", examples))
    return versions.filter(pk=guideline_id).first()
