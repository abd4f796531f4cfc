"""A lead reviewer's campaign in a browser: design, preview, opening, pause, decisions."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, expect

from soundscape_site.tests import waiting
from soundscape_site.tests.browser.people import (
    PASSWORD,
    assert_accessible_everywhere,
    log_in,
)
from soundscape_site.tests.browser.site import PHOTOS, Site
from soundscape_site.tests.browser.visitor import wait_for_silence, wait_for_sound

REVIEWERS: Final = ("rita", "rolf", "ruth")
PHOTO_NAMES: Final = ("kodim01.png", "kodim10.png", "kodim15.png", "kodim18.png")

_PEOPLE: Final = """
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from accounts.models import User
from labelling.services.guidelines import make_guideline, publish_guideline
for name, role in {people!r}:
    user = User.objects.create_user(name, name + "@people.example", {password!r})
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    user.groups.add(Group.objects.get(name=role))
lead_id = User.objects.get(username="lena").pk
made = make_guideline(title="Does it fit?", body="*Good*: one hears it.", lead_id=lead_id)
publish_guideline(guideline_id=made.pk, lead_id=lead_id)
"""
_GRADE_ALL: Final = """
from uuid import uuid4
from accounts.models import User
from labelling.models import Campaign
from labelling.services.answers import give_grade
from labelling.services.queue import claim_slots, reviewer_of
campaign = Campaign.objects.get(name={campaign!r})
for name, grade in {grades!r}:
    reviewer = reviewer_of(user_id=User.objects.get(username=name).pk)
    faults = ["voices"] if grade == "bad" else []
    while slots := claim_slots(reviewer_id=reviewer.pk, campaign_id=campaign.pk, wanted=1):
        give_grade(
            answer_id=uuid4(), reviewer_id=reviewer.pk, token=slots[0].token, grade=grade,
            faults=faults, listened_s=9.0, heard_to_end=True, took_s=9.0,
        )
"""


def prepare(site: Site, folder: Path) -> None:
    """Make a lead, three reviewers, a guideline, and a set of photos that a worker matches."""
    people = [("lena", "lead reviewer"), *((name, "reviewer") for name in REVIEWERS)]
    site.manage("shell", "-c", _PEOPLE.format(people=people, password=PASSWORD))
    for name in PHOTO_NAMES:
        shutil.copy(PHOTOS / name, folder)
    site.manage("import_photos", str(folder), "--set", "Harbours")


def grade_all(site: Site, campaign: str) -> None:
    """Have the reviewers grade every pair, each with another grade."""
    grades = list(zip(REVIEWERS, ("good", "bad", "decent"), strict=True))
    site.manage("shell", "-c", _GRADE_ALL.format(campaign=campaign, grades=grades))


def wait_for_matches(page: Page) -> None:
    """Wait until every photo of the set is matched."""

    def matched() -> bool:
        page.goto("/photo-sets/")
        row = page.get_by_role("row").filter(has_text="Harbours")
        return row.get_by_role("cell").nth(1).inner_text() == str(len(PHOTO_NAMES))

    waiting.until(matched, page.content, longest_s=300)


def design(page: Page) -> None:
    """Fill in the design; it is shown again while something is missing."""
    page.get_by_role("banner").get_by_role("link", name="Campaigns").click()
    page.get_by_role("link", name="New campaign").click()
    expect(page.get_by_role("complementary", name="How many pairs?")).to_contain_text("200")
    assert re.fullmatch(r"\d+", page.get_by_label("Seed").input_value())
    assert_accessible_everywhere(page)
    page.get_by_label("Name").fill("Autumn")
    page.get_by_label("Photo set").select_option("Harbours")
    page.get_by_label("Original method").check()
    page.get_by_label("Guideline").select_option("Does it fit? v1")
    page.get_by_label("Stratified random sample").check()
    page.get_by_label("Size").fill("2")
    page.get_by_label("Ranks").fill("2")
    page.get_by_label("Reviewers a pair").fill("3")
    save = page.get_by_role("button", name="Save and preview the draw")
    save.click()
    expect(page.get_by_text("Choose what divides the strata.")).to_be_visible()
    assert_accessible_everywhere(page)
    page.get_by_label("Strata").select_option("Rank")
    page.get_by_label("Original method").uncheck()
    save.click()


def look_at_the_preview(page: Page) -> str:
    """Look at the drawn pairs, listen to one, and return the sample's digest."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Draw of “Autumn”")
    expect(page.get_by_text("These 2 pairs would be graded, with 6 grades in all.")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Rank 2")).to_contain_text("25")
    expect(page.locator("[data-player]")).to_have_count(2)
    page.locator("[data-player] [data-play]").first.click()
    wait_for_sound(page)
    page.locator("[data-player] [data-play]").first.click()
    wait_for_silence(page)
    assert_accessible_everywhere(page)
    digest = page.locator("[name=digest]").input_value()
    page.reload()
    assert page.locator("[name=digest]").input_value() == digest
    return page.locator(".facts__long").inner_text()


def open_pause_and_resume(page: Page, digest: str) -> None:
    page.get_by_role("button", name="Open the campaign with these pairs").click()
    expect(page.get_by_role("status").filter(has_text="The campaign is open.")).to_be_visible()
    expect(page.get_by_text(digest)).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("The campaign is paused.")).to_be_visible()
    assert_accessible_everywhere(page)
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("The campaign is open again.")).to_be_visible()
    expect(page.get_by_text("Pairs settled: 0 of 2")).to_be_visible()


def decide(page: Page) -> None:
    """Decide the first of two disputed pairs; a reason is required."""
    page.reload()
    expect(page.get_by_role("row").filter(has_text="rolf")).to_contain_text("2")
    expect(page.locator(".pair")).to_have_count(2)
    assert_accessible_everywhere(page)
    page.get_by_role("link", name="Pair 1", exact=True).click()
    row = page.get_by_role("row").filter(has_text="rolf")
    expect(row).to_contain_text("Voices, but no people in sight")
    assert_accessible_everywhere(page)
    page.get_by_label("Decent").check()
    page.get_by_label("Why", exact=True).fill("The voices are far away.")
    page.get_by_role("button", name="Decide the grade").click()
    expect(page.get_by_text("The grade is decided.")).to_be_visible()
    expect(page.get_by_role("region", name="Decided by a lead")).to_contain_text("Decent")


def reopen(page: Page) -> None:
    """Find the settled pair in the list, and have it graded again."""
    page.get_by_role("link", name="Autumn").click()
    expect(page.get_by_text("Pairs settled: 1 of 2")).to_be_visible()
    page.get_by_role("navigation", name="Pairs by state").get_by_role(
        "link", name="Settled"
    ).click()
    page.get_by_role("link", name="Pair 1", exact=True).click()
    page.get_by_text("Have it graded again…").click()
    assert_accessible_everywhere(page)
    page.get_by_label("Why it is graded again").fill("The guideline has changed.")
    page.get_by_role("button", name="Open the pair again").click()
    expect(page.get_by_text("The pair is open again: reviewers grade it anew.")).to_be_visible()
    history = page.get_by_role("region", name="History")
    expect(history).to_contain_text("The guideline has changed.")
    expect(history).to_contain_text("no longer in force")


def use_as_gold(page: Page) -> None:
    """Make a gold pair of what one looks at."""
    page.get_by_role("link", name="Make it a gold pair").click()
    assert page.get_by_role("radio", checked=True).count() == 1
    assert_accessible_everywhere(page)
    page.get_by_label("Good", exact=True).check()
    page.get_by_label("Why it is this grade").fill("Waves, and a sea in sight.")
    page.get_by_role("button", name="Save the gold pair").click()
    expect(page.get_by_role("heading", name=re.compile(r"\d+ gold pairs?$"))).to_be_visible()
    expect(page.get_by_text("Waves, and a sea in sight.")).to_be_visible()
    assert_accessible_everywhere(page)


def test_a_lead_draws_a_campaign_and_decides_what_reviewers_dispute(
    site: Site, visit: Callable[..., Page], tmp_path: Path
) -> None:
    prepare(site, tmp_path)
    page = visit("/", quiet=False)  # one form is refused
    log_in(page, "lena")
    wait_for_matches(page)
    design(page)
    digest = look_at_the_preview(page)
    open_pause_and_resume(page, digest)
    grade_all(site, "Autumn")
    decide(page)
    reopen(page)
    use_as_gold(page)
