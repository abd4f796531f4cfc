"""What the page of a reviewer shows besides pairs: the campaign, its guideline, the examples."""

from __future__ import annotations

from dataclasses import dataclass

from labelling.grades import Grading
from labelling.models import Campaign, CampaignState, GuidelineExample, Reviewer
from retrieval.selectors.scenes import judgeable_scenes


@dataclass(frozen=True, slots=True)
class ExamplesOfGrade:
    """The examples of a guideline for one grade."""

    grade: Grading
    examples: tuple[GuidelineExample, ...]


def reviewer_id_of(user_id: int) -> int | None:
    """Return the key of somebody's reviewer row; None if they never reviewed."""
    return Reviewer.objects.filter(user=user_id).values_list("pk", flat=True).first()


def campaign_on_desk(campaign_id: int) -> Campaign | None:
    """Return a campaign that reviewers may know of, with its guideline; drafts are for leads."""
    return (
        Campaign.objects.select_related("guideline")
        .exclude(state=CampaignState.DRAFT)
        .filter(pk=campaign_id)
        .first()
    )


def examples_by_grade(guideline_id: int) -> list[ExamplesOfGrade]:
    """Return the examples that can be shown, by grade, best grade first."""
    shown = list(
        GuidelineExample.objects.filter(
            guideline=guideline_id, scene__in=judgeable_scenes(), clip__removed_in__isnull=True
        )
        .select_related("scene", "clip")
        .order_by("pk")
    )
    groups = (
        ExamplesOfGrade(grade, tuple(example for example in shown if example.grade == grade))
        for grade in Grading
    )
    return [group for group in groups if group.examples]


def shown_example(example_id: int) -> GuidelineExample | None:
    """Return an example that can be shown, of a published guideline, with photo and recording."""
    return (
        GuidelineExample.objects.filter(
            guideline__published_at__isnull=False,
            scene__in=judgeable_scenes(),
            clip__removed_in__isnull=True,
        )
        .select_related("scene", "clip")
        .filter(pk=example_id)
        .first()
    )
