"""Frozen reports in a browser: one stays as it was, and the live report says what has changed."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from typing import Final

from playwright.sync_api import Page, expect

from soundscape_site.tests.browser.campaigns import Made, give_campaign
from soundscape_site.tests.browser.people import assert_accessible_everywhere, log_in
from soundscape_site.tests.browser.site import Site

LEAD: Final = "svea"
GRADERS: Final = ("sven", "sara")
GRADES: Final = ("good", "good", "bad", "good")

_LEAD: Final = """
from soundscape_site.tests.browser.campaigns import make_people
make_people(({name!r},), "lead reviewer")
"""
_GRADE: Final = """
from uuid import uuid4
from accounts.models import User
from labelling.services.answers import give_grade
from labelling.services.queue import claim_slots, reviewer_of
for name in {graders!r}:
    reviewer = reviewer_of(user_id=User.objects.get(username=name).pk)
    for grade in {grades!r}:
        slot, = claim_slots(reviewer_id=reviewer.pk, campaign_id={campaign}, wanted=1)
        give_grade(
            answer_id=uuid4(), reviewer_id=reviewer.pk, token=slot.token, grade=grade,
            faults=["music"] if grade == "bad" else [], listened_s=9.0, heard_to_end=True,
            took_s=11.0,
        )
"""
_REOPEN: Final = """
from accounts.models import User
from labelling.services.settling import reopen
reopen(pair_id={pair}, reason="Again.", lead_id=User.objects.get(username={lead!r}).pk)
"""


def graded_campaign(site: Site) -> Made:
    """Make a campaign of four pairs that two people have graded alike."""
    made = give_campaign(
        site, "Jetties", reviewers=GRADERS, pairs=len(GRADES), slots=len(GRADERS), side_px=320
    )
    site.manage("shell", "-c", _LEAD.format(name=LEAD))
    site.manage(
        "shell", "-c", _GRADE.format(graders=GRADERS, grades=GRADES, campaign=made.campaign)
    )
    return made


def freeze(page: Page, campaign: int) -> str:
    """Freeze the report of a campaign and return the address of the frozen one."""
    page.goto(f"/campaigns/{campaign}/report/")
    frozen = page.get_by_role("region", name="Frozen reports")
    expect(frozen).to_contain_text("Freeze the report before you quote it")
    frozen.get_by_role("button", name="Freeze this report").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Report 1 on Jetties")
    assert_accessible_everywhere(page)
    return page.url


def cite(page: Page, address: str) -> None:
    """Read the citation; its digest is that of the data."""
    citation = page.get_by_role("region", name="How to cite it")
    expect(citation).to_contain_text("“Jetties”, report 1.")
    expect(citation.get_by_role("link")).to_have_attribute("href", address)
    digest = page.get_by_text("Data, SHA-256").locator("xpath=following-sibling::dd").inner_text()
    expect(citation).to_contain_text(digest[:12])


def download(page: Page) -> list[dict[str, str]]:
    """Download the report as CSV and return its grades."""
    with page.expect_download() as started:
        page.get_by_role("link", name="CSV").click()
    assert started.value.suggested_filename.endswith("-report-1-csv.zip")
    with zipfile.ZipFile(started.value.path()) as archive:
        return list(csv.DictReader(io.StringIO(archive.read("grades.csv").decode())))


def test_a_frozen_report_stays_as_it_was_when_grades_change(
    site: Site, visit: Callable[..., Page]
) -> None:
    made = graded_campaign(site)
    page = visit("/")
    log_in(page, LEAD)
    address = freeze(page, made.campaign)
    cite(page, address)
    figures = page.locator(".report").inner_text()
    assert [one["grade"] for one in download(page)] == [
        grade for grade in GRADES for _ in GRADERS
    ]  # fmt: skip

    site.manage("shell", "-c", _REOPEN.format(pair=made.pairs[2], lead=LEAD))
    page.goto(f"/campaigns/{made.campaign}/report/")
    frozen = page.get_by_role("region", name="Frozen reports")
    expect(frozen).to_contain_text("Since report 1:")
    expect(frozen).to_contain_text("2 grades no longer count")
    assert page.locator(".report").inner_text() != figures
    assert_accessible_everywhere(page)
    frozen.get_by_role("link", name="Report 1").click()
    page.wait_for_url(address)
    assert page.locator(".report").inner_text() == figures
    assert len(download(page)) == len(GRADES) * len(GRADERS)
