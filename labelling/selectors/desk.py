"""What the page of a reviewer shows besides pairs: the campaign, its guideline, the examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import Count, Q

from labelling.grades import Grading
from labelling.models import Campaign, CampaignState, GuidelineExample, Pair, Reviewer, Skip, Slot
from labelling.selectors.guidelines import showable_examples
from labelling.selectors.pairs import gradable_pairs
from labelling.selectors.queue import HELD_SLOTS, OwnProgress, own_progress
from retrieval.selectors.scenes import judgeable_scenes


@dataclass(frozen=True, slots=True)
class ExamplesOfGrade:
    """The examples of a guideline for one grade."""

    grade: Grading
    examples: tuple[GuidelineExample, ...]


@dataclass(frozen=True, slots=True)
class ShownProgress:
    """Progress as reviewers see it: without what would tell which pairs are gold.

    `with_others` is None while pairs are left: it would grow with each grade of a real pair.
    """

    own_total: int
    with_others: int | None


@dataclass(frozen=True, slots=True)
class _Gold:
    """How many gold pairs a reviewer has graded or holds, can be shown, and skipped."""

    given: int
    there: int
    skipped: int


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
    """Return what a reviewer may see of the progress in a campaign."""
    own = own_progress(reviewer_id, campaign.pk)
    return shown_progresses(reviewer_id, [(campaign, own)])[campaign.pk]


def shown_progresses(
    reviewer_id: int, counted: Sequence[tuple[Campaign, OwnProgress]]
) -> dict[int, ShownProgress]:
    """Return by campaign what a reviewer may see of the progress counted in it.

    Gold pairs are leased one by one. A total that grew with each of them would give them away, so
    it includes from the beginning those that the reviewer will probably be given. A skip lowers it
    by one, whatever the pair was.
    """
    begun = [campaign.pk for campaign, own in counted if own.left]
    given, there = _gold_given(reviewer_id, begun), _gold_there(begun)
    skipped = _skipped(reviewer_id, begun)
    return {
        campaign.pk: ShownProgress(
            _own_total(
                campaign,
                own,
                _Gold(
                    given=given.get(campaign.pk, 0),
                    there=there.get(campaign.pk, 0),
                    skipped=skipped[campaign.pk, True],
                ),
                skipped[campaign.pk, False],
            ),
            None if own.left else own.with_others,
        )
        for campaign, own in counted
    }


def designed_grades(campaign_ids: Collection[int]) -> dict[int, tuple[int, int]]:
    """Return how many grades of each design are given or not needed any more, of how many.

    Without third opinions, which would tell that reviewers disagreed.
    """
    shown = gradable_pairs().exclude(purpose=Pair.Purpose.GOLD)
    designed = Slot.objects.filter(campaign__in=campaign_ids, extra=False, pair__in=shown)
    counted = (
        designed.order_by()
        .values_list("campaign_id")
        .annotate(
            done=Count("pk", filter=Q(state__in=[Slot.State.DONE, Slot.State.CLOSED])),
            total=Count("pk"),
        )
    )
    return dict.fromkeys(campaign_ids, (0, 0)) | {
        key: (done, total) for key, done, total in counted
    }


def _own_total(campaign: Campaign, own: OwnProgress, gold: _Gold, skipped: int) -> int:
    """Return the total; `skipped` real pairs do not change how many gold pairs are expected."""
    if not own.left:
        return own.done
    real = own.done + own.left - gold.given
    share = float(campaign.gold_share)
    planned = campaign.qualification_pairs + round((real + skipped) * share / (1 - share))
    return real + max(min(planned, gold.there) - gold.skipped, gold.given)


def _skipped(reviewer_id: int, campaign_ids: Collection[int]) -> Counter[tuple[int, bool]]:
    """Return how many pairs that can be shown a reviewer skipped, by campaign and being gold."""
    skips = Skip.objects.filter(
        reviewer_id=reviewer_id, pair__in=gradable_pairs().filter(campaign__in=campaign_ids)
    )
    rows = skips.values_list("pair__campaign_id", "pair__purpose")
    return Counter((campaign_id, purpose == Pair.Purpose.GOLD) for campaign_id, purpose in rows)


def _gold_given(reviewer_id: int, campaign_ids: Collection[int]) -> dict[int, int]:
    """Return how many gold pairs of each campaign a reviewer has graded or holds."""
    given = Slot.objects.filter(
        reviewer_id=reviewer_id, campaign__in=campaign_ids, state__in=HELD_SLOTS,
        pair__purpose=Pair.Purpose.GOLD,
    )  # fmt: skip
    return dict(given.order_by().values_list("campaign_id").annotate(Count("pk")))


def _gold_there(campaign_ids: Collection[int]) -> dict[int, int]:
    """Return how many gold pairs of each campaign can be shown."""
    there = gradable_pairs().filter(campaign__in=campaign_ids, purpose=Pair.Purpose.GOLD)
    return dict(there.order_by().values_list("campaign_id").annotate(Count("pk")))


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
