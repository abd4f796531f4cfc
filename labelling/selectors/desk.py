"""What the page of a reviewer shows besides pairs: the campaign, its guideline, the examples."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from django.db.models import Count, Q

from labelling.grades import Grading
from labelling.models import Campaign, CampaignState, GuidelineExample, Pair, Reviewer, Slot
from labelling.selectors.guidelines import showable_examples
from labelling.selectors.pairs import gradable_pairs
from labelling.selectors.queue import OwnProgress, own_progress
from retrieval.selectors.scenes import judgeable_scenes


@dataclass(frozen=True, slots=True)
class ExamplesOfGrade:
    """The examples of a guideline for one grade."""

    grade: Grading
    examples: tuple[GuidelineExample, ...]


@dataclass(frozen=True, slots=True)
class ShownProgress:
    """Progress as reviewers see it: without what would tell which pairs are gold."""

    own_total: int
    with_others: int


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


def done_by(reviewer_id: int, campaign_id: int) -> int:
    """Return how many pairs of a campaign a reviewer has graded, gold included."""
    return Slot.objects.filter(
        reviewer_id=reviewer_id, campaign_id=campaign_id, state=Slot.State.DONE
    ).count()


def shown_progress(reviewer_id: int, campaign: Campaign) -> ShownProgress:
    """Return what a reviewer may see of the progress in a campaign.

    Gold pairs are leased one by one. A total that grew with each of them would give them away, so
    it includes from the beginning those that the reviewer will probably be given.
    """
    own = own_progress(reviewer_id, campaign.pk)
    return ShownProgress(_own_total(reviewer_id, campaign, own), own.with_others)


def designed_grades(campaign_id: int) -> tuple[int, int]:
    """Return how many grades of a campaign's design are given or not needed any more, of how many.

    Without third opinions, which would tell that reviewers disagreed.
    """
    designed = Slot.objects.filter(
        campaign_id=campaign_id, extra=False, pair__in=gradable_pairs()
    ).exclude(pair__purpose=Pair.Purpose.GOLD)
    counted = designed.aggregate(
        done=Count("pk", filter=Q(state__in=[Slot.State.DONE, Slot.State.CLOSED])),
        total=Count("pk"),
    )
    return counted["done"], counted["total"]


def _own_total(reviewer_id: int, campaign: Campaign, own: OwnProgress) -> int:
    if not own.left:
        return own.done
    gold = Slot.objects.filter(
        reviewer_id=reviewer_id, campaign=campaign, pair__purpose=Pair.Purpose.GOLD
    ).aggregate(
        done=Count("pk", filter=Q(state=Slot.State.DONE)),
        held=Count("pk", filter=Q(state=Slot.State.LEASED)),
    )
    given: int = gold["done"] + gold["held"]
    real = own.done + own.left - given
    share = float(campaign.gold_share)
    planned = max(round(real * share / (1 - share)), campaign.qualification_pairs)
    if planned > given:
        there = gradable_pairs().filter(campaign=campaign, purpose=Pair.Purpose.GOLD).count()
        planned = min(planned, there)
    return real + max(planned, given)


def examples_by_grade(guideline_id: int) -> list[ExamplesOfGrade]:
    """Return the examples that can be shown, by grade, best grade first."""
    shown = showable_examples(guideline_id)
    return [
        ExamplesOfGrade(Grading(grade), tuple(examples))
        for grade, examples in groupby(shown, key=lambda example: example.grade)
    ]


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
