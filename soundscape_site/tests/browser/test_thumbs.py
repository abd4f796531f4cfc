""" "Does it fit?": an answer counts once, survives, changes and follows the recording."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from soundscape_site.tests.browser.people import assert_accessible, sign_up
from soundscape_site.tests.browser.site import PHOTOS
from soundscape_site.tests.browser.test_every_visitor import SMALLEST, too_wide
from soundscape_site.tests.browser.visitor import DESKTOP, PHONE, upload, wait_for_result

_STORED = """
import json
from retrieval.models import Thumb
given = Thumb.objects.filter(scene="{scene}").order_by("match__rank", "pk")
values = given.values_list("match__rank", "fits", "reason", "account__username")
print(json.dumps(list(values)))
"""
LEAST_TARGET_PX = 44


@pytest.fixture
def stored(site):
    """What the database holds of the thumbs on a page."""

    def rows(page):
        scene = page.url.partition("/scenes/")[2].partition("/")[0]
        said = site.manage("shell", "--command", _STORED.format(scene=scene))
        return said.strip().splitlines()[-1]

    return rows


def uploaded(page, photo="kodim23.png"):
    upload(page, PHOTOS / photo)
    wait_for_result(page)
    return "/scenes/" + page.url.partition("/scenes/")[2]


def question(page, title):
    return page.get_by_role("group", name=f"Does “{title}” fit the photo?")


def button(page, title, name):
    return question(page, title).get_by_role("button", name=name, exact=True)


def expect_pressed(page, title, name, *, pressed=True):
    expect(button(page, title, name)).to_have_attribute("aria-pressed", str(pressed).lower())


def use(page, title):
    page.locator(f'.alternative[data-title="{title}"] [data-use]').click()
    expect(page.locator("[data-main]")).to_have_attribute("data-title", title)


def titles(page):
    """Return the titles of the best recording and the first alternative."""
    players = (page.locator("[data-main]"), page.locator(".alternative").first)
    return [player.get_attribute("data-title") for player in players]


def test_an_answer_counts_once_survives_a_reload_changes_and_is_taken_back(front, stored):
    uploaded(front)
    best, _ = titles(front)
    yes = button(front, best, "Yes")
    yes.dblclick()
    expect_pressed(front, best, "Yes")
    expect(yes).to_be_focused()
    assert stored(front) == '[[1, true, "", null]]'
    front.reload()
    expect_pressed(front, best, "Yes")
    button(front, best, "No").focus()
    front.keyboard.press("Enter")
    expect_pressed(front, best, "No")
    expect_pressed(front, best, "Yes", pressed=False)
    expect(button(front, best, "No")).to_be_focused()
    why = front.get_by_role("group", name="What is wrong?").get_by_role("button")
    expect(why).to_have_count(4)
    why.filter(has_text="Wrong place").click()
    expect(why.filter(has_text="Wrong place")).to_have_attribute("aria-pressed", "true")
    assert stored(front) == '[[1, false, "place", null]]'
    button(front, best, "No").click()
    expect_pressed(front, best, "No", pressed=False)
    expect(why).to_have_count(0)
    assert stored(front) == "[]"


def test_the_question_follows_the_recording_in_the_player(front, stored):
    path = uploaded(front)
    best, other = titles(front)
    button(front, best, "Yes").click()
    expect_pressed(front, best, "Yes")
    use(front, other)
    expect(question(front, best)).to_be_hidden()
    expect_pressed(front, other, "Yes", pressed=False)
    button(front, other, "No").click()
    expect_pressed(front, other, "No")
    assert stored(front) == '[[1, true, "", null], [2, false, "", null]]'
    use(front, best)
    expect_pressed(front, best, "Yes")
    expect(question(front, other)).to_be_hidden()
    front.goto(path)
    use(front, other)
    expect_pressed(front, other, "No")


def test_a_log_in_keeps_the_answer(visit, site, stored):
    page = visit("/", quiet=False)
    path = uploaded(page)
    best, _ = titles(page)
    button(page, best, "No").click()
    expect_pressed(page, best, "No")
    sign_up(page, site, "thumb-giver")
    page.goto(path)
    expect_pressed(page, best, "No")
    assert stored(page) == '[[1, false, "", "thumb-giver"]]'


def test_it_works_without_javascript_for_whoever_has_the_link(front, visit, stored):
    path = uploaded(front)
    plain = visit(path, java_script_enabled=False)
    best, other = titles(plain)
    button(plain, best, "No").click()
    expect_pressed(plain, best, "No")
    plain.get_by_role("button", name="Other sounds").click()
    plain.locator(".alternative").first.get_by_text("Why").first.click()
    button(plain, other, "Yes").click()
    expect_pressed(plain, other, "Yes")
    assert stored(front) == '[[1, false, "sounds", null], [2, true, "", null]]'
    front.reload()
    expect_pressed(front, best, "No", pressed=False)  # another visitor


def test_a_lost_connection_is_said(visit, stored):
    page = visit("/", quiet=False)
    uploaded(page)
    best, _ = titles(page)
    lost = page.get_by_text("Your answer did not get through.")
    page.context.set_offline(True)
    button(page, best, "Yes").click()
    expect(lost.first).to_be_visible()
    expect_pressed(page, best, "Yes", pressed=False)
    page.context.set_offline(False)
    button(page, best, "Yes").click()
    expect_pressed(page, best, "Yes")
    expect(lost.first).to_be_hidden()


def test_it_is_accessible_and_large_enough_for_fingers(visit):
    for width in (DESKTOP, PHONE):
        page = visit("/", width=width)
        uploaded(page)
        best, _ = titles(page)
        button(page, best, "No").click()
        reason = page.get_by_role("button", name="Poor recording")
        reason.click()
        expect(reason).to_have_attribute("aria-pressed", "true")
        buttons = page.locator("[data-main-thumb] button")
        assert buttons.count() == 6
        for one in buttons.all():
            assert one.bounding_box()["height"] >= LEAST_TARGET_PX
        assert_accessible(page)
        page.set_viewport_size({"width": SMALLEST, "height": 860})
        assert too_wide(page) == []
