"""The rows of a campaign's report, read with a number of queries that does not depend on size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from json import loads
from typing import Any, Final

import numpy as np
from django.db.models import Count, F, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils.crypto import salted_hmac

from labelling.grades import Grading
from labelling.models import Adjudication, Campaign, Grade, Pair, Skip
from labelling.reporting.rows import (
    BAD,
    DECENT,
    GOOD,
    FoundRows,
    GradeRows,
    GraderRow,
    PairRows,
    ReportRows,
)
from labelling.selectors.pairs import gradable_pairs
from labelling.selectors.sceneries import PhotoKind, kinds_of_photos

_AS_NUMBER: Final[Mapping[str, float]] = {
    Grading.BAD.value: BAD,
    Grading.DECENT.value: DECENT,
    Grading.GOOD.value: GOOD,
}
_PSEUDONYM_DIGITS: Final = 8
_SAMPLE: Final = Pair.Purpose.SAMPLE


def report_rows(campaign_id: int) -> ReportRows:
    """Return everything that a campaign's report is made from.

    Raises
    ------
    Campaign.DoesNotExist
        If there is no such campaign.
    """
    campaign = Campaign.objects.select_related("photo_set", "guideline").get(pk=campaign_id)
    skips = list(_of_sample(Skip.objects.all(), campaign_id).values_list("pair_id", "reviewer_id"))
    pairs = _pairs(campaign_id, skips)
    place = {key: index for index, key in enumerate(pairs.key.tolist())}
    in_sample = Pair.objects.filter(campaign_id=campaign_id, purpose=_SAMPLE).count()
    grades, graders = _grades(campaign_id, place, skips)
    return ReportRows(
        campaign=_facts(campaign),
        pairs=pairs,
        found=_found(campaign_id, place),
        grades=grades,
        graders=graders,
        withdrawn=max(0, in_sample - len(place)),
    )


def campaign_named(text: str) -> Campaign | None:
    """Return the campaign with this key or, whatever its case, this name; None without one."""
    if text.isdecimal() and (found := Campaign.objects.filter(pk=text).first()):
        return found
    return Campaign.objects.filter(name__iexact=text).first()


def _facts(campaign: Campaign) -> dict[str, Any]:
    return {
        "id": campaign.pk,
        "name": campaign.name,
        "state": str(campaign.state),
        "photo_set": campaign.photo_set.name,
        "photos": campaign.photo_set.photos.count(),
        "guideline": str(campaign.guideline),
        "matchers": list(campaign.matchers),
        "ranks": campaign.ranks,
        "design": str(campaign.design),
        "strata": str(campaign.strata),
        "size": campaign.size,
        "seed": campaign.seed,
        "frame_units": campaign.frame_units,
        "draw_digest": campaign.draw_digest,
        "graders_per_pair": float(campaign.graders_per_pair),
        "drawn_at": _iso(campaign.drawn_at),
        "closed_at": _iso(campaign.closed_at),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _of_sample(rows: QuerySet[Any], campaign_id: int) -> QuerySet[Any]:
    return rows.filter(pair__campaign_id=campaign_id, pair__purpose=_SAMPLE)


def _pairs(campaign_id: int, skips: Sequence[tuple[int, int]]) -> PairRows:
    shown = gradable_pairs().filter(campaign_id=campaign_id, purpose=_SAMPLE)
    rows = shown.order_by("position").values_list(
        "pk", "position", "scene__photo_sha256", "state", "stratum", "clip__collection", "clip_id",
        "inclusion_probability",
    )  # fmt: skip
    keys, positions, photos, states, strata, collections, clips, probabilities = _columns(rows, 8)
    kinds = kinds_of_photos(shown.order_by().values("scene__photo_sha256"))
    of_pairs = [kinds.get(photo, PhotoKind()) for photo in photos]
    in_force = _of_sample(Adjudication.objects.filter(revoked_at=None), campaign_id)
    decided = dict(in_force.values_list("pair_id", "grade"))
    skipped = Counter(pair for pair, _ in skips)
    return PairRows(
        key=_ints(keys),
        position=_ints(positions),
        photo=_numbered(photos),
        state=_texts(states),
        stratum=_texts(strata),
        scenery=_texts([kind.scenery for kind in of_pairs]),
        origin=_texts([kind.origin for kind in of_pairs]),
        collection=_texts(collections),
        clip=_ints(clips),
        probability=_floats(probabilities),
        adjudicated=_floats([_AS_NUMBER.get(decided.get(key, ""), np.nan) for key in keys]),
        skips=_ints([skipped[key] for key in keys]),
    )


def _found(campaign_id: int, place: Mapping[int, int]) -> FoundRows:
    through = _of_sample(Pair.matches.through.objects.all(), campaign_id)
    versions = Cast("match__run__model_versions", TextField())  # as text: few differ
    rows = through.order_by("pair__position", "match_id").values_list(
        "pair_id", "match__run__matcher", "match__run__matcher_version", versions,
        "match__strength", "match__rank", "match__explained", "match__standard",
    )  # fmt: skip
    shown = (row for row in rows if row[0] in place)
    pairs, matchers, numbers, models, strengths, ranks, explained, standard = _columns(shown, 8)
    by_side = {text: (_models(text, "image"), _models(text, "audio")) for text in set(models)}
    return FoundRows(
        pair=_ints([place[pair] for pair in pairs]),
        matcher=_texts(matchers),
        matcher_version=_texts([str(number) for number in numbers]),
        image_model=_texts([by_side[text][0] for text in models]),
        sound_model=_texts([by_side[text][1] for text in models]),
        strength=_texts(strengths),
        rank=_ints(ranks),
        explained=_floats(explained),
        standard=_floats(standard),
    )


def _models(model_versions: str, side: str) -> str:
    """Return the models of one side in all spaces, as a text."""
    return ", ".join(sorted({of_space[side] for of_space in loads(model_versions).values()}))


def _grades(
    campaign_id: int, place: Mapping[int, int], skips: Sequence[tuple[int, int]]
) -> tuple[GradeRows, tuple[GraderRow, ...]]:
    rows = (
        _of_sample(Grade.objects.all(), campaign_id)
        .order_by("pair__position", "at", "pk")
        .values_list("pair_id", "reviewer_id", "grade", "faults", "listened_s", "took_s", "at")
    )
    shown = (row for row in rows if row[0] in place)
    pairs, reviewers, grades, faults, listened, took, moments = _columns(shown, 7)
    graders = _graders(campaign_id, reviewers, [row for row in skips if row[0] in place])
    number = {grader.key: index for index, grader in enumerate(graders)}
    found = GradeRows(
        pair=_ints([place[pair] for pair in pairs]),
        grader=_ints([number[reviewer] for reviewer in reviewers]),
        grade=_floats([_AS_NUMBER[grade] for grade in grades]),
        faults=tuple(map(tuple, faults)),
        listened_s=_floats(listened),
        took_s=_floats(took),
        at=tuple(moments),
    )
    return found, graders


def _graders(
    campaign_id: int, reviewers: Iterable[int], skips: Iterable[tuple[int, int]]
) -> tuple[GraderRow, ...]:
    """Return all who graded or skipped a pair, gold ones too, by pseudonym."""
    on_gold = Grade.objects.filter(pair__campaign_id=campaign_id, pair__purpose=Pair.Purpose.GOLD)
    counted = (
        on_gold.order_by()
        .values("reviewer_id")
        .annotate(right=Count("pk", filter=Q(grade=F("pair__gold_grade"))), of=Count("pk"))
    )
    gold = {row["reviewer_id"]: (row["right"], row["of"]) for row in counted}
    skipped = Counter(reviewer for _, reviewer in skips)
    found = [
        GraderRow(
            key=key,
            pseudonym=pseudonym(campaign_id, key),
            gold_right=gold.get(key, (0, 0))[0],
            gold_of=gold.get(key, (0, 0))[1],
            skips=skipped[key],
        )
        for key in {*reviewers, *gold, *skipped}
    ]
    return tuple(sorted(found, key=lambda grader: grader.pseudonym))


def pseudonym(campaign_id: int, reviewer_id: int) -> str:
    """Return a reviewer's pseudonym, which needs the site's secret key to be guessed.

    Reviewers have another one in each campaign, so that two exports cannot be linked by it.
    """
    digest = salted_hmac("labelling.pseudonym", f"{campaign_id} {reviewer_id}").hexdigest()
    return f"grader-{digest[:_PSEUDONYM_DIGITS]}"


def _columns(rows: Iterable[Sequence[Any]], width: int) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True)) or [()] * width


def _numbered(values: Iterable[str]) -> Any:
    """Return numbers from 0 for values in the order of their first occurrence."""
    numbers: dict[str, int] = {}
    return _ints([numbers.setdefault(value, len(numbers)) for value in values])


def _ints(values: Sequence[int]) -> Any:
    return np.array(values, dtype=np.int64)


def _floats(values: Sequence[float | None]) -> Any:
    """Return floats; NaN for None."""
    return np.array(values, dtype=np.float64)


def _texts(values: Sequence[str]) -> Any:
    return np.array(values, dtype=np.str_)
