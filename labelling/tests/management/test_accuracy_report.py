"""`manage.py accuracy_report`."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from labelling.management.accuracy_tables import as_tables, counts_sentence, headline_sentence
from labelling.reporting.figures import make_report
from labelling.reporting.report import Counts, Headline, ShareFigure
from labelling.tests.answering import grade_all
from labelling.tests.factories import make_campaign, make_clip, make_pairs
from labelling.tests.reporting.made_rows import MadePair, made_rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign():
    campaign = make_campaign(name="Coast", matchers=["fused", "paper"])
    pairs = make_pairs(campaign, 1, clip=make_clip(collection="[bold]A"))
    pairs += make_pairs(campaign, 3)
    for pair, grade in zip(pairs, ["good", "good", "bad"], strict=False):
        grade_all(pair, grade, grade)
    return campaign


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")


def test_the_report_in_plain_words(campaign, capsys):
    call_command("accuracy_report", "coast")
    printed = capsys.readouterr().out
    assert "Coast, open: simple design, matchers fused, paper, ranks 1 to 1" in printed
    assert "No headline yet: 97 more first recordings need two grades." in printed
    assert "4 pairs of 4 photos: 3 with a verdict (3 by majority, 0 by a lead)" in printed
    assert "67 % [" in printed
    assert "[bold]A" in printed
    assert "not two graders" in printed
    assert "No photo has verdicts of both matchers at a rank." in printed


def test_the_report_as_json(campaign, capsys):
    call_command("accuracy_report", str(campaign.pk), "--json")
    report = json.loads(capsys.readouterr().out)
    assert report["campaign"]["name"] == "Coast"
    assert report["counts"]["decided"] == 3
    assert report["adjudicated"]["good"]["value"] == pytest.approx(2 / 3)
    assert report["headline"]["withheld"] == "too_few"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": "draft"}, r"no drawn campaign 'Sea' \[campaign_unknown\]"),
        ({"design": "weakest"}, r"A worklist has no report of shares: .* \[worklist\]"),
    ],
)
def test_a_draft_and_a_worklist_have_no_report(fields, words):
    make_campaign(name="Sea", **fields)
    with pytest.raises(CommandError, match=words):
        call_command("accuracy_report", "Sea")


def test_everything_that_a_report_can_say():
    natural, made = {"origin": "natural", "scenery": "sea"}, {"origin": "human-made"}
    fused, paper = [("fused", 1)], [("paper", 1)]
    pairs = [
        MadePair(
            "bb" if photo % 4 else "db", photo=photo, found=found, score=photo / 100,
            faults=[["music"], []], columns=natural if photo % 2 else made,
            state="settled" if photo % 4 else "disputed",
        )
        if found == paper
        else MadePair("gg", photo=photo, found=found, score=photo / 100, columns=natural)
        for photo in range(40)
        for found in (fused, paper)
    ]  # fmt: skip
    printed = as_tables(make_report(made_rows(pairs, matchers=["fused", "paper"])))
    assert "By scenery" in printed
    assert "fused: version 1, photos eye@1, sounds ear@1" in printed
    assert "Good: natural 67 %, human-made 0 %; difference +67 points" in printed
    assert "music" in printed
    assert "Proposed thresholds of fit: weak from 0.000, fair from 0.000" in printed
    assert "fused against paper, photo by photo: both good 0, only fused 30, only" in printed
    assert "test at rank 1 of 30 photos, only fused good 30" in " ".join(printed.split())


def test_an_unknown_campaign():
    with pytest.raises(CommandError, match=r"no drawn campaign 'Sea' \[campaign_unknown\]"):
        call_command("accuracy_report", "Sea")


def test_the_headline():
    share = ShareFigure(900, 0.61, 0.578, 0.641, 880)
    assert headline_sentence(Headline(share, "", 0, 2.04)) == (
        "Good for 61 % of photos, 95 % interval 58 to 64 % (900 first recordings, 2.0 grades each)."
    )
    assert "worklist" in headline_sentence(Headline(ShareFigure(0), "worklist", 100, 0))


def test_the_counts():
    counts = Counts(20, 15, 12, 3, 2, 3, 4, 14, 33, 5, 19)
    assert counts_sentence(counts) == (
        "20 pairs of 19 photos: 15 with a verdict (12 by majority, 3 by a lead), 2 wait for a "
        "lead, 3 are being graded; 4 more were withdrawn. 33 grades by 5 reviewers."
    )
