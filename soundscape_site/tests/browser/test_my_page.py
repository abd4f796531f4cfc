"""My page in a browser: claimed uploads, photos, the data file, the erasure of the account."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from soundscape_site.tests.browser.people import (
    PASSWORD,
    assert_accessible,
    log_in,
    log_out,
    sign_up,
)
from soundscape_site.tests.browser.site import PHOTOS
from soundscape_site.tests.browser.visitor import (
    DESKTOP,
    PHONE,
    upload,
    wait_for_result,
    wait_for_silence,
    wait_for_sound,
)

BEACH, CABIN = PHOTOS / "kodim21.png", PHOTOS / "kodim03.png"


def send(page: Page, photo: Path) -> str:
    """Send a photo from the front page; return the path of its page."""
    page.goto("/")
    upload(page, photo)
    wait_for_result(page)
    return "/" + page.url.split("/", 3)[3]


def photos(page: Page):
    return page.locator(".photos__one")


def accessible_everywhere(page: Page):
    for width in (DESKTOP, PHONE):
        page.set_viewport_size({"width": width, "height": 860})
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(overflow) == 0, f"{page.url} is wider than {width} px"
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert_accessible(page)
    page.set_viewport_size({"width": DESKTOP, "height": 860})


def test_an_upload_before_the_log_in_is_claimed(visit, site):
    page = visit("/")
    before = send(page, BEACH)
    sign_up(page, site, "claire")
    page.goto("/me/")
    expect(photos(page)).to_have_count(1)
    expect(photos(page).get_by_role("heading").get_by_role("link")).to_have_attribute(
        "href", before
    )
    send(page, CABIN)
    page.goto("/me/photos/")
    expect(photos(page)).to_have_count(2)
    accessible_everywhere(page)
    log_out(page)
    log_in(page, "claire")
    expect(photos(page)).to_have_count(2)
    page.reload()
    expect(photos(page)).to_have_count(2)


def test_photos_play_one_at_a_time_and_are_renamed_shared_and_deleted(visit, site):
    page = visit("/")
    sign_up(page, site, "paula")
    page.goto("/me/photos/")
    expect(page.get_by_text("You have no photos here yet")).to_be_visible()
    accessible_everywhere(page)
    send(page, BEACH)
    send(page, CABIN)
    page.goto("/me/photos/")
    cabin, beach = photos(page).nth(0), photos(page).nth(1)
    for photo in (cabin, beach):
        source = photo.locator("[data-player]").get_attribute("data-src")
        photo.locator("[data-play]").click()
        wait_for_sound(page, source)
    beach.locator("[data-play]").click()
    wait_for_silence(page)

    cabin.get_by_text("Rename").click()
    cabin.get_by_label("Title").fill("The red door")
    accessible_everywhere(page)
    cabin.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text(["The title is saved."])
    expect(cabin.get_by_role("heading")).to_have_text("The red door")

    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    cabin.get_by_role("button", name="Share").click()
    expect(cabin.locator("span[data-share-label]")).to_have_text("Link copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert visit(copied.removeprefix(site.url)).title() == "The red door · Soundscape"

    gone = beach.get_by_role("heading").get_by_role("link").get_attribute("href")
    beach.get_by_text("Delete").first.click()
    expect(beach.get_by_text("are removed for good")).to_be_visible()
    accessible_everywhere(page)
    beach.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("status").first).to_have_text("The photo is deleted.")
    expect(photos(page)).to_have_count(1)
    stranger = visit("/", quiet=False)
    assert stranger.goto(gone).status == 410


def test_the_data_of_a_person_as_a_file(visit, site):
    page = visit("/")
    path = send(page, BEACH)
    email = sign_up(page, site, "dora")
    page.goto("/me/data/")
    accessible_everywhere(page)
    page.get_by_role("button", name="Make the file").click()
    ready = page.get_by_role("link", name="Download")
    expect(ready).to_be_visible()  # without a reload
    accessible_everywhere(page)
    with page.expect_download() as download:
        ready.click()
    assert download.value.suggested_filename.startswith("soundscape-dora-")
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as archive:
        account = json.loads(archive.read("account.json"))
        assert account["email_addresses"][0]["email"] == email
        photo = path.strip("/").split("/")[1]
        assert archive.read(f"photos/{photo}.jpg").startswith(b"\xff\xd8")
        assert json.loads(archive.read(f"photos/{photo}.json"))["matches"]
    address = ready.get_attribute("href")
    stranger = visit("/", quiet=False)
    sign_up(stranger, site, "stan")
    assert stranger.goto(address).status == 404


@pytest.mark.parametrize("scripts", [True, False])
def test_an_account_is_erased(visit, site, scripts):
    name = "erna" if scripts else "edna"
    visitor = visit("/")
    path = send(visitor, BEACH)
    sign_up(visitor, site, name)
    visitor.goto("/me/photos/")
    expect(photos(visitor)).to_have_count(1)
    page = visit("/", quiet=False, java_script_enabled=scripts)
    log_in(page, name)
    expect(photos(page)).to_have_count(1)
    page.goto("/me/data/")
    expect(page.get_by_text("your 1 photo and what was found for it")).to_be_visible()
    expect(page.get_by_text("What stays:")).to_be_visible()
    page.get_by_role("link", name="Erase my account…").click()
    if page.url.split("?")[0].endswith("/accounts/reauthenticate/"):
        page.get_by_label("Password").fill(PASSWORD)
        page.locator("main form button").first.click()
    if scripts:
        accessible_everywhere(page)
    page.get_by_label("To confirm, type your name").fill("somebody")
    page.get_by_role("button", name="Erase my account for good").click()
    expect(page.get_by_role("alert")).to_have_text("This is not your name. Nothing was erased.")
    if scripts:
        accessible_everywhere(page)
    page.get_by_label("To confirm, type your name").fill(name)
    page.get_by_role("button", name="Erase my account for good").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your account is erased")
    if scripts:
        accessible_everywhere(page)
    stranger = visit("/", quiet=False)
    assert stranger.goto(path).status == 410
    assert "/accounts/login/" in visitor.goto("/me/photos/").url
    log_in(stranger, name)
    expect(stranger.get_by_role("banner").get_by_role("link", name="Log in")).to_be_visible()
