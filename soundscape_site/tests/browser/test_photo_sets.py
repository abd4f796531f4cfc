"""Photo sets in a browser: made, filled by several requests, looked through, emptied, deleted."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

from soundscape_site.tests.browser.people import assert_accessible_everywhere, sign_up
from soundscape_site.tests.browser.site import PHOTOS, Site

_APPOINT: Final = (
    "from accounts.models import User; from django.contrib.auth.models import Group; "
    "User.objects.get(username='{name}').groups.add(Group.objects.get(name='lead reviewer'))"
)
_MATCHING_MS: Final = 120_000  # two photos, one after the other: the site's queue takes one
TOWN, BOATS = PHOTOS / "kodim19.png", PHOTOS / "kodim11.png"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the same photos, and their licences."""
    inner = tmp_path / "harbour" / "day one"
    inner.mkdir(parents=True)
    for photo in (TOWN, BOATS):
        shutil.copy(photo, inner)
    table = "path,author,license\nday one/kodim19.png,Eve,CC0-1.0\nday two/lost.png,Eve,CC0-1.0\n"
    (tmp_path / "harbour" / "photos.csv").write_text(table)
    return tmp_path / "harbour"


def photos(page: Page) -> Locator:
    return page.locator(".set-photo")


def posts(page: Page) -> list[str]:
    """Return the addresses to which the page sends from now on."""
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.url) if one.method == "POST" else None)
    return sent


def limit(page: Page, **values: str) -> None:
    """Lower the limits of a request, as far as the page knows them."""
    page.locator("[data-set-upload]").evaluate(
        "(form, to) => Object.assign(form.dataset, to)", values
    )


def make_set(page: Page) -> None:
    page.goto("/photo-sets/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Photo sets")
    assert_accessible_everywhere(page)
    page.get_by_label("Name").fill("Quays")
    page.get_by_label("Purpose").fill("First trial")
    page.get_by_role("button", name="Make the set").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Quays")
    assert_accessible_everywhere(page)


def send_three(page: Page) -> None:
    """Send three photos, one of them broken, in three requests."""
    sent = posts(page)
    limit(page, mostFiles="2")
    page.locator("#files").set_input_files([TOWN, BOATS])
    page.locator("#folder").evaluate("input => input.removeAttribute('webkitdirectory')")
    broken = FilePayload(name="broken.jpg", mimeType="image/jpeg", buffer=b"no photo")
    page.locator("#folder").set_input_files([broken])
    page.get_by_label("Licence").select_option("CC-BY-4.0")
    page.get_by_label("Author").fill("Ada")
    page.get_by_role("button", name="Add the photos").click()
    expect(page.get_by_role("heading", name="Uploads")).to_be_visible()
    assert len([one for one in sent if one.endswith("/upload/")]) == 3


def see_the_reason(page: Page) -> None:
    """See the progress, until both photos are matched, and why the third is not there."""
    reason = page.get_by_text("broken.jpg: This is not a photo we can read.")
    expect(reason).to_be_visible(timeout=_MATCHING_MS)
    expect(page.get_by_text("1 added, 0 in the set already, 0 failed")).to_have_count(
        2, timeout=_MATCHING_MS
    )
    matched = page.locator(".set-counts div").filter(has_text="Matched").first
    expect(matched).to_contain_text("2", timeout=_MATCHING_MS)
    expect(page.locator("#progress[hx-trigger]")).to_have_count(0)
    page.get_by_role("link", name="Show the newest state").click()
    expect(photos(page)).to_have_count(2)
    first = photos(page).filter(has_text=TOWN.name)
    for words in ("Matched", "CC BY 4.0", "Ada"):
        expect(first).to_contain_text(words)
    assert_accessible_everywhere(page)


def send_the_folder_again(page: Page, folder: Path) -> None:
    """Send a folder whose photos are in the set, and a zip file that is too large.

    In requests of one photo each; the folder's table names a photo that is in none of them.
    """
    sent = posts(page)
    limit(page, mostFiles="2")
    page.locator("#folder").set_input_files(folder)
    page.get_by_role("button", name="Add the photos").click()
    expect(page.get_by_text("0 added, 1 in the set already, 1 failed")).to_be_visible(
        timeout=_MATCHING_MS
    )
    expect(page.get_by_text("day two/lost.png: There is no such photo.")).to_have_count(1)
    assert len([one for one in sent if one.endswith("/upload/")]) == 2
    limit(page, maxBytes="1000000")
    large = FilePayload(name="large.zip", mimeType="application/zip", buffer=bytes(1_500_000))
    page.locator("#zip").set_input_files([large])
    page.get_by_role("button", name="Add the photos").click()
    expect(page.get_by_text("a zip file may have 1 MB: large.zip (1.5 MB).")).to_be_visible()
    expect(page.get_by_text("Unpack it and choose its folder, or run")).to_be_visible()


def test_a_lead_makes_fills_and_deletes_a_set(visit, site: Site, folder: Path):
    page = visit("/")
    sign_up(page, site, "leander")
    site.manage("shell", "-c", _APPOINT.format(name="leander"))
    make_set(page)
    send_three(page)
    see_the_reason(page)
    send_the_folder_again(page, folder)
    page.reload()
    photos(page).first.get_by_text("Remove", exact=False).first.click()
    photos(page).first.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("The photo is removed.")).to_be_visible()
    expect(photos(page)).to_have_count(1)
    page.get_by_text("Delete…").click()
    assert_accessible_everywhere(page)
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("The set is deleted.")).to_be_visible()
