"""The rows of a campaign's report, read with a number of queries that does not depend on size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from json import loads
from typing import Any, Final, NamedTuple

import numpy as np
from django.db.models import BigIntegerField, Count, F, Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast
from django.utils.crypto import salted_hmac

from labelling.grades import Grading
from labelling.models import Adjudication, Campaign, Grade, Pair, Skip, Slot
from labelling.reporting.rows import (
    BAD,
    DECENT,
    GOOD,
    FloatArray,
    FoundRows,
    GradeRows,
    GraderRow,
    IntArray,
    PairRows,
    ReportRows,
    TextArray,
)
from labelling.reporting.sample import BoolArray
from labelling.selectors.columns import columns_of
from labelling.selectors.pairs import gradable_pairs
from labelling.selectors.sceneries import PhotoKind, kinds_of_photos
from retrieval.models import MatchRun

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
    in_sample = Pair.objects.filter(campaign_id=campaign_id, purpose=_SAMPLE).count()
    grades, graders = _grades(campaign_id, pairs.key, skips)
    return ReportRows(
        campaign=_facts(campaign),
        pairs=pairs,
        found=_found(campaign_id, pairs.key),
        grades=grades,
        graders=graders,
        withdrawn=max(0, in_sample - len(pairs.key)),
    )


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
    rows = shown.values(
        "pk", "position", "state", "stratum", "clip_id", "inclusion_probability",
        photo=F("scene__photo_sha256"), collection=F("clip__collection"),
    )  # fmt: skip
    found = columns_of(
        rows, pk=int, position=int, state=str, stratum=str, clip_id=int,
        inclusion_probability=float, photo=str, collection=str,
    )  # fmt: skip
    order = np.argsort(found["position"])
    keys = found["pk"][order]
    numbers: dict[str, int] = {}  # of photos, in the order of their first pair
    photo = [numbers.setdefault(found["photo"][row], len(numbers)) for row in order.tolist()]
    kinds = kinds_of_photos(numbers)
    of_photos = [kinds.get(name, PhotoKind()) for name in numbers]
    return PairRows(
        key=keys,
        position=found["position"][order],
        photo=np.array(photo, dtype=np.int64),
        state=_texts(found["state"])[order],
        stratum=_texts(found["stratum"])[order],
        scenery=_texts([kind.scenery for kind in of_photos])[photo],
        origin=_texts([kind.origin for kind in of_photos])[photo],
        collection=_texts(found["collection"])[order],
        clip=found["clip_id"][order],
        probability=found["inclusion_probability"][order],
        adjudicated=_adjudicated(campaign_id, keys),
        skips=np.bincount(
            _places(keys, np.array([pair for pair, _ in skips], dtype=np.int64))[1],
            minlength=len(keys),
        ),
    )


def _adjudicated(campaign_id: int, keys: IntArray) -> FloatArray:
    """Return the grade by a lead that is in force, of each of these pairs; NaN without one."""
    in_force = _of_sample(Adjudication.objects.filter(revoked_at=None), campaign_id)
    found = columns_of(in_force.values("pair_id", "grade"), pair_id=int, grade=str)
    kept, place = _places(keys, found["pair_id"])
    grades = np.full(len(keys), np.nan)
    grades[place] = [_AS_NUMBER[found["grade"][row]] for row in kept.tolist()]
    return grades


def _found(campaign_id: int, keys: IntArray) -> FoundRows:
    rows = _of_sample(Pair.matches.through.objects.all(), campaign_id).values(
        "pair_id", "match_id", run=F("match__run_id"), strength=F("match__strength"),
        rank=F("match__rank"), explained=F("match__explained"), standard=F("match__standard"),
        fit=F("match__fit"),
    )  # fmt: skip
    found = columns_of(
        rows, pair_id=int, match_id=int, run=int, strength=str, rank=int, explained=float,
        standard=float, fit=float,
    )  # fmt: skip
    kept, place = _places(keys, found["pair_id"])
    kept = kept[order := np.lexsort((found["match_id"][kept], place))]
    of_runs = _facts_of_runs(found["run"][kept])
    is_known = np.isin(found["run"][kept], of_runs.pk)  # a run may be deleted between two queries
    kept, place = kept[is_known], place[order][is_known]
    at = np.searchsorted(of_runs.pk, found["run"][kept])
    return FoundRows(
        pair=place,
        matcher=of_runs.matcher[at],
        matcher_version=of_runs.version[at],
        image_model=of_runs.image[at],
        sound_model=of_runs.sound[at],
        strength=_texts(found["strength"])[kept],
        rank=found["rank"][kept],
        explained=found["explained"][kept],
        standard=found["standard"][kept],
        fit=found["fit"][kept],
    )


class _Runs(NamedTuple):
    """Facts of runs, by key; `image` and `sound` are the models of all spaces."""

    pk: IntArray
    matcher: TextArray
    version: TextArray
    image: TextArray
    sound: TextArray


def _facts_of_runs(keys: IntArray) -> _Runs:
    rows = MatchRun.objects.filter(pk__in=np.unique(keys).tolist()).values(
        "pk", "matcher", "matcher_version", "model_versions"
    )
    found = columns_of(rows, pk=int, matcher=str, matcher_version=str, model_versions=str)
    order = np.argsort(found["pk"])
    known = {text: _models(text) for text in set(found["model_versions"])}
    images, sounds = ([known[text][side] for text in found["model_versions"]] for side in (0, 1))
    texts = (found["matcher"], found["matcher_version"], images, sounds)
    return _Runs(found["pk"][order], *(_texts(column)[order] for column in texts))


def _models(model_versions: str) -> tuple[str, str]:
    """Return the models of images and of sounds in all spaces."""
    of_spaces = loads(model_versions).values()
    images, sounds = ({one[side] for one in of_spaces} for side in ("image", "audio"))
    return ", ".join(sorted(images)), ", ".join(sorted(sounds))


def _grades(
    campaign_id: int, keys: IntArray, skips: Sequence[tuple[int, int]]
) -> tuple[GradeRows, tuple[GraderRow, ...]]:
    microseconds = Func(F("at"), template="extract(epoch FROM %(expressions)s) * 1000000")
    faults = Func(F("faults"), Value(" "), function="array_to_string", output_field=TextField())
    rows = _of_sample(Grade.objects.all(), campaign_id).values(
        "pk", "pair_id", "reviewer_id", "grade", "listened_s", "took_s",
        moment=Cast(microseconds, BigIntegerField()), reasons=faults,
    )  # fmt: skip
    found = columns_of(
        rows, pk=int, pair_id=int, reviewer_id=int, grade=str, listened_s=float, took_s=float,
        moment=int, reasons=str,
    )  # fmt: skip
    kept, place = _places(keys, found["pair_id"])
    is_third = _are_third_opinions(campaign_id, found["pair_id"], found["reviewer_id"])[kept]
    kept = kept[order := np.lexsort((found["pk"][kept], found["moment"][kept], is_third, place))]
    reviewers, number = np.unique(found["reviewer_id"][kept], return_inverse=True)
    shown = set(keys.tolist())
    graders = _graders(campaign_id, reviewers.tolist(), [row for row in skips if row[0] in shown])
    at = {grader.key: index for index, grader in enumerate(graders)}
    grades = np.array([_AS_NUMBER[grade] for grade in found["grade"]], dtype=np.float64)
    reasons = {text: tuple(text.split()) for text in set(found["reasons"])}
    rows_of_grades = GradeRows(
        pair=place[order],
        grader=np.array([at[key] for key in reviewers.tolist()], dtype=np.int64)[number],
        grade=grades[kept],
        faults=tuple(reasons[found["reasons"][index]] for index in kept.tolist()),
        listened_s=found["listened_s"][kept],
        took_s=found["took_s"][kept],
        at=_moments(found["moment"][kept]),
    )
    return rows_of_grades, graders


def _are_third_opinions(campaign_id: int, pairs: IntArray, reviewers: IntArray) -> BoolArray:
    """Return which of these grades are for a slot that was added because graders differed.

    A grade that was undone and given again is later than the third opinion that it called for.
    """
    slots = Slot.objects.filter(campaign_id=campaign_id, extra=True, state=Slot.State.DONE)
    found = columns_of(slots.values("pair_id", "reviewer_id"), pair_id=int, reviewer_id=int)
    people = 1 + max(reviewers.max(initial=0), found["reviewer_id"].max(initial=0))
    third = found["pair_id"] * people + found["reviewer_id"]
    return np.isin(pairs * people + reviewers, third)


def _places(keys: IntArray, of: IntArray) -> tuple[IntArray, IntArray]:
    """Return which rows are of shown pairs, and the index of their pair in `keys`."""
    order = np.argsort(keys)
    at = np.searchsorted(keys[order], of)
    kept = np.flatnonzero(np.isin(of, keys))
    return kept, order[at[kept]]


def _moments(microseconds: IntArray) -> tuple[datetime, ...]:
    naive = microseconds.astype("datetime64[us]").tolist()
    return tuple(moment.replace(tzinfo=UTC) for moment in naive)


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


def _texts(values: Sequence[str]) -> TextArray:
    return np.array(values, dtype=np.str_)
