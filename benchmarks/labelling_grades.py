"""Benchmark of a report, run in `manage.py shell` by `benchmarks.labelling_report`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

import psutil
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from benchmarks.labelling_rows import RANKS, make_clips, make_lead, make_photo_set, make_reviewers
from benchmarks.report import figure, heading
from labelling.models import Campaign
from labelling.reporting.figures import make_report
from labelling.selectors.report_rows import report_rows
from labelling.services.campaigns import make_campaign
from labelling.services.drawing import open_campaign, preview
from labelling.services.guidelines import make_guideline, publish_guideline
from labelling.services.snapshots import freeze_report

_PAIRS: Final = 50_000
_REVIEWERS: Final = 16
_TIMES: Final = 5

_PROFILES: Final = """
INSERT INTO retrieval_sceneprofile (photo_sha256, space_id, classes, model_version, distribution)
SELECT photo_sha256, 'objects', 1000, 'benchmark',
       (SELECT array_agg(random() + 0 * (n + length(photo_sha256)))
        FROM generate_series(1, 1000) n)::vector
FROM labelling_setphoto
"""
_SCORES: Final = """
UPDATE retrieval_match SET standard = scored.score, explained = scored.score / 4, strength =
    CASE WHEN scored.score >= 3 THEN 'strong' WHEN scored.score >= 2 THEN 'fair'
         WHEN scored.score >= 1 THEN 'weak' ELSE 'none' END
FROM (SELECT id, 4 * random() AS score FROM retrieval_match) scored
WHERE scored.id = retrieval_match.id
"""
# The slots of a pair belong to different reviewers, who err at random.
_GRADES: Final = """
WITH done AS (
    UPDATE labelling_slot slot SET state = 'done', token = gen_random_uuid(),
           reviewer_id = (%(reviewers)s::bigint[])[1 + (slot.position + slot.number) %% %(count)s]
    WHERE campaign_id = %(campaign)s RETURNING pair_id, reviewer_id
), answered AS (
    INSERT INTO labelling_answer (id, pair_id, reviewer_id, kind, detail)
    SELECT gen_random_uuid(), pair_id, reviewer_id, 'grade', '{}' FROM done
    RETURNING id, pair_id, reviewer_id
), graded AS (
    SELECT answered.*, match.standard + 1.5 * random() AS fits
    FROM answered JOIN labelling_pair_matches through ON through.pair_id = answered.pair_id
    JOIN retrieval_match match ON match.id = through.match_id
)
INSERT INTO labelling_grade (
    pair_id, reviewer_id, answer_id, guideline_id, grade, faults, listened_s, took_s
)
SELECT pair_id, reviewer_id, id, %(guideline)s,
       CASE WHEN fits > 3 THEN 'good' WHEN fits > 2 THEN 'decent' ELSE 'bad' END,
       CASE WHEN fits <= 1 THEN '{place}'::varchar[] ELSE '{}' END,
       3 + 20 * random(), 5 + 20 * random()
FROM graded
"""
_STATES: Final = """
UPDATE labelling_pair pair SET state = CASE WHEN found.grades = 1 THEN 'settled' ELSE 'disputed' END
FROM (SELECT pair_id, count(DISTINCT grade) AS grades FROM labelling_grade GROUP BY pair_id) found
WHERE found.pair_id = pair.id
"""


def run() -> None:
    """Print all figures."""
    measure(graded_campaign())


def measure(campaign: Campaign) -> None:
    """Print the time of a report on one core, which this process shares with the database's."""
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0; SELECT pg_backend_pid()")
        processes = [psutil.Process(), psutil.Process(cursor.fetchone()[0])]
    for process in processes:
        process.cpu_affinity([0])
    heading(f"Report: {_PAIRS} pairs of {_PAIRS // RANKS} photos, {2 * _PAIRS} grades")
    with CaptureQueriesContext(connection) as queries:
        rows = report_rows(campaign.pk)
    figure("queries", len(queries), "")
    _times("reading the rows", processes, lambda: report_rows(campaign.pk))
    _times("computing", processes, lambda: make_report(rows))
    _times("both, at most 2 s", processes, lambda: make_report(report_rows(campaign.pk)))
    _measure_page(campaign, processes)


def _measure_page(campaign: Campaign, processes: Sequence[psutil.Process]) -> None:
    """Print the time of the page, which compares the figures with the last frozen report."""
    lead = make_lead()
    freeze_report(campaign_id=campaign.pk, lead_id=lead.pk)
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(lead)
    page = reverse("labelling:report", args=[campaign.pk])
    with CaptureQueriesContext(connection) as queries:
        answer = browser.get(page)
    compares = any('"labelling_frozenreport"."data"' in one["sql"] for one in queries)
    if answer.status_code != HTTPStatus.OK or not compares:
        raise RuntimeError(f"the page answers {answer.status_code}, or compares nothing")
    figure("queries of the page with a frozen report", len(queries), "")
    _times("the page with a frozen report", processes, lambda: browser.get(page))


def _times(name: str, processes: Sequence[psutil.Process], act: Callable[[], object]) -> None:
    """Print the shortest times; other programs on the machine make them longer, never shorter."""
    elapsed, busy = [], []
    for _ in range(_TIMES):
        before, began = _busy_s(processes), time.perf_counter()
        act()
        elapsed.append(time.perf_counter() - began)
        busy.append(_busy_s(processes) - before)
    note = f"of {_TIMES}, at most {max(elapsed):.2f}; processor time {min(busy):.2f}"
    figure(name, min(elapsed), "s", note=note)


def _busy_s(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def graded_campaign() -> Campaign:
    """Return a campaign whose pairs have two grades each."""
    make_clips(500)
    lead_id = make_lead().pk
    reviewers = [reviewer.pk for reviewer in make_reviewers(_REVIEWERS)]
    guideline = make_guideline(title="Fit", body="Does the sound fit?", lead_id=lead_id)
    publish_guideline(guideline_id=guideline.pk, lead_id=lead_id)
    photo_set = make_photo_set("Photos", photos=_PAIRS // RANKS)
    with connection.cursor() as cursor:
        cursor.execute(_PROFILES)
        cursor.execute(_SCORES)
    campaign = make_campaign(
        lead_id=lead_id, name="Report", photo_set=photo_set, guideline=guideline,
        matchers=["paper"], ranks=RANKS, size=_PAIRS, seed=7, graders_per_pair=Decimal(2),
    )  # fmt: skip
    draw = preview(campaign_id=campaign.pk)
    campaign = open_campaign(campaign_id=campaign.pk, digest=draw.digest, lead_id=lead_id)
    values: dict[str, Any] = {
        "reviewers": reviewers, "count": len(reviewers), "campaign": campaign.pk,
        "guideline": guideline.pk,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_GRADES, values)
        cursor.execute(_STATES)
        cursor.execute("ANALYZE")
    return campaign
