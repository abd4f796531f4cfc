"""Errors: the page explains each one and keeps working."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from soundscape_site.tests.browser.people import assert_accessible_everywhere
from soundscape_site.tests.browser.site import PHOTOS
from soundscape_site.tests.browser.visitor import upload, wait_for_result

NO_WORKER = "Nobody is at work just now"
QUEUED = "Your photo has arrived"


@pytest.fixture
def broken(tmp_path):
    """Make a broken photo file."""

    def make(content):
        file = tmp_path / "broken.png"
        file.write_bytes(content)
        return file

    return make


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"These are only words.", 415, "This is not a photo we can read"),
        (b"", 400, "This file is empty"),
        ((PHOTOS / "kodim13.png"), 422, "This photo is incomplete"),
    ],
    ids=["text", "empty", "truncated"],
)
def test_a_broken_file_is_explained_and_the_form_still_works(visit, broken, content, status, words):
    page = visit("/", quiet=False)
    if not isinstance(content, bytes):
        content = content.read_bytes()[:200_000]
    with page.expect_response("**/scenes/") as answer:
        upload(page, broken(content))
    assert answer.value.status == status
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.get_by_text("Choose a photo")).to_be_visible()
    assert page.url.endswith("/")
    upload(page, PHOTOS / "kodim13.png")
    wait_for_result(page)


def test_a_photo_that_is_too_large_is_refused_before_the_upload(front, broken):
    sent = []
    front.on("request", lambda request: sent.append(request.method))
    upload(front, broken(bytes(20_000_001)))
    expect(front.get_by_role("alert")).to_contain_text("the most we take is 20 MB")
    assert "POST" not in sent
    upload(front, PHOTOS / "kodim13.png")
    wait_for_result(front)


def test_an_interrupted_upload_is_reported(visit):
    page = visit("/", quiet=False)
    page.route("**/scenes/", lambda route: route.abort("connectionreset"))
    upload(page, PHOTOS / "kodim13.png")
    expect(page.get_by_role("alert")).to_contain_text("The photo did not get through")
    page.unroute("**/scenes/")
    upload(page, PHOTOS / "kodim13.png")
    wait_for_result(page)


def test_an_unavailable_recording_is_reported_and_the_next_is_offered(visit, result_path):
    page = visit(result_path, quiet=False)
    player = page.locator("[data-main]")
    failing = player.get_attribute("data-src")
    page.route(f"**{failing}", lambda route: route.fulfill(status=503))
    page.reload()
    player.locator("[data-play]").click()
    expect(player.get_by_role("alert")).to_contain_text("cannot be played just now")
    player.get_by_role("button", name="Play the next one").click()
    expect(player).to_have_attribute("data-state", "playing")
    assert player.get_attribute("data-src") != failing


def test_a_photo_waits_for_a_stopped_worker_and_its_result_appears(visit, site):
    page = visit("/")
    with site.worker_stopped():
        upload(page, PHOTOS / "kodim04.png")
        progress = page.get_by_role("region", name="Progress")
        expect(progress).to_contain_text(QUEUED)
        expect(progress).to_contain_text(NO_WORKER)  # once its last heartbeat has expired
        expect(progress).to_contain_text("Your photo is safe and waits")
        expect(visit("/").get_by_text("Send your photo all the same")).to_be_visible()
    wait_for_result(page)
    site.wait_for_worker()


def test_a_form_that_is_filled_in_while_the_photo_waits_is_kept(visit, site):
    page = visit("/")
    title = page.get_by_label("Title", exact=True)
    with site.worker_stopped():
        upload(page, PHOTOS / "kodim14.png")
        page.get_by_text("Title and who can see it").click()
        title.fill("While it waits")
        expect(page.get_by_role("region", name="Progress")).to_contain_text(NO_WORKER)
        assert_accessible_everywhere(page)
        expect(title).to_have_value("While it waits")
    wait_for_result(page)
    expect(title).to_have_value("While it waits")
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_title("While it waits · Soundscape")
    site.wait_for_worker()


def test_a_full_queue_refuses_photos_until_there_is_room(visit, site):
    waiting, refused = visit("/"), visit("/", quiet=False)
    with site.worker_stopped():
        upload(waiting, PHOTOS / "kodim05.png")
        expect(waiting.get_by_role("region", name="Progress")).to_contain_text(QUEUED)
        with refused.expect_response("**/scenes/") as answer:
            upload(refused, PHOTOS / "kodim06.png")
        assert answer.value.status == 503
        assert int(answer.value.headers["retry-after"]) > 0
        expect(refused.get_by_role("alert")).to_contain_text("Too many photos are waiting")
    wait_for_result(waiting)
    upload(refused, PHOTOS / "kodim06.png")
    wait_for_result(refused)


def test_an_unknown_address_has_a_page(visit):
    page = visit("/nothing-here/", quiet=False)
    expect(page.get_by_role("heading")).to_have_text("There is nothing at this address")
    page.get_by_role("link", name="Find the sound of a photo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What does this place sound like?")


def test_an_unknown_scene_has_the_same_page(visit):
    page = visit("/scenes/00000000-0000-4000-8000-000000000000/", quiet=False)
    expect(page.get_by_role("heading")).to_have_text("There is nothing at this address")
    expect(page.get_by_text(re.compile("give this number: [0-9a-f]{32}"))).to_be_visible()


def test_an_empty_library_says_what_to_do_and_has_no_form(site):
    assert "The library is empty" in site.empty_front
    assert "manage.py import_clips FOLDER" in site.empty_front
    assert 'name="photo"' not in site.empty_front
