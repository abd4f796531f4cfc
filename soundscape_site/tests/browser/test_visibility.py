"""Who sees a photo: made private, shared, reported, hidden and restored, in several browsers."""

from __future__ import annotations

import itertools
import re

import pytest
from playwright.sync_api import expect

from soundscape_site.tests.browser.people import SCHEMES, assert_accessible, sign_up
from soundscape_site.tests.browser.site import PHOTOS
from soundscape_site.tests.browser.test_every_visitor import SMALLEST, too_wide
from soundscape_site.tests.browser.visitor import DESKTOP, PHONE, upload, wait_for_result

_APPOINT = """
from accounts.models import User
User.objects.filter(username="{name}").update(is_staff={yes}, is_superuser={yes})
"""
_NUMBERS = itertools.count(1)


@pytest.fixture
def operator(visit, site):
    """The page of an operator."""
    name = f"visibility-operator-{next(_NUMBERS)}"
    page = visit(quiet=False)
    sign_up(page, site, name)
    site.manage("shell", "--command", _APPOINT.format(name=name, yes=True))
    yield page
    site.manage("shell", "--command", _APPOINT.format(name=name, yes=False))


def uploaded(page, photo="kodim22.png"):
    """Upload a photo and return the path of its page."""
    upload(page, PHOTOS / photo)
    wait_for_result(page)
    return re.sub(r"^https?://[^/]+", "", page.url)


def change(page, **choices):
    """Save settings on the photo's page."""
    page.get_by_text("Title and who can see it").click()
    if "title" in choices:
        page.get_by_label("Title", exact=True).fill(choices["title"])
    if "visibility" in choices:
        page.get_by_label(choices["visibility"], exact=True).check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your changes are saved.")).to_be_visible()


def status(page, path):
    return page.goto(path).status


def test_a_private_photo_is_a_missing_page_in_other_browsers(front, visit):
    path = uploaded(front)
    other = visit(path, quiet=False)
    expect(other.locator("[data-main]")).to_be_visible()
    change(front, visibility="Only you", title="Red barn")
    expect(front).to_have_title("Red barn · Soundscape")
    expect(front.locator("[data-main]")).to_be_visible()
    assert status(other, path) == 404
    expect(other.get_by_role("heading", level=1)).to_have_text("There is nothing at this address")
    assert status(other, f"{path}photo") == 404


@pytest.mark.parametrize("allows", [False, True])
def test_an_upload_by_script_sends_the_choice_about_judging(front, allows):
    box = front.get_by_label("Let reviewers judge how well the sound fits: they see the photo")
    expect(box).not_to_be_checked()
    if allows:
        box.check()
    uploaded(front)
    front.get_by_text("Title and who can see it").click()
    expect(box).to_be_checked(checked=allows)


def test_the_settings_work_without_javascript(visit):
    page = visit("/", java_script_enabled=False)
    page.get_by_label("Let reviewers judge").check()
    upload(page, PHOTOS / "kodim17.png")
    page.get_by_role("button", name="Find its sound").click()
    wait_for_result(page)
    change(page, visibility="Only you")
    page.get_by_text("Title and who can see it").click()
    box = page.get_by_label("Let reviewers judge")
    expect(box).not_to_be_checked()
    box.check()
    page.get_by_label("Everyone with the link", exact=True).check()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Title and who can see it").click()
    expect(box).to_be_checked()


def test_a_public_photo_is_reported_hidden_explained_and_restored(front, visit, operator):
    path = uploaded(front)
    change(front, visibility="Everyone, in the list of public photos", title="Harbour at noon")
    stranger = visit("/photos/", quiet=False)
    stranger.get_by_role("link", name="Harbour at noon").click()
    wait_for_result(stranger)
    stranger.get_by_role("link", name="Report this photo").click()
    stranger.get_by_label("It shows a person who does not want that").check()
    stranger.get_by_label("Anything the operator should know").fill("That is me.")
    stranger.get_by_role("button", name="Report").click()
    expect(stranger.get_by_text("Thank you.")).to_be_visible()

    operator.goto("/reports/")
    case = operator.get_by_role("article", name="Harbour at noon")
    expect(case).to_contain_text("That is me.")
    case.get_by_label("Why it is hidden").fill("It shows a face.")
    case.get_by_role("button", name="Hide the photo").click()
    expect(operator.get_by_text("The photo is hidden.")).to_be_visible()

    assert status(stranger, path) == 404
    stranger.goto("/photos/")
    expect(stranger.get_by_role("link", name="Harbour at noon")).to_have_count(0)
    front.goto(path)
    expect(front.locator(".notice")).to_contain_text("The reason: It shows a face.")

    hidden = operator.get_by_role("article", name="Harbour at noon")
    hidden.get_by_role("button", name="Show it again").click()
    expect(operator.get_by_text("The photo can be seen again.")).to_be_visible()
    assert status(stranger, path) == 200
    front.goto(path)
    expect(front.get_by_text("has hidden this photo")).to_have_count(0)


def test_the_pages_are_accessible(front, operator):
    path = uploaded(front)
    change(front, visibility="Everyone, in the list of public photos", title="Jetty at dusk")
    for page in (front, operator):
        page.goto(f"{path}report/")
        page.get_by_label("Something else").check()
        page.get_by_role("button", name="Report").click()
    operator.goto("/")
    hidden = uploaded(operator, "kodim16.png")
    operator.goto(f"{hidden}report/")
    operator.get_by_label("Something else").check()
    operator.get_by_role("button", name="Report").click()
    operator.goto("/reports/")
    operator.get_by_label("Why it is hidden").last.fill("It shows a face.")
    operator.get_by_role("button", name="Hide the photo").last.click()
    addresses = ("/", path, hidden, "/photos/", f"{path}report/", "/reports/")
    for address, scheme, width in itertools.product(addresses, SCHEMES, (DESKTOP, PHONE)):
        operator.set_viewport_size({"width": width, "height": 860})
        operator.emulate_media(color_scheme=scheme)
        operator.goto(address)
        for details in operator.locator("details").all():
            details.locator("summary").click()
        assert_accessible(operator)
        operator.set_viewport_size({"width": SMALLEST, "height": 860})
        assert too_wide(operator) == []
