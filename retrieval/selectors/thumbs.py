"""Queries on visitors' thumbs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Case, CharField, Count, F, QuerySet, Value, When
from django.db.models.functions import Cast, Concat

from retrieval.models import Thumb


@dataclass(frozen=True, slots=True)
class ThumbGiver:
    """A visitor who gives thumbs: an account or else a browser, by the hash of its name."""

    account_id: int | None = None
    browser_key: str = ""


@dataclass(slots=True)
class ThumbCounts:
    """How many visitors say that a recording fits, and that it does not; these by reason.

    Attributes
    ----------
    reasons : dict
        By `Thumb.Reason`; "" counts those who gave none.
    """

    fits: int = 0
    does_not_fit: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, row: Mapping[str, Any]) -> None:
        """Add the thumbs of one answer and reason."""
        if row["fits"]:
            self.fits += row["thumbs"]
        else:
            self.does_not_fit += row["thumbs"]
            self.reasons[row["reason"]] = self.reasons.get(row["reason"], 0) + row["thumbs"]


@dataclass(frozen=True, slots=True)
class ThumbSummary:
    """Thumbs on the pages of some photos: a sample that chose itself.

    Attributes
    ----------
    visitors : int
        How many different ones gave them.
    counts : dict
        By matcher and rank, in that order.
    """

    visitors: int
    counts: dict[tuple[str, int], ThumbCounts]


def own_thumbs(giver: ThumbGiver, match_ids: Collection[int]) -> dict[int, Thumb]:
    """Return what a visitor said of some matches, by match."""
    given = Thumb.objects.filter(
        match__in=match_ids, account=giver.account_id, browser_key=giver.browser_key
    )
    return {thumb.match_id: thumb for thumb in given}


def thumb_summary(scene_ids: Collection[UUID] | QuerySet[Any, Any]) -> ThumbSummary:
    """Count the thumbs that were given on the pages of some photos, with two queries.

    Other visitors' copies of the same photos, which may be private, are left out, and so are
    thumbs on results with a filter, whose ranks do not compare.
    """
    given = Thumb.objects.filter(scene__in=scene_ids, match__run__clip_filter={})
    counts: dict[tuple[str, int], ThumbCounts] = defaultdict(ThumbCounts)
    for row in _counted(given, "match__run__matcher", "match__rank"):
        counts[row["match__run__matcher"], row["match__rank"]].add(row)
    account = Cast("account_id", CharField())
    visitor = Case(
        When(browser_key="", then=Concat(Value("account "), account)), default=F("browser_key")
    )
    visitors = given.aggregate(visitors=Count(visitor, distinct=True))["visitors"]
    return ThumbSummary(visitors, dict(counts))


def thumb_data(user_id: int) -> Iterator[Mapping[str, object]]:
    """Yield what a person said about matches, for an export."""
    given = Thumb.objects.filter(account=user_id).order_by("pk")
    yield from given.values(
        "scene_id", "fits", "reason", "at",
        matcher=F("match__run__matcher"), rank=F("match__rank"), recording=F("match__clip__title"),
    ).iterator()  # fmt: skip


def _counted(given: QuerySet[Thumb], *keys: str) -> Iterable[dict[str, Any]]:
    groups = given.order_by(*keys, "fits", "reason").values(*keys, "fits", "reason")
    return list(groups.annotate(thumbs=Count("pk")))
