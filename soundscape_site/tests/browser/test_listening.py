"""Uploading and listening, with the real models in a real browser."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from soundscape_site.tests.browser.site import PHOTOS
from soundscape_site.tests.browser.visitor import (
    upload,
    wait_for_result,
    wait_for_silence,
    wait_for_sound,
)


def source_of(player):
    return player.get_attribute("data-src")


def test_an_uploaded_photo_becomes_a_result_without_a_reload(front):
    front.evaluate("window.before = 'still the same page'")
    upload(front, PHOTOS / "kodim13.png")
    expect(front.locator("[data-scene-photo]")).to_be_visible()
    wait_for_result(front)
    assert front.evaluate("window.before") == "still the same page"
    expect(front).to_have_url(re.compile(r"/scenes/[0-9a-f-]{36}/$"))
    expect(front).to_have_title(re.compile("A photo that shows .+ · Soundscape"))
    expect(front.locator(".player__rank")).to_contain_text("The best of")
    expect(front.locator(".player .credit")).to_contain_text("CC")
    expect(front.locator(".provenance")).to_contain_text("mobilenet-v2-1.0-224")
    expect(front.locator(".provenance")).to_contain_text("soundnet-8")
    assert front.locator("[data-scene-photo]").evaluate("photo => photo.naturalWidth") == 768


def test_a_clicked_sample_plays_by_itself_and_sounds(front):
    front.get_by_role("button", name="Mountain stream").click()
    wait_for_result(front)
    best = source_of(front.locator("[data-main]"))
    wait_for_sound(front, best)
    heard_at = front.evaluate("ear.time()")
    front.wait_for_function("before => ear.time() > before + 0.5", arg=heard_at)
    expect(front.locator("[data-backdrop]")).not_to_have_attribute("data-level", "0.000")
    front.get_by_role("button", name="Pause").first.click()
    wait_for_silence(front)


def test_a_repeated_photo_shows_its_result_at_once(visit):
    first = visit("/")
    upload(first, PHOTOS / "kodim03.png")
    wait_for_result(first)
    title = first.locator("[data-main]").get_attribute("data-title")

    again = visit("/")
    asked = []
    again.on("request", lambda request: asked.append(request.url))
    upload(again, PHOTOS / "kodim03.png")
    wait_for_result(again)
    assert again.locator("[data-main]").get_attribute("data-title") == title
    assert again.url != first.url
    assert not [url for url in asked if "/progress/" in url]


def test_a_click_on_the_waveform_seeks(visit, result_path):
    page = visit(result_path)
    player = page.locator("[data-main]")
    slider = player.locator("[data-seek]")
    duration_s = float(player.get_attribute("data-duration-s"))
    box = slider.bounding_box()
    slider.click(position={"x": box["width"] * 0.6, "y": box["height"] / 2})
    wait_for_sound(page, source_of(player))
    assert 0.55 * duration_s < page.evaluate("ear.time()") < 0.9 * duration_s
    slider.click(position={"x": box["width"] * 0.1, "y": box["height"] / 2})
    page.wait_for_function("most => ear.time() < most", arg=0.4 * duration_s)
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^\d+:\d\d of \d+:\d\d$"))


def test_keys_on_the_waveform_seek(visit, result_path):
    page = visit(result_path)
    player = page.locator("[data-main]")
    slider = player.locator("[data-seek]")
    duration_s = float(player.get_attribute("data-duration-s"))
    player.locator("[data-play]").click()
    wait_for_sound(page)
    player.locator("[data-play]").click()
    wait_for_silence(page)
    slider.focus()

    def place():
        return page.evaluate("() => ear.last().currentTime")

    slider.press("Home")
    assert place() == 0
    slider.press("PageUp")
    assert abs(place() - duration_s / 4) < 0.05
    slider.press("ArrowRight")
    assert abs(place() - duration_s / 4 - min(5, duration_s / 20)) < 0.05
    slider.press("ArrowLeft")
    slider.press("ArrowLeft")
    assert abs(place() - duration_s / 4 + min(5, duration_s / 20)) < 0.05
    slider.press("End")
    assert place() > 0.7 * duration_s
    expect(slider).to_have_attribute("aria-valuenow", str(int(place())))


def test_alternatives_play_in_place_one_at_a_time(visit, result_path):
    page = visit(result_path)
    player = page.locator("[data-main]")
    rows = page.locator(".alternative")
    expect(rows).to_have_count(4)
    player.locator("[data-play]").click()
    wait_for_sound(page, source_of(player))
    for number in (0, 1):
        rows.nth(number).locator("[data-play]").click()
        wait_for_sound(page, source_of(rows.nth(number)))
        expect(page.locator("[data-player][data-state=playing]")).to_have_count(1)
        expect(rows.nth(number)).to_have_attribute("data-state", "playing")


def test_use_this_sound_puts_an_alternative_into_the_player(visit, result_path):
    page = visit(result_path)
    player = page.locator("[data-main]")
    row = page.locator(".alternative").first
    best, other = player.get_attribute("data-title"), row.get_attribute("data-title")
    page.locator(f'.alternative[data-title="{other}"] [data-use]').click()
    expect(player.get_by_role("heading")).to_have_text(other)
    expect(page).to_have_url(re.compile(rf"{result_path}\?clip=\d+$"))
    wait_for_sound(page, source_of(player))
    expect(player.locator(".player__rank")).to_contain_text("No. 2")
    expect(player.get_by_role("button", name=f"Pause {other}", exact=True)).to_be_focused()
    expect(player.get_by_role("slider", name=f"Position in {other}", exact=True)).to_be_visible()
    expect(page.locator("[data-announcer]")).to_have_text(f"In the player now: {other}")
    expect(row.get_by_role("heading")).to_have_text(best)
    expect(page.get_by_role("link", name="Download", exact=True)).to_have_attribute(
        "href", f"{source_of(player)}?download=1"
    )
    page.reload()
    expect(player.get_by_role("heading")).to_have_text(other)
    page.locator(f'.alternative[data-title="{best}"] [data-use]').click()
    expect(player.get_by_role("heading")).to_have_text(best)
    page.go_back()
    expect(player.get_by_role("heading")).to_have_text(other)


def test_each_alternative_has_its_own_reasons_and_download(visit, result_path):
    page = visit(result_path)
    row = page.locator(".alternative").first
    title = row.get_attribute("data-title")
    reasons = row.locator(".why__bars")
    expect(reasons).to_be_hidden()
    row.get_by_text("Why", exact=False).first.click()
    expect(reasons).to_be_visible()
    assert reasons.locator("tbody tr").count() >= 3
    download = row.get_by_role("link", name=f"Download {title}", exact=True)
    expect(download).to_have_attribute("href", f"{source_of(row)}?download=1")


def test_the_volume_and_mute_are_remembered(visit, result_path):
    page = visit(result_path)
    page.locator("[data-main] [data-play]").click()
    wait_for_sound(page)
    mute, level = page.get_by_role("button", name="Mute"), page.get_by_role("slider", name="Volume")
    mute.click()
    expect(mute).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("() => ear.level() === 0 && ear.sources().length === 1")
    level.fill("40")
    expect(mute).to_have_attribute("aria-pressed", "false")
    wait_for_sound(page)
    page.reload()
    expect(level).to_have_value("40")
    mute.click()
    page.reload()
    expect(mute).to_have_attribute("aria-pressed", "true")
    page.locator("[data-main] [data-play]").click()
    expect(page.locator("[data-main]")).to_have_attribute("data-state", "playing")
    assert page.evaluate("ear.level()") == 0


def test_more_recordings_are_shown_up_to_twenty(visit, result_path):
    page = visit(result_path)
    page.get_by_role("link", name="Show 15 more").click()
    rows = page.locator(".alternative")
    expect(rows).to_have_count(19)
    expect(rows.nth(4).locator("[data-use]")).to_be_focused()
    expect(page.locator("[data-more]")).to_have_count(0)
    for at, rank in ((0, "No. 2"), (18, "No. 20")):
        expect(rows.nth(at).locator(".alternative__facts")).to_contain_text(rank)
    last = rows.nth(18)
    last.locator("[data-play]").click()
    wait_for_sound(page, source_of(last))


def test_the_figures_of_the_explanation_add_up(visit, result_path):
    page = visit(result_path)
    why = page.get_by_role("region", name="Why this sound")
    bars = why.locator(".why__bars tbody th").all_inner_texts()
    why.get_by_text("How this was found").click()
    sums = why.locator(".why__sums")
    labels = sums.locator("tbody th").all_inner_texts()
    assert labels == bars
    figures = [figure_nats(text) for text in sums.locator("tbody td").all_inner_texts()]
    assert len(labels) == len(figures) >= 3
    assert figures == sorted(figures, reverse=True)
    rest, total, divergence = map(figure_nats, sums.locator("tfoot td").all_inner_texts())
    assert abs(sum(figures) + rest - total) < 0.01 * (len(figures) + 2)
    assert divergence > 0
    seen = page.get_by_role("region", name="What we see in the photo").get_by_role("listitem")
    assert seen.count() >= 1


def figure_nats(text):
    return float(text.replace("\N{MINUS SIGN}", "-").replace("nats", "").strip())


def test_a_shared_link_shows_the_same_result_to_another_visitor(visit, result_path):
    page = visit(result_path, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Share").click()
    expect(page.get_by_role("button", name="Link copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.endswith(result_path)

    other = visit(link)
    for where in (page, other):
        expect(where.locator("[data-main] h2")).to_be_visible()
    titles = [where.locator("h2, h3").all_inner_texts() for where in (page, other)]
    assert titles[0] == titles[1]
    expect(other.locator("[data-main]")).to_have_attribute("data-state", "inviting")
    other.locator("[data-main] [data-play]").click()
    wait_for_sound(other)
