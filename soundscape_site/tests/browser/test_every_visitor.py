"""All window sizes, touch, keyboard and no JavaScript."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from soundscape_site.tests.browser.site import PHOTOS
from soundscape_site.tests.browser.visitor import (
    DESKTOP,
    PHONE,
    upload,
    wait_for_result,
    wait_for_silence,
    wait_for_sound,
)

SMALLEST = 320


def too_wide(page):
    """Return the elements that extend beyond the right edge of the window."""
    return page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= width) return [];
            return [...document.querySelectorAll("main *, header *, footer *")]
                .filter((element) => element.getBoundingClientRect().right > width + 1)
                .map((element) => element.outerHTML.slice(0, 80));
        }"""
    )


@pytest.mark.parametrize("width", [DESKTOP, PHONE, SMALLEST])
def test_nothing_scrolls_sideways(visit, result_path, width):
    page = visit("/", width=width)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert too_wide(page) == []
    page.goto(result_path)
    page.get_by_role("link", name=re.compile("Show .+ more")).click()
    expect(page.locator(".alternative")).to_have_count(19)
    assert too_wide(page) == []


@pytest.mark.parametrize("width", [PHONE, SMALLEST])
def test_touch_targets_have_44_pixels(visit, result_path, width):
    page = visit("/", width=width)
    for path in ("/", result_path):
        page.goto(path)
        page.locator("button:visible, label.button:visible, a.button:visible").first.wait_for()
        small = page.evaluate(
            """() => [...document.querySelectorAll("button, label.button, a.button, .site-nav a")]
                .map((element) => [element.outerHTML.slice(0, 80), element.getBoundingClientRect()])
                .filter(([, box]) => box.height && (box.height < 44 || box.width < 44))
                .map(([source]) => source)"""
        )
        assert small == []


def test_a_phone_uploads_and_plays(visit):
    page = visit("/", width=PHONE)
    expect(page.get_by_text("Use the camera")).to_be_visible()
    page.get_by_role("button", name="Lighthouse").tap()
    wait_for_result(page)
    wait_for_sound(page, page.locator("[data-main]").get_attribute("data-src"))
    # One column: photo, player, alternatives, reasons.
    tops = [
        page.locator(part).bounding_box()["y"]
        for part in ("[data-scene-photo]", "[data-main]", ".alternatives", ".why")
    ]
    assert tops == sorted(tops)


def test_the_site_works_by_keyboard(front):
    def focused(selector):
        return front.evaluate("selector => document.activeElement.matches(selector)", selector)

    def tab_to(selector):
        for _ in range(25):
            front.keyboard.press("Tab")
            if focused(selector):
                return
        pytest.fail(f"the Tab key does not reach {selector}")

    front.keyboard.press("Tab")
    assert focused(".skip-link")
    with front.expect_file_chooser() as chooser:  # must listen before it opens
        tab_to("#photo")
        front.keyboard.press("Enter")
    chooser.value.set_files(PHOTOS / "kodim13.png")
    wait_for_result(front)
    assert focused("[data-scene-title]")  # screen readers read it, and Tab continues there
    wait_for_sound(front)

    front.keyboard.press("Space")
    wait_for_silence(front)
    tab_to("[data-main] [data-play]")
    front.keyboard.press("Enter")
    wait_for_sound(front)
    tab_to(".alternative [data-play]")
    front.keyboard.press("Enter")
    expect(front.locator(".alternative").first).to_have_attribute("data-state", "playing")


def test_form_progress_and_player_work_without_javascript(visit):
    page = visit("/", java_script_enabled=False)
    upload(page, PHOTOS / "kodim07.png")
    page.get_by_role("button", name="Find its sound").click()
    expect(page).to_have_url(re.compile("/scenes/"))
    wait_for_result(page)  # the page reloads itself
    player = page.locator("[data-main] audio")
    expect(player).to_be_visible()
    with page.expect_response(lambda answer: "/audio" in answer.url) as answer:
        player.focus()
        page.keyboard.press("Space")
    assert answer.value.status == 206
    assert answer.value.headers["content-type"].startswith("audio/")
    expect(page.locator(".alternative > noscript audio")).to_have_count(4)
    page.get_by_role("link", name="Show 15 more").click()
    expect(page.locator(".alternative > noscript audio")).to_have_count(19)


def test_the_form_fits_the_smallest_window_without_javascript(visit):
    page = visit("/", width=SMALLEST, java_script_enabled=False)
    zone, field = (page.locator(part).bounding_box() for part in (".drop-zone", "#photo"))
    assert zone["x"] <= field["x"]
    assert field["x"] + field["width"] <= zone["x"] + zone["width"]
    assert too_wide(page) == []


def test_a_refusal_is_explained_without_javascript(visit, tmp_path):
    file = tmp_path / "words.jpg"
    file.write_text("These are only words.")
    page = visit("/", java_script_enabled=False, quiet=False)
    upload(page, file)
    page.get_by_role("button", name="Find its sound").click()
    expect(page.get_by_role("alert")).to_contain_text("This is not a photo we can read")
    expect(page.get_by_role("button", name="Find its sound")).to_be_visible()


def test_reduced_motion_stops_all_animations(visit, result_path):
    page = visit(result_path, reduced_motion="reduce")
    page.locator("[data-main] [data-play]").click()
    wait_for_sound(page)
    moving = page.evaluate("document.getAnimations().map((animation) => animation.animationName)")
    assert moving == []
