"""The page of a campaign's report."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.roles import Role
from accounts.tests.role_holders import make_person
from labelling.models import CampaignState, Pair, PairState
from labelling.reporting.report import Headline, PairFigure, ShareFigure
from labelling.tests.factories import make_campaign, make_pairs, make_reviewer
from labelling.tests.reports import campaign_facts, empty_report, make_report, share, shares
from labelling.tests.views.answers import grade_pair
from labelling.tests.views.pages import facts_in
from labelling.views import reports
from retrieval.models import Thumb

pytestmark = pytest.mark.django_db

THIN = "\N{NARROW NO-BREAK SPACE}"
CLOSED, OPEN, DRAFT = CampaignState.CLOSED, CampaignState.OPEN, CampaignState.DRAFT


@pytest.fixture
def reported(monkeypatch):
    """Let the page show a report made by hand."""

    def give(report):
        monkeypatch.setattr(reports, "make_report", lambda _rows: report)

    return give


def address(campaign, name="report"):
    return reverse(f"labelling:{name}", args=[campaign.pk])


def page_of(browser, campaign=None, **query):
    answer = browser.get(address(campaign or make_campaign(state=CLOSED)), query)
    assert answer.status_code == 200
    return answer.content.decode()


class Page(HTMLParser):
    """The rows of each table by the name of its frame, and the words of the page."""

    def __init__(self, page):
        super().__init__()
        self.tables, self.words, self._cell = {}, "", ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if given.get("role") == "region":
            self.rows = self.tables.setdefault(given["aria-label"], [])
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self._cell = ""

    def handle_endtag(self, tag):
        if tag in {"td", "th"}:
            self.rows[-1].append(" ".join(self._cell.split()))

    def handle_data(self, data):
        self.words += data
        self._cell += data


def words_of(page):
    return " ".join(Page(page).words.split())


def charts_of(page):
    return {
        root.findtext("title"): root
        for root in map(ET.fromstring, re.findall(r"<svg class=\"chart\".*?</svg>", page))
    }


def texts(chart):
    return [one.text for one in chart.iter("text")]


# Headline and warnings


def test_the_headline_has_its_interval_and_what_it_rests_on(browser, reported):
    reported(make_report())
    assert (
        "Good for 61 % of photos, 95 % interval 58 to 64 %, 334 pairs, 2.1 graders each"
    ) in words_of(page_of(browser))


@pytest.mark.parametrize(
    ("withheld", "words"),
    [
        ("too_few", "A headline needs 63 more photos"),
        ("nothing_decided", "No first recording of a photo has a verdict yet."),
        ("worklist", "This is a worklist"),
    ],
)
def test_a_withheld_headline_says_why(browser, reported, withheld, words):
    reported(make_report(headline=Headline(ShareFigure(37, 0.6, 0.5, 0.7), withheld, 63, 1.9)))
    page = words_of(page_of(browser))
    assert words in page
    assert "of photos, 95" not in page
    assert ("A headline needs" in page) == (withheld != "worklist")


@pytest.mark.parametrize(("photos", "larger"), [(99, True), (100, False)])
def test_a_sample_without_photos_enough_needs_a_larger_campaign(browser, reported, photos, larger):
    few = make_report(headline=Headline(ShareFigure(37), "too_few", 63, 1.9))
    reported(replace(few, counts=replace(few.counts, photos=photos)))
    assert ("so it takes a larger campaign" in words_of(page_of(browser))) == larger


@pytest.mark.parametrize(
    ("withheld", "ranks", "n", "warned"),
    [
        ("too_few", 1, 120, True), ("too_few", 3, 120, False), ("too_few", 3, 99, True),
        ("", 1, 120, False), ("worklist", 1, 20, False),
    ],
)  # fmt: skip
def test_shares_of_a_withheld_headline_are_not_for_quoting(
    browser, reported, withheld, ranks, n, warned
):
    report = make_report(
        campaign=campaign_facts(ranks=ranks, matchers=["fused"]),
        headline=Headline(share(0.6), withheld, 63, 1.9), adjudicated=shares(0.6, n=n),
    )  # fmt: skip
    reported(report)
    assert ("Too few pairs to quote." in words_of(page_of(browser))) == warned


@pytest.mark.parametrize(("worth", "told"), [(400.0, False), (320.0, True)])
def test_what_pairs_are_worth_is_told_if_it_differs(browser, reported, worth, told):
    good = replace(share(0.6, 400), effective_n=worth)
    reported(make_report(adjudicated=replace(shares(0.6), good=good)))
    page = words_of(page_of(browser))
    assert ("400 pairs tell as much as 320 independent ones" in page) == told
    assert ("tell as much as" in page) == told


def test_the_page_warns_of_what_is_left_out(browser, reported):
    reported(make_report(campaign=campaign_facts(state="open")))
    page = words_of(page_of(browser, make_campaign()))
    assert "12 pairs wait for a lead and are left out." in page
    assert "would be 60 % if none of it is good, and 62 % if all is." in page
    assert "20 pairs lack grades and are left out." in page
    assert "4 pairs were withdrawn" in page
    assert "The campaign is still open" in page


def test_a_finished_campaign_has_no_warnings(browser, reported):
    finished = make_report()
    reported(replace(finished, counts=replace(finished.counts, waiting=0, ungraded=0, withdrawn=0)))
    page = page_of(browser)
    warnings = re.search(r'<ul class="report__warnings">(.*?)</ul>', page, re.DOTALL)
    assert warnings is not None
    assert warnings[1].strip() == ""


def test_how_it_was_drawn_is_said(browser, reported):
    facts = campaign_facts(design="stratified", strata="scenery")
    reported(make_report(campaign=facts))
    page = words_of(page_of(browser))
    assert "Stratified random sample: 1,000 pairs of 334 photos, drawn from 4,812 units" in page
    assert "Strata: Scenery group." in page
    assert "1 Oct 2026" in page


def test_the_matchers_are_named_with_versions_and_models(browser, reported):
    reported(make_report())
    facts = facts_in(page_of(browser))
    assert facts["Matcher fused"] == "version 3 · eye@2 · ear@1, ear@2"


# Tables and charts


def test_every_chart_stands_beside_a_table_with_its_numbers(browser, reported):
    reported(make_report())
    page = page_of(browser)
    tables, charts = Page(page).tables, charts_of(page)
    assert len(charts) == 10
    for title, chart in charts.items():
        rows = {
            "Shares of good, decent and bad pairs": "Shares with 95 % intervals",
            "Shares of good, decent and bad by grader": "Table of graders",
        }.get(title, title)
        assert len(tables[rows]) > 2, title
        assert chart.get("role") == "img"
    assert " style=" not in page
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_the_tables_have_the_numbers_of_the_report(browser, reported):
    report = make_report()
    reported(report)
    tables = Page(page_of(browser)).tables
    first = tables["Shares with 95 % intervals"][1]
    assert numbers(first[1:]) == [[964], [61, 57, 65], [86, 82, 90], [14, 10, 18]]
    sceneries = tables["Share of good pairs by part: Scenery"]
    assert [row[0] for row in sceneries[1:]] == [
        "Sea", "Forest", "City and transport", "Animals close by"
    ]  # fmt: skip
    assert numbers(sceneries[4][1:3]) == [[9], [18, 1, 35]]
    ranks = tables["Share of good recordings up to each rank, fused"]
    assert numbers(ranks[3]) == [[3], [334], [45, 41, 49], [334], [53, 49, 57]]
    assert numbers(tables["Reasons by grade"][2][1:]) == [[40], [122]]
    assert numbers(tables["Table of the comparison"][1][1:]) == [[140], [60]]
    curve = tables["Share of good pairs by score, fused"]
    assert curve[1][:3] == ["0.00 to 0.10", "0.05", "100"]


def test_the_charts_have_the_numbers_of_their_tables(browser, reported):
    reported(make_report())
    charts = charts_of(page_of(browser))
    assert f"18{THIN}% (1 to 35{THIN}%)" in texts(charts["Share of good pairs by part: Scenery"])
    shares = texts(charts["Shares of good, decent and bad pairs"])
    assert f"61{THIN}% · 25{THIN}% · 14{THIN}%" in shares
    assert {"145", "162", "15"} <= set(texts(charts["Reasons by grade"]))


def test_a_grader_without_grades_of_the_sample_has_none_in_the_chart_too(browser, reported):
    first, second, _ = make_report().graders
    idle = replace(second, grades=0, good=None, decent=None, bad=None)
    reported(make_report(graders=(first, idle)))
    chart = texts(charts_of(page_of(browser))["Shares of good, decent and bad by grader"])
    assert "none" in chart
    assert not [one for one in chart if one and one.startswith(f"0{THIN}% ·")]


def numbers(cells):
    return [[int(one) for one in re.findall(r"\d+", cell)] for cell in cells]


def test_agreement_has_words_and_reasons_for_none(browser, reported):
    reported(make_report())
    rows = {row[0]: row for row in Page(page_of(browser)).tables["Table of agreement"]}
    assert rows["Krippendorff's alpha, ordinal"][1:3] == ["0.71", "0.66 to 0.75"]
    assert rows["Cohen's kappa"][1] == "none: it is made for exactly two graders"
    assert rows["Equal grades"][1] == "74 %"


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        ((0.19, 0.11, 0.27), "Natural sceneries are matched better."),
        ((-0.19, -0.27, -0.11), "Human-made sceneries are matched better."),
        ((0.02, -0.06, 0.1), "the sample does not tell which is matched better"),
    ],
)
def test_natural_against_human_made_is_a_sentence(browser, reported, difference, words):
    report = make_report()
    value, lower, upper = difference
    assert report.natural_or_made is not None
    changed = replace(report.natural_or_made, value=value, lower=lower, upper=upper)
    reported(replace(report, natural_or_made=changed))
    page = words_of(page_of(browser))
    assert words in page
    if value == 0.19:
        assert "+19 percentage points, 95 % interval +11 to +27" in page


@pytest.mark.parametrize(
    ("without", "words"),
    [
        (("natural",), "no pair of a natural scenery has a verdict"),
        (("human-made",), "no pair of a human-made scenery has a verdict"),
        (("natural", "human-made"), "no pair of a natural or a human-made scenery has a verdict"),
    ],
)
def test_natural_against_human_made_says_which_has_no_verdict(browser, reported, without, words):
    reported(make_report(natural_or_made=None, without_verdict=without))
    assert f"There is no difference to give: {words}." in words_of(page_of(browser))


def test_thresholds_are_proposed_not_set(browser, reported):
    reported(make_report())
    shown = page_of(browser)
    rows = Page(shown).tables["Thresholds in force, and those that these grades propose, fused"]
    assert rows[1:] == [
        ["Weak match", "0.20", "none"], ["Fair match", "0.40", "0.31"],
        ["Strong match", "0.55", "0.62"],
    ]  # fmt: skip
    page = words_of(shown)
    assert "Pairs with a standard score below 0.50 have no strength" in page
    assert "This is a proposal: nothing is set by it." in page


def test_an_empty_campaign_has_a_report(browser, reported):
    reported(empty_report())
    page = page_of(browser)
    assert "Nothing can be said yet." in page
    assert Page(page).tables["Table of agreement"][1][1] == "none: no pair has two grades"
    assert "none: no pair" in page


def test_shares_near_the_ends_are_not_rounded_to_them(browser, reported):
    near = make_report(
        majority=replace(make_report().majority, good=share(0.998), bad=share(0.002))
    )
    reported(near)
    row = Page(page_of(browser)).tables["Shares with 95 % intervals"][2]
    assert row[2].startswith(">99 %")
    assert row[4].startswith("<1 %")


# Graders


def names_in(page):
    return [row[0] for row in Page(page).tables["Table of graders"][1:]]


def test_graders_sort(browser, reported):
    reported(make_report())
    assert names_in(page_of(browser)) == ["G1", "G2", "G3"]
    assert names_in(page_of(browser, sort="-good")) == ["G3", "G1", "G2"]
    assert names_in(page_of(browser, sort="grades")) == ["G3", "G2", "G1"]


def test_who_gave_only_third_opinions_is_not_told_that_nobody_else_graded(browser, reported):
    reported(make_report(graders=(replace(make_report().graders[0], with_others=ShareFigure(0)),)))
    row = Page(page_of(browser)).tables["Table of graders"][1]
    assert row[-1] == "none: only third opinions, or no pair with others"


def test_leads_see_the_names_of_graders(browser, monkeypatch):
    campaign = make_campaign()
    reviewer = make_reviewer(make_person("rita", Role.REVIEWER))
    grade_pair(make_pairs(campaign, 1)[0], reviewer, "good")

    def report(rows):
        (grader,) = rows.graders
        figures = replace(make_report().graders[0], pseudonym=grader.pseudonym)
        return make_report(graders=(figures,))

    monkeypatch.setattr(reports, "make_report", report)
    (name,) = names_in(page_of(browser, campaign))
    assert "rita" in name


# Pairs


def test_worst_disputed_and_differing_pairs_play(browser, reported):
    campaign = make_campaign(state=CLOSED)
    worst, disputed, first, second = (pair.pk for pair in make_pairs(campaign, 4))
    report = make_report(
        worst=(PairFigure(worst, 0.0, 0.0, (0, 0, 3), "bad"),),
        disputed=(PairFigure(disputed, 1.0, 1.0, (1, 0, 1), ""),),
    )
    differing = ((first, second), (second, first))
    assert report.comparison is not None
    reported(
        replace(
            report,
            comparison=replace(report.comparison, only_first=1, only_second=1, differing=differing),
        )
    )
    answer = browser.get(address(campaign))
    page = answer.content.decode()
    assert page.count("data-player") == 6
    for pk in (worst, disputed, first, second):
        assert reverse("labelling:pair", args=[campaign.pk, pk]) in page
    assert "Not decided yet" in page
    assert [one.first_is_good for one in answer.context["differing"]] == [True, False]
    cards = re.findall(r"(Good|Not good)</span></p>", page)
    assert cards == ["Good", "Not good", "Not good", "Good"]


@pytest.mark.parametrize(("listed", "told"), [(8, False), (9, True)])
def test_on_paper_it_is_said_that_not_all_cards_are_printed(browser, reported, listed, told):
    figures = tuple(PairFigure(-key, 0, 0, (0, 0, 2), "bad") for key in range(listed))
    reported(make_report(worst=figures, disputed=figures))
    page = page_of(browser)
    assert page.count('class="report__printed">Printed are the first 8 of 9.') == (2 if told else 0)


def test_pairs_that_are_gone_are_named_so(browser, reported):
    campaign = make_campaign(state=CLOSED)
    (pair,) = make_pairs(campaign, 1)
    pair.scene.delete()
    gone = Pair.objects.latest("pk").pk + 1000
    reported(
        make_report(
            worst=tuple(PairFigure(key, 0, 0, (0, 0, 2), "bad") for key in (pair.pk, gone)),
            disputed=(),
            comparison=None,
        )
    )
    assert page_of(browser, campaign).count("The photo was withdrawn.") == 2


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "at rank 1 of 110 photos (only fused good: 40, only objects good: 16): p = 0.002."),
        ({"tested_only_first": 0, "tested_only_second": 0}, "at rank 1 the two never differ"),
        ({"tested": 0, "p_value": None}, "There is no McNemar"),
        ({"difference": None, "tested": 0, "p_value": None}, "No photo has verdicts of both"),
    ],
)
def test_what_mcnemars_test_says(browser, reported, changed, words):
    report = make_report(worst=(), disputed=())
    assert report.comparison is not None
    versus = replace(report.comparison, differing=(), **changed)
    reported(replace(report, comparison=versus))
    assert words in words_of(page_of(browser, make_campaign(state=CLOSED)))


def test_differing_pairs_have_pages(browser, reported):
    campaign = make_campaign(state=CLOSED)
    keys = [pair.pk for pair in make_pairs(campaign, 2)]
    report = make_report(worst=(), disputed=())
    assert report.comparison is not None
    versus = replace(report.comparison, only_first=7, differing=(tuple(keys),) * 10)
    reported(replace(report, comparison=versus))
    first = browser.get(address(campaign))
    second = browser.get(address(campaign), {"page": 2})
    good = [one.first_is_good for page in (first, second) for one in page.context["differing"]]
    assert good == [True] * 7 + [False] * 3


def test_the_page_takes_as_many_queries_for_many_pairs(browser, reported):
    campaign = make_campaign(state=CLOSED)

    def queries(pairs):
        figures = tuple(
            PairFigure(pair.pk, 0, 0, (0, 0, 2), "bad") for pair in make_pairs(campaign, pairs)
        )
        reported(make_report(worst=figures, disputed=(), comparison=None))
        with CaptureQueriesContext(connection) as found:
            page_of(browser, campaign)
        return len(found)

    queries(1)  # loads what is kept
    assert queries(2) == queries(6)


# Who may see it


def test_a_worklist_is_told_to_have_none(browser):
    campaign = make_campaign(design="weakest")
    (pair,) = make_pairs(campaign, 1, purpose=Pair.Purpose.WORKLIST, inclusion_probability=None)
    grade_pair(pair, make_reviewer(), "good")
    page = page_of(browser, campaign)
    assert "A worklist has no report of shares: its pairs were chosen, not drawn." in page
    assert "Nobody" not in page
    assert "report__headline" not in page
    assert address(campaign, "report_freeze") not in page


def test_a_draft_has_no_report(browser):
    assert browser.get(address(make_campaign(state=DRAFT))).status_code == 404
    assert browser.get(reverse("labelling:report", args=[1])).status_code == 404


@pytest.mark.parametrize(
    ("roles", "report", "own"),
    [
        ((), 403, 403),
        ((Role.REVIEWER,), 403, 200),
        ((Role.LEAD_REVIEWER,), 200, 200),
        ((Role.LIBRARIAN,), 403, 403),
        ((Role.OPERATOR,), 200, 200),
    ],
)
def test_reports_are_for_leads_and_own_work_for_reviewers(reported, roles, report, own):
    reported(empty_report())
    campaign = make_campaign()
    browser = Client()
    browser.force_login(make_person("somebody", *roles))
    assert browser.get(address(campaign)).status_code == report
    assert browser.get(address(campaign, "own_report")).status_code == own


def test_the_campaign_and_the_list_lead_to_the_report(browser):
    drawn, draft = make_campaign(), make_campaign(state=DRAFT)
    for page in (address(drawn, "campaign"), reverse("labelling:campaigns")):
        shown = browser.get(page).content.decode()
        assert f'href="{address(drawn)}"' in shown
        assert f'href="{address(draft)}"' not in shown


# Visitors


def test_thumbs_are_shown_as_a_self_chosen_sample(browser, reported):
    reported(make_report())
    campaign = make_campaign(state=CLOSED)
    (pair,) = make_pairs(campaign, 1)
    assert "Visitors’ thumbs" not in page_of(browser, campaign)  # noqa: RUF001
    Thumb.objects.create(
        match=pair.matches.get(),
        scene=pair.scene,
        account=make_person("rita"),
        fits=False,
        reason="weather",
    )
    page = page_of(browser, campaign)
    assert "This is a self-chosen sample" in page
    assert Page(page).tables["Table of thumbs"][1] == ["fused", "1", "0", "1", "Wrong weather: 1"]


# With the figures of a campaign's own grades


def test_the_page_of_a_graded_campaign(browser):
    campaign = make_campaign()
    reviewers = [make_reviewer(), make_reviewer()]
    grades = [("good", "good"), ("good", "good"), ("bad", "bad"), ("good", "bad")]
    for pair, of_pair in zip(make_pairs(campaign, 4), grades, strict=True):
        for reviewer, grade in zip(reviewers, of_pair, strict=True):
            grade_pair(pair, reviewer, grade, faults=("place",) if grade == "bad" else ())
        state = PairState.SETTLED if len(set(of_pair)) == 1 else PairState.DISPUTED
        Pair.objects.filter(pk=pair.pk).update(state=state)
    page = page_of(browser, campaign)
    tables = Page(page).tables
    assert numbers(tables["Shares with 95 % intervals"][1][1:3])[0] == [3]
    assert tables["Shares with 95 % intervals"][1][2].startswith("67 %")
    assert tables["Reasons by grade"][1] == ["Wrong place", "0", "3"]
    assert "A headline needs 97 more photos" in words_of(page)
    assert "1 pair waits for a lead and is left out." in words_of(page)
    assert page.count("data-player") == 2  # the worst, and the disputed one
