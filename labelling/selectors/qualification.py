"""Whether reviewers graded enough gold pairs right to be given real pairs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Final
from uuid import UUID

from django.db.models import Count, Exists, OuterRef

from labelling.models import Admission, Answer, Campaign, Grade, Pair, Skip, Slot
from labelling.selectors.pairs import gradable_pairs

LEAST_SHARE: Final = Decimal("0.5")
"""Share of the gold pairs asked for that a reviewer must grade; the others may be skipped."""


class Standing(Enum):
    """Where a reviewer is in the qualification of a campaign."""

    PASSED = "passed"
    PENDING = "pending"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def may_grade(self) -> bool:
        """Whether the reviewer is given pairs, gold or real; else only a lead can admit them."""
        return self in {Standing.PASSED, Standing.PENDING}


@dataclass(frozen=True, slots=True)
class GoldRecord:
    """What a reviewer did with the gold pairs of a campaign.

    Attributes
    ----------
    outcomes : tuple of bool
        For each gold pair that the reviewer graded, in order, whether the grade was right.
    known : int
        Gold pairs that can be shown, and those that the reviewer graded before their withdrawal.
    skipped : int
        How many of the known the reviewer skipped.
    is_admitted : bool
        Whether a lead admitted the reviewer.
    has_real : bool
        Whether the reviewer graded or holds a real pair, which only those get who have passed.
    """

    outcomes: tuple[bool, ...]
    known: int
    skipped: int
    is_admitted: bool
    has_real: bool


def standings(reviewer_id: int, campaigns: Sequence[Campaign]) -> dict[int, Standing]:
    """Return a reviewer's standing in each campaign, by the campaign's key."""
    asking = [campaign.pk for campaign in campaigns if campaign.qualification_pairs]
    records = gold_records(asking, [reviewer_id]) if asking else {}
    return {
        campaign.pk: standing(campaign, records[campaign.pk, reviewer_id])
        if campaign.qualification_pairs
        else Standing.PASSED
        for campaign in campaigns
    }


def standing(campaign: Campaign, record: GoldRecord) -> Standing:
    """Return the standing of a reviewer.

    Passing is final: photos that are shown again later do not count as gold that is missing, since
    the next pair would then be known to be gold.

    If a campaign has fewer gold pairs than it asks for, since some were withdrawn, those are
    enough. So are those that the reviewer did not skip, but at least half of what is asked: after
    more skips, only a lead can admit them. The same holds for whoever skips more pairs than are
    asked for before they have graded those: they could choose the easy ones.
    """
    if record.is_admitted or record.has_real:
        return Standing.PASSED
    asked, needed = _asked_and_needed(campaign, record)
    first = record.outcomes[:needed]
    if len(record.outcomes) < asked and record.skipped > campaign.qualification_pairs:
        return Standing.SKIPPED
    if len(first) < needed:
        return Standing.PENDING
    if needed < LEAST_SHARE * asked:
        return Standing.SKIPPED
    enough = Decimal(sum(first)) >= campaign.qualification_share * needed
    return Standing.PASSED if enough else Standing.FAILED


def _asked_and_needed(campaign: Campaign, record: GoldRecord) -> tuple[int, int]:
    """Return how many gold pairs a reviewer is asked for, and how many grades are enough."""
    asked = min(campaign.qualification_pairs, record.known)
    return asked, min(asked, record.known - record.skipped)


def gold_records(
    campaign_ids: Collection[int], reviewer_ids: Collection[int]
) -> dict[tuple[int, int], GoldRecord]:
    """Return what each reviewer did with the gold pairs of each campaign, by campaign first."""
    gold = Pair.objects.filter(campaign_id__in=campaign_ids, purpose=Pair.Purpose.GOLD)
    shown = gold & gradable_pairs()
    counts = shown.order_by().values_list("campaign_id").annotate(pairs=Count("pk"))
    known = {(campaign, reviewer): pairs for campaign, pairs in counts for reviewer in reviewer_ids}
    outcomes: defaultdict[tuple[int, int], list[bool]] = defaultdict(list)
    withdrawn: Counter[tuple[int, int]] = Counter()
    grades = Grade.objects.filter(pair__in=gold, reviewer_id__in=reviewer_ids)
    rows = (
        grades.annotate(is_shown=Exists(gradable_pairs().filter(pk=OuterRef("pair"))))
        .order_by("at", "pk")
        .values_list("pair__campaign_id", "reviewer_id", "grade", "pair__gold_grade", "is_shown")
    )
    for campaign_id, reviewer_id, grade, right, is_shown in rows:
        outcomes[campaign_id, reviewer_id].append(grade == right)
        withdrawn[campaign_id, reviewer_id] += not is_shown
    skips = Skip.objects.filter(pair__in=shown, reviewer_id__in=reviewer_ids)
    skipped = Counter(skips.values_list("pair__campaign_id", "reviewer_id"))
    real = Slot.objects.filter(
        campaign_id__in=campaign_ids, reviewer_id__in=reviewer_ids,
        state__in=[Slot.State.LEASED, Slot.State.DONE],
    ).exclude(pair__purpose=Pair.Purpose.GOLD)  # fmt: skip
    with_real = set(real.order_by().values_list("campaign_id", "reviewer_id").distinct())
    admitted = set(
        Admission.objects.filter(
            campaign_id__in=campaign_ids, reviewer_id__in=reviewer_ids
        ).values_list("campaign_id", "reviewer_id")
    )
    return {
        key: GoldRecord(
            outcomes=tuple(outcomes[key]),
            known=known.get(key, 0) + withdrawn[key],
            skipped=skipped[key],
            is_admitted=key in admitted,
            has_real=key in with_real,
        )
        for key in ((campaign, reviewer) for campaign in campaign_ids for reviewer in reviewer_ids)
    }


def qualifying_answers(reviewer_id: int, campaign: Campaign, record: GoldRecord) -> list[UUID]:
    """Return the answers that decide about a reviewer's qualification.

    As many of the first as were needed, and none after the first answer to a real pair: later gold
    must be undone like any other pair, even if more has been shown since and would now be needed.
    """
    gold = Grade.objects.filter(
        reviewer_id=reviewer_id, pair__campaign=campaign, pair__purpose=Pair.Purpose.GOLD
    )
    real = Answer.objects.filter(reviewer_id=reviewer_id, pair__campaign=campaign)
    real = real.exclude(pair__purpose=Pair.Purpose.GOLD).order_by("at")
    if began_at := real.values_list("at", flat=True).first():
        gold = gold.filter(answer__at__lt=began_at)
    _, needed = _asked_and_needed(campaign, record)
    return list(gold.order_by("at", "pk")[:needed].values_list("answer_id", flat=True))
