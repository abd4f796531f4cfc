"""Reviewers grade pairs, with the real site and real sounds in a real browser."""

from __future__ import annotations

import re
from collections import Counter

from playwright.sync_api import expect

from soundscape_site.tests.browser.campaigns import (
    PHOTO_TITLE,
    answers_in,
    free_all_pairs,
    give_campaign,
)
from soundscape_site.tests.browser.desk import (
    answer_until_next,
    come_in,
    expect_all_done,
    pair_of,
    press,
    sit_down,
    wait_until_saved,
)
from soundscape_site.tests.browser.people import PASSWORD, assert_accessible_everywhere
from soundscape_site.tests.browser.visitor import PHONE, wait_for_sound

PAIRS = 30
PHOTOS_LOADED = (
    "number => performance.getEntriesByType('resource')"
    ".filter(({ name }) => name.endsWith('/photo')).length >= number"
)


def grades_of(answers):
    return [answer for answer in answers if answer["kind"] == "grade"]


def sound_of(page):
    return page.locator("[data-main]").get_attribute("data-src")


def test_thirty_pairs_by_keyboard_alone(visit, site):
    made = give_campaign(site, "By keyboard", reviewers=("kay",), pairs=PAIRS)
    page = come_in(visit, "kay")
    page.goto("/review/")
    page.get_by_role("link", name="Start By keyboard").press("Enter")
    expect(page.locator("[data-pair]")).to_be_visible()
    for number in range(PAIRS):
        keys = (["1"], ["2"], ["4", "8", "3"])[number % 3]
        press(page, *keys)
    expect_all_done(page)
    expect(page.locator("[data-others]")).to_have_text("No pair is left to others.")
    expect(page.locator("[data-progress=own]")).to_contain_text("30 of 30")
    grades = grades_of(answers_in(site, made.campaign))
    assert sorted(grade["pair"] for grade in grades) == sorted(made.pairs)
    assert Counter(grade["grade"] for grade in grades) == {"good": 10, "decent": 10, "bad": 10}
    assert all(
        (grade["faults"] == ["music", "voices"]) == (grade["grade"] == "bad") for grade in grades
    )
    assert all(grade["took_s"] > 0 for grade in grades)


def test_thirty_pairs_by_touch_on_a_phone(visit, site):
    made = give_campaign(site, "By touch", reviewers=("tom",), pairs=PAIRS)
    page = sit_down(visit, "tom", made.campaign, width=PHONE)
    for number in range(PAIRS):
        if number % 3 == 2:
            page.locator("[data-fault=place]").tap()
        answer = page.locator("[data-grade]").nth(number % 3)
        answer_until_next(page, answer.tap)
    expect_all_done(page)
    grades = grades_of(answers_in(site, made.campaign))
    assert sorted(grade["pair"] for grade in grades) == sorted(made.pairs)
    assert Counter(grade["grade"] for grade in grades) == {"good": 10, "decent": 10, "bad": 10}
    assert all((grade["faults"] == ["place"]) == (grade["grade"] == "bad") for grade in grades)


def test_two_reviewers_grade_the_same_pairs(visit, site):
    made = give_campaign(site, "Overlap", reviewers=("ola", "olu"), pairs=5, slots=2)
    pages = [sit_down(visit, name, made.campaign) for name in ("ola", "olu")]
    for _ in made.pairs:
        for page in pages:
            press(page, "1")
    for page in pages:
        expect_all_done(page)
    grades = grades_of(answers_in(site, made.campaign))
    assert Counter((grade["by"], grade["pair"]) for grade in grades) == {
        (name, pair): 1 for name in ("ola", "olu") for pair in made.pairs
    }


def test_undo_over_three_steps_and_over_a_skip(visit, site):
    made = give_campaign(site, "Undo", reviewers=("una",), pairs=6)
    page = sit_down(visit, "una", made.campaign)
    shown = [pair_of(page)]
    for keys in (["1"], ["4", "2"], ["s", "2"]):
        press(page, *keys)
        shown.append(pair_of(page))
    for before in reversed(shown[:3]):
        page.keyboard.press("u")
        expect(page.locator(f"[data-token='{before}']")).to_be_visible()
    expect(page.locator("[data-grade=good]")).to_contain_text("Your earlier answer")
    wait_until_saved(page)
    page.keyboard.press("u")
    expect(page.locator("[data-notice]")).to_contain_text(
        "There is nothing to undo in this session."
    )
    assert [answer["kind"] for answer in answers_in(site, made.campaign)] == ["undone"]
    press(page, "3")
    expect(page.locator("[data-fault=voices]")).to_have_attribute("aria-pressed", "false")
    assert pair_of(page) == shown[1]
    for _ in range(5):
        press(page, "3")
    expect_all_done(page)
    page.keyboard.press("u")  # the last one, from the page that says all is done
    expect(page.locator("[data-grade=bad]")).to_contain_text("Your earlier answer")
    press(page, "1")
    expect_all_done(page)
    grades = grades_of(answers_in(site, made.campaign))
    assert sorted(grade["pair"] for grade in grades) == sorted(made.pairs)
    assert Counter(grade["grade"] for grade in grades) == {"bad": 5, "good": 1}


def test_a_skip_that_cannot_be_undone_leaves_the_desk_at_work(visit, site):
    made = give_campaign(site, "Taken", reviewers=("tia", "tor"), pairs=1)
    page = sit_down(visit, "tia", made.campaign, quiet=False)
    press(page, "s", "2")
    expect_all_done(page)
    sit_down(visit, "tor", made.campaign)
    page.keyboard.press("u")
    expect(page.locator("[data-notice]")).to_contain_text("This answer cannot be undone")
    expect_all_done(page)
    page.keyboard.press("u")
    expect(page.locator("[data-notice]")).to_contain_text("There is nothing to undo")


def test_no_more_is_loaded_of_a_pair_that_was_left(visit, site):
    made = give_campaign(site, "Left", reviewers=("lea",), pairs=3)
    page = sit_down(visit, "lea", made.campaign)
    first = sound_of(page)
    page.keyboard.press("r")
    wait_for_sound(page, first)
    press(page, "s", "2")
    page.wait_for_function("source => !ear.loaded().includes(source)", arg=first)
    wait_for_sound(page, sound_of(page))
    wait_until_saved(page)
    page.keyboard.press("u")
    wait_for_sound(page, first)  # only once the site has lent the pair again
    for _ in range(3):
        press(page, "1")
    expect_all_done(page)
    page.wait_for_function("() => ear.loaded().length === 0")


def test_undo_after_a_reload(visit, site):
    made = give_campaign(site, "Reloaded", reviewers=("rea",), pairs=4)
    page = sit_down(visit, "rea", made.campaign)
    first = pair_of(page)
    press(page, "1")
    wait_until_saved(page)
    page.reload()
    expect(page.locator("[data-pair]")).to_be_visible()
    page.keyboard.press("u")
    expect(page.locator(f"[data-token='{first}']")).to_be_visible()
    expect(page.locator("[data-grade=good]")).to_contain_text("Your earlier answer")


def test_answers_wait_for_a_lost_network_and_are_sent_once(visit, site):
    made = give_campaign(site, "Offline", reviewers=("ofi",), pairs=5)
    page = sit_down(visit, "ofi", made.campaign, quiet=False)
    expect(page.get_by_text("next pair is ready")).to_be_visible()

    def answered_but_lost(route):  # the site has the answer, the browser does not know
        route.fetch()
        route.abort()

    page.route("**/review/answers/", answered_but_lost, times=1)
    press(page, "1")
    expect(page.locator("[data-status]")).to_have_text("1 answer waits for the network")
    page.wait_for_function(PHOTOS_LOADED, arg=4)  # the first one's, and of all that it holds now
    page.context.set_offline(True)
    given = ["good"]
    while pair_of(page) is not None:
        press(page, "2")
        given.append("decent")
    assert len(given) >= 3  # those that were there when the network was lost
    expect(page.get_by_role("heading", name="No connection to the site")).to_be_visible()
    waiting = f"{len(given)} answers wait for the network"
    expect(page.locator("[data-status]")).to_have_text(waiting)
    page.context.set_offline(False)
    wait_until_saved(page)
    for _ in made.pairs[len(given) :]:
        press(page, "3")
        given.append("bad")
    expect_all_done(page)
    grades = grades_of(answers_in(site, made.campaign))
    assert [grade["grade"] for grade in grades] == given
    assert sorted(grade["pair"] for grade in grades) == sorted(made.pairs)


def test_a_double_press_grades_once(visit, site):
    made = give_campaign(site, "Twice", reviewers=("dee",), pairs=4)
    page = sit_down(visit, "dee", made.campaign)
    sent = []

    def note(request):
        if "/answers/" in request.url:
            sent.append(request.url)

    page.on("request", note)
    press(page, "1")
    second = pair_of(page)
    page.keyboard.press("1")
    page.keyboard.down("1")
    page.keyboard.down("1")  # repeats
    page.keyboard.up("1")
    assert pair_of(page) == second
    wait_until_saved(page)
    assert len(sent) == 1
    for key in ("Control+1", "Alt+1"):
        page.keyboard.press(key)
    page.keyboard.press("?")
    page.keyboard.press("1")
    assert pair_of(page) == second
    page.get_by_label("Use single keys").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    assert pair_of(page) == second
    assert len(grades_of(answers_in(site, made.campaign))) == 1


def test_letters_are_found_on_keyboards_of_other_scripts(visit, site):
    made = give_campaign(site, "Scripts", reviewers=("kir",), pairs=2)
    page = sit_down(visit, "kir", made.campaign)
    why = page.get_by_role("group", name="Why do you skip this pair?")
    strike = (
        "([key, code]) => document.body.dispatchEvent("
        "new KeyboardEvent('keydown', { key, code, bubbles: true, cancelable: true }))"
    )
    for key, code, asks in (("ы", "KeyS", True), ("ц", "KeyW", True), ("Ы", "KeyS", False)):
        page.evaluate(strike, [key, code])
        expect(why).to_be_visible(visible=asks)
    page.evaluate(strike, ["o", "KeyS"])  # Dvorak: the letter on the key counts
    expect(why).to_be_hidden()
    page.evaluate(strike, ["s", "Semicolon"])
    expect(why).to_be_visible()


def test_a_closed_tab_loses_nothing(visit, site):
    made = give_campaign(site, "Closed tab", reviewers=("cid",), pairs=4)
    page = sit_down(visit, "cid", made.campaign, quiet=False)
    page.route("**/review/answers/", lambda route: route.abort())
    press(page, "2")
    expect(page.locator("[data-status]")).to_have_text("1 answer waits for the network")
    shown = pair_of(page)
    again = page.context.new_page()
    page.close()
    again.goto(f"/review/{made.campaign}/")
    expect(again.locator("[data-pair]")).to_be_visible()
    assert pair_of(again) == shown
    wait_until_saved(again)
    assert [grade["grade"] for grade in answers_in(site, made.campaign)[:-1]] == ["decent"]


def test_a_log_in_that_ended_loses_nothing(visit, site):
    made = give_campaign(site, "Logged out", reviewers=("lou",), pairs=4)
    page = sit_down(visit, "lou", made.campaign, quiet=False)
    page.context.clear_cookies()
    press(page, "3")
    expect(page.get_by_role("heading", name="Log in again")).to_be_visible()
    page.get_by_role("link", name="Log in again").click()
    page.get_by_label("Name or e-mail address").fill("lou")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page).to_have_url(re.compile(rf"/review/{made.campaign}/$"))
    expect(page.locator("[data-pair]")).to_be_visible()
    wait_until_saved(page)
    assert [answer.get("grade") for answer in answers_in(site, made.campaign)] == ["bad", None]


def test_what_others_hold_is_named_and_a_lost_lease_too(visit, site):
    made = give_campaign(site, "Held", reviewers=("hal", "hed"), pairs=3)
    first = sit_down(visit, "hal", made.campaign, quiet=False)
    expect(first.get_by_text("next pair is ready")).to_be_visible()
    second = come_in(visit, "hed")
    second.goto(f"/review/{made.campaign}/")
    expect(second.get_by_role("heading", name="All done")).to_be_visible()
    expect(second.locator("[data-others]")).to_have_text("3 pairs are with other reviewers.")
    assert_accessible_everywhere(second)
    free_all_pairs(site, made.campaign)
    second.get_by_role("button", name="Look again").click()
    expect(second.locator("[data-pair]")).to_be_visible()
    expect(second.get_by_text("next pair is ready")).to_be_visible()
    press(first, "1")
    expect(first.locator("[data-notice]")).to_contain_text("This pair went to other reviewers.")
    for _ in made.pairs:
        press(second, "1")
    expect_all_done(second)
    assert {grade["by"] for grade in grades_of(answers_in(site, made.campaign))} == {"hed"}


def test_a_sound_is_heard_before_the_answer(visit, site):
    made = give_campaign(site, "Listen first", reviewers=("lis",), pairs=3)
    page = come_in(visit, "lis")

    def with_a_minimum(route):
        answer = route.fetch()
        body = answer.text().replace('data-least-s="0"', 'data-least-s="2"')
        route.fulfill(response=answer, body=body)

    page.route("**/review/*/", with_a_minimum)
    page.goto(f"/review/{made.campaign}/")
    good = page.locator("[data-grade=good]")
    expect(page.locator("[data-pair]")).to_be_visible()
    expect(good).to_have_attribute("aria-disabled", "true")
    first = pair_of(page)
    page.keyboard.press("1")  # too early: plays
    assert pair_of(page) == first
    source = sound_of(page)
    wait_for_sound(page, source)
    page.keyboard.press(" ")
    expect(good).to_contain_text(re.compile(r"Listen [12] s first"))
    page.keyboard.press(" ")
    expect(good).to_have_attribute("aria-disabled", "false")
    expect(page.locator("[data-announcer]")).to_have_text("You can answer.")
    page.keyboard.press("4")
    expect(good).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("1")
    assert pair_of(page) == first
    page.keyboard.press("Escape")
    press(page, "1")
    after = sound_of(page)
    wait_for_sound(page, after)  # of the next pair, and of no other
    wait_until_saved(page)
    (grade,) = grades_of(answers_in(site, made.campaign))
    assert 2 <= grade["listened_s"] < 60


def test_nothing_tells_what_a_pair_is(visit, site):
    made = give_campaign(
        site, "Blind", reviewers=("bea",), pairs=8, gold=4, gold_share="0.4", examples=True
    )
    page = come_in(visit, "bea")
    told = []

    def note(route):
        answer = route.fetch()
        told.append(f"{answer.url} {answer.headers} {answer.text()}")
        route.fulfill(response=answer)

    page.route(re.compile(r"/review/(?!(leases|examples)/[^/]+/)"), note)
    page.on("response", lambda response: told.append(f"{response.url} {response.headers}"))
    page.goto("/review/")
    page.get_by_role("link", name="Start Blind").click()
    expect(page.locator("[data-pair]")).to_be_visible()
    totals = set()
    for number in range(8):
        totals.add(page.locator("[data-progress=own] [data-progress-words]").inner_text())
        press(page, *(["1"], ["s", "1"], ["u"])[number % 3])
    wait_until_saved(page)
    page.unroute_all(behavior="wait")
    assert len({words.rpartition(" ")[2] for words in totals}) == 1, totals
    told.append(page.content())
    everything = "\n".join(told)
    assert "/review/leases/" in everything
    secrets = [*made.scenes, *made.hashes, *made.titles, PHOTO_TITLE, "/clips/", "/scenes/"]
    assert [secret for secret in secrets if secret and secret in everything] == []
    answers = "\n".join(
        text for text in told if re.match(r"\S+/(next|answers|undo)/ .*{", text, re.S)
    )
    assert "data-pair" in answers
    for word in ("gold", "purpose", "fused", "strength", "divergence", "rank", "sha256"):
        assert not re.search(rf"\b{word}\b", answers), word


def test_the_pages_of_reviewers_are_accessible(visit, site):
    made = give_campaign(site, "For all", reviewers=("axa",), pairs=3, examples=True)
    page = sit_down(visit, "axa", made.campaign)
    expect(page.get_by_text("next pair is ready")).to_be_visible()
    assert_accessible_everywhere(page)
    page.keyboard.press("s")
    expect(page.get_by_role("group", name="Why do you skip this pair?")).to_be_focused()
    assert_accessible_everywhere(page)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert_accessible_everywhere(page, within="dialog")  # what it covers counts as too small
    page.keyboard.press("Escape")
    page.goto("/review/")
    assert_accessible_everywhere(page)
    page.goto(f"/review/{made.campaign}/guideline/")
    page.locator("[data-play]").first.click()
    wait_for_sound(page)
    assert_accessible_everywhere(page)
