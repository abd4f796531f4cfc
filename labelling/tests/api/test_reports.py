"""Reports and their files for programs: the same as the pages give."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import fields, replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labelling.api import reports
from labelling.api.report_serializers import ReportSerializer
from labelling.models import PairState
from labelling.reporting.figures import make_report
from labelling.reporting.report import Headline, Report, ShareFigure
from labelling.reporting.report_json import as_values, to_json
from labelling.selectors.report_rows import report_rows
from labelling.services.report_files import FileFormat
from labelling.services.snapshots import freeze_report
from labelling.tests.api.programs import code_of
from labelling.tests.factories import make_pairs, make_reviewer
from labelling.tests.report_examples import FULL
from labelling.tests.reports import make_report as report_by_hand
from labelling.tests.views.answers import grade_pair

pytestmark = pytest.mark.django_db


@pytest.fixture
def graded(campaign):
    for pair, grade in zip(make_pairs(campaign, 3), ("bad", "good", "good"), strict=True):
        for grader in (make_reviewer(), make_reviewer()):
            grade_pair(pair, grader, grade)
        pair.state = PairState.SETTLED
        pair.save()
    return campaign


@pytest.fixture
def browser(lea):
    client = Client()
    client.force_login(lea.person)
    return client


@pytest.mark.parametrize("report", [FULL, report_by_hand()])
def test_each_figure_of_a_report_is_told(report):
    assert ReportSerializer(as_values(report)).data == json.loads(to_json(report))


def test_the_description_names_each_figure():
    names = {one.name for one in fields(Report)}
    assert set(ReportSerializer().fields) == {"format", *names}
    headline: Any = ReportSerializer().fields["headline"]
    assert set(headline.fields["share"].fields) == {one.name for one in fields(ShareFigure)}


def test_a_report_has_the_figures_of_the_page(lea, graded):
    answer = lea.get(f"campaigns/{graded.pk}/report")
    assert answer.status_code == 200
    assert answer.json() == json.loads(to_json(make_report(report_rows(graded.pk))))
    assert answer.json()["counts"]["decided"] == 3
    assert answer.json()["adjudicated"]["good"]["value"] == pytest.approx(2 / 3)


def test_figures_that_json_does_not_have_are_null(lea, graded, monkeypatch):
    share = ShareFigure(1, float("nan"), float("-inf"), float("inf"))
    odd = replace(FULL, headline=Headline(share, "", 0, 2.0))
    monkeypatch.setattr(reports, "make_report", lambda _rows: odd)
    headline = lea.get(f"campaigns/{graded.pk}/report").json()["headline"]
    assert headline["share"] == {
        "n": 1, "value": None, "lower": None, "upper": None, "effective_n": None
    }  # fmt: skip


def test_frozen_reports_are_listed_and_read(lea, graded):
    first = freeze_report(campaign_id=graded.pk, lead_id=lea.person.pk)
    (pair,) = make_pairs(graded, 1)
    grade_pair(pair, make_reviewer(), "bad")
    second = freeze_report(campaign_id=graded.pk, lead_id=lea.person.pk)
    path = f"campaigns/{graded.pk}/reports"
    page = lea.get(path, {"page_size": 1}).json()
    assert [one["id"] for one in page["results"]] == [second.pk]
    page = lea.get(page["next"]).json()
    assert [one["number"] for one in page["results"]] == [1]
    assert page["next"] is None
    shown = lea.get(f"reports/{first.pk}").json()
    report = shown.pop("report")
    assert report == json.loads(first.figures)
    assert shown == page["results"][0]
    assert (shown["digest"], shown["campaign"], shown["seed"]) == (first.digest, "Coasts", 7)


@pytest.mark.parametrize("kind", [str(one) for one in FileFormat])
def test_files_are_those_of_the_page(lea, browser, graded, kind):
    frozen = freeze_report(campaign_id=graded.pk, lead_id=lea.person.pk)
    for path, route, key in (
        (f"campaigns/{graded.pk}/export", "report_file", graded.pk),
        (f"reports/{frozen.pk}/export", "frozen_report_file", frozen.pk),
    ):
        answer = lea.get(path, {"format": kind}, Accept="application/zip")
        page = browser.get(reverse(f"labelling:{route}", args=[key, kind]))
        assert members(answer) == members(page)
        for header in ("Content-Type", "Content-Disposition"):
            assert answer[header] == page[header]


def members(answer):
    """Return the files of an archive; it has the time, too, which passes."""
    assert answer.status_code == 200
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("query", [{}, {"format": "xlsx"}, {"format": ""}])
def test_a_format_must_be_named(lea, graded, query):
    answer = lea.get(f"campaigns/{graded.pk}/export", query)
    assert code_of(answer)[0] == 400
    assert answer.json()["errors"][0]["field"] == "format"
