"""The report of a campaign in a browser, and on paper."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from soundscape_site.tests.browser.people import assert_accessible_everywhere, log_in
from soundscape_site.tests.browser.reports import PAIRS, give_report
from soundscape_site.tests.browser.visitor import DESKTOP, PHONE, wait_for_silence, wait_for_sound

LEAD = "lorna"
REVIEWERS = ("rosalind", "rory")


@pytest.fixture(scope="package")
def campaign(site):
    """The key of a campaign that two reviewers graded."""
    return give_report(site, "Rivers", lead=LEAD, reviewers=REVIEWERS)


def open_report(visit, campaign: int, **options) -> Page:
    page: Page = visit("/accounts/login/", **options)
    log_in(page, LEAD)
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.goto(f"/campaigns/{campaign}/")
    page.get_by_role("link", name="Report", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Report on Rivers")
    return page


def test_a_report_opens_and_is_accessible(visit, campaign):
    page = open_report(visit, campaign)
    expect(page.locator(".report__headline")).to_contain_text("of photos, 95 % interval")
    expect(page.locator(".report__headline")).to_contain_text("2.0 graders each")
    expect(page.get_by_text("lack grades and are left out")).to_be_visible()
    expect(page.get_by_text("The campaign is still open")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="rosalind")).to_be_visible()
    assert_accessible_everywhere(page)


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_each_chart_is_an_image_with_a_name_and_a_table(visit, campaign, width):
    page = open_report(visit, campaign, width=width)
    charts = page.locator(".report svg.chart")
    assert charts.count() > 5
    for chart in charts.all():
        expect(chart).to_be_visible()
        title = chart.locator("title").text_content()
        expect(page.get_by_role("img", name=title, exact=True)).to_have_count(1)
        box = chart.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width
        table = chart.locator("xpath=following::table[1]")
        assert table.get_by_role("row").count() > 1, title


def test_a_worst_pair_plays(visit, campaign):
    page = open_report(visit, campaign)
    worst = page.get_by_role("region", name="Worst pairs")
    play = worst.locator("[data-player] [data-play]").first
    play.click()
    wait_for_sound(page)
    play.click()
    wait_for_silence(page)
    worst.get_by_role("heading", level=3).get_by_role("link").first.click()
    expect(page.get_by_role("region", name="Grades", exact=True)).to_contain_text("Bad")


def test_pairs_on_which_matchers_differ_play_side_by_side(visit, campaign):
    page = open_report(visit, campaign)
    versus = page.get_by_role("region", name="fused against objects")
    expect(versus).to_contain_text("McNemar")
    two = versus.locator(".differing__one").first.locator(".pair")
    first, second = two.nth(0).bounding_box(), two.nth(1).bounding_box()
    assert first is not None
    assert second is not None
    assert first["y"] == second["y"]
    for pair in two.all():
        pair.locator("[data-play]").click()
        wait_for_sound(page)


def test_the_graders_sort(visit, campaign):
    page = open_report(visit, campaign)
    table = page.get_by_role("region", name="Table of graders")
    for order in ("descending", "ascending"):
        table.get_by_role("link", name="Good", exact=True).click()
        expect(table.get_by_role("columnheader", name="Good", exact=True)).to_have_attribute(
            "aria-sort", order
        )
        expect(table.get_by_role("row").nth(1)).to_contain_text(
            REVIEWERS[0] if order == "descending" else REVIEWERS[1]
        )


def test_a_report_prints_without_what_one_presses(visit, campaign):
    page = open_report(visit, campaign)
    page.emulate_media(media="print", color_scheme="dark")
    for hidden in ("header.site-header", ".tabs", ".report [data-play]", ".report .waveform"):
        expect(page.locator(hidden).first).to_be_hidden()
    ink, paper = (
        page.evaluate(f"getComputedStyle(document.documentElement).{what}")
        for what in ("color", "backgroundColor")
    )
    assert (ink, paper) == ("rgb(0, 0, 0)", "rgb(255, 255, 255)")
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_reviewers_see_their_own_work_alone(visit, campaign):
    page = visit("/accounts/login/")
    log_in(page, REVIEWERS[0])
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.goto("/review/")
    page.get_by_role("link", name="Your work Rivers", exact=True).click()
    expect(page.get_by_role("main")).to_contain_text("is shown after the campaign is closed")
    assert REVIEWERS[1] not in page.content()
    assert int(page.locator("dd").first.inner_text()) >= PAIRS
    assert_accessible_everywhere(page)
