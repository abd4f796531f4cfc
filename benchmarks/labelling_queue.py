"""Benchmark of the draw and of the queue, run in `manage.py shell` by `benchmarks.labelling`."""

from __future__ import annotations

import multiprocessing
import random
import time
import uuid
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from typing import Final

from django.db import connection, connections

from benchmarks.labelling_rows import (
    RANKS,
    make_clips,
    make_lead,
    make_photo_set,
    make_reviewers,
)
from benchmarks.report import figure, heading, percentile
from labelling.models import Campaign, Guideline, Slot
from labelling.services.answers import give_grade
from labelling.services.campaigns import make_campaign
from labelling.services.drawing import open_campaign, preview
from labelling.services.guidelines import make_guideline, publish_guideline
from labelling.services.queue import claim_slots

_CLIPS: Final = 500
_SMALL, _MEDIUM, _LARGE = 1_000, 20_000, 100_000
_CLAIMS: Final = 300
_REVIEWERS: Final = 16
_EACH: Final = 60  # grades of each of the reviewers at once
_THINKS_S: Final = 0.5

# One reviewer has graded all first slots but the last few.
_NEARLY_ALL: Final = """
WITH done AS (
    UPDATE labelling_slot SET state = 'done', reviewer_id = %(reviewer)s, token = gen_random_uuid()
    WHERE campaign_id = %(campaign)s AND number = 1 AND state = 'free'
      AND position <= %(pairs)s - 10
    RETURNING pair_id
), answered AS (
    INSERT INTO labelling_answer (id, pair_id, reviewer_id, kind, detail)
    SELECT gen_random_uuid(), pair_id, %(reviewer)s, 'grade', '{}' FROM done RETURNING id, pair_id
)
INSERT INTO labelling_grade (
    pair_id, reviewer_id, answer_id, guideline_id, grade, listened_s, took_s
)
SELECT pair_id, %(reviewer)s, id, %(guideline)s, 'decent', 3, 4 FROM answered
"""


def run() -> None:
    """Print all figures."""
    make_clips(_CLIPS)
    lead_id = make_lead().pk
    reviewers = [reviewer.pk for reviewer in make_reviewers(_REVIEWERS)]
    guideline = make_guideline(title="Fit", body="Does the sound fit?", lead_id=lead_id)
    publish_guideline(guideline_id=guideline.pk, lead_id=lead_id)
    heading("Draw")
    drawn = {
        pairs: _draw(pairs, guideline=guideline, lead_id=lead_id)
        for pairs in (_SMALL, _MEDIUM, _LARGE)
    }
    heading("Claim: one reviewer")
    fresh = {pairs: _claims_s(drawn[pairs], reviewers[0]) for pairs in (_SMALL, _LARGE)}
    for pairs, times in fresh.items():
        percentiles(f"{pairs} pairs", times)
    ratio = percentile(fresh[_LARGE], 50) / percentile(fresh[_SMALL], 50)
    figure("p50 at 100 000 pairs against 1 000", ratio, "times", note="at most 2")
    heading("Claim: one reviewer who has graded nearly all first slots")
    for pairs in (_SMALL, _LARGE):
        _grade_nearly_all(drawn[pairs], reviewers[1], pairs=pairs)
        percentiles(f"{pairs} pairs", _claims_s(drawn[pairs], reviewers[1]))
    heading(f"Claim: {_REVIEWERS} reviewers at once, 2 000 pairs")
    campaign = _draw(2_000, guideline=guideline, lead_id=lead_id)
    for name, thinks_s in (("a grade every 0.5 s each", _THINKS_S), ("without a pause", 0.0)):
        _at_once(campaign, reviewers, name=name, thinks_s=thinks_s)


def _draw(pairs: int, *, guideline: Guideline, lead_id: int) -> Campaign:
    """Draw a campaign from twice as many units; print the time."""
    photo_set = make_photo_set(f"Photos for {pairs}", photos=max(1, 2 * pairs // RANKS))
    campaign = make_campaign(
        lead_id=lead_id, name=f"{pairs} pairs", photo_set=photo_set, guideline=guideline,
        matchers=["paper"], ranks=RANKS, size=pairs, seed=7, graders_per_pair=Decimal("2.5"),
    )  # fmt: skip
    began = time.perf_counter()
    draw = preview(campaign_id=campaign.pk)
    figure(f"preview of {pairs} pairs", time.perf_counter() - began, "s")
    began = time.perf_counter()
    campaign = open_campaign(campaign_id=campaign.pk, digest=draw.digest, lead_id=lead_id)
    figure(f"drawing {pairs} pairs", time.perf_counter() - began, "s")
    return campaign


def _claims_s(campaign: Campaign, reviewer_id: int, *, thinks_s: float = 0.0) -> list[float]:
    """Claim and grade pairs; return how long the claims took."""
    times: list[float] = []
    for _ in range(_CLAIMS):
        slots, took_s = _claim(campaign.pk, reviewer_id)
        times.append(took_s)
        if slots:
            _grade(reviewer_id, slots[0])
        time.sleep(thinks_s)
    return times


def _claim(campaign_id: int, reviewer_id: int) -> tuple[list[Slot], float]:
    began = time.perf_counter()
    slots = claim_slots(reviewer_id=reviewer_id, campaign_id=campaign_id, wanted=2)
    return slots, time.perf_counter() - began


def _grade(reviewer_id: int, slot: Slot) -> float:
    if slot.token is None:
        raise RuntimeError("a claimed slot has no token")
    began = time.perf_counter()
    give_grade(
        answer_id=uuid.uuid4(), reviewer_id=reviewer_id, token=slot.token, grade="decent",
        faults=[], listened_s=3.0, heard_to_end=False, took_s=4.0,
    )  # fmt: skip
    return time.perf_counter() - began


def _grade_nearly_all(campaign: Campaign, reviewer_id: int, *, pairs: int) -> None:
    values = {
        "reviewer": reviewer_id, "campaign": campaign.pk, "pairs": pairs,
        "guideline": campaign.guideline_id,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_NEARLY_ALL, values)
        cursor.execute("ANALYZE")


def _at_once(campaign: Campaign, reviewers: list[int], *, name: str, thinks_s: float) -> None:
    """Let all reviewers claim and grade at once, each in a process of its own."""
    connections.close_all()  # a forked process must not share one
    with ProcessPoolExecutor(
        len(reviewers), mp_context=multiprocessing.get_context("fork")
    ) as pool:
        work = [pool.submit(_reviews, campaign.pk, one, thinks_s) for one in reviewers]
        outcomes = [future.result() for future in work]
    percentiles(f"claim, {name}", [took_s for claims, _ in outcomes for took_s in claims])
    percentiles(f"grade, {name}", [took_s for _, grades in outcomes for took_s in grades])


def _reviews(
    campaign_id: int, reviewer_id: int, thinks_s: float
) -> tuple[list[float], list[float]]:
    claims: list[float] = []
    grades: list[float] = []
    pauses = random.Random(reviewer_id)  # people do not act in step
    for _ in range(_EACH):
        slots, took_s = _claim(campaign_id, reviewer_id)
        claims.append(took_s)
        if slots:
            grades.append(_grade(reviewer_id, slots[0]))
        time.sleep(pauses.uniform(0, 2 * thinks_s))
    return claims[1:], grades  # the first one opened the connection


def percentiles(name: str, values_s: list[float]) -> None:
    """Print median and 99th percentile of durations."""
    note = f"of {len(values_s)}, {min(values_s) * 1000:.1f} to {max(values_s) * 1000:.1f}"
    figure(f"{name}, p50", percentile(values_s, 50) * 1000, "ms")
    figure(f"{name}, p99", percentile(values_s, 99) * 1000, "ms", note=note)
