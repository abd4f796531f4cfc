"""Guidelines as lead reviewers see them."""

from __future__ import annotations

from django.db.models import Count, Prefetch, QuerySet

from labelling.models import Guideline, GuidelineExample


def all_guidelines() -> QuerySet[Guideline]:
    """Return all versions, the newest of each title first, with `used`: how many campaigns."""
    return Guideline.objects.select_related("made_by").annotate(
        used=Count("campaigns", distinct=True), shown=Count("examples", distinct=True)
    )


def draft_guidelines() -> QuerySet[Guideline]:
    """Return the versions to which examples can be added."""
    return Guideline.objects.filter(published_at=None)


def guideline_with_examples(guideline_id: int) -> Guideline | None:
    """Return a version with its examples, their photos and their recordings."""
    examples = GuidelineExample.objects.select_related("scene", "clip")
    versions = Guideline.objects.prefetch_related(Prefetch("examples", examples))
    return versions.filter(pk=guideline_id).first()
