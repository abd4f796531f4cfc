"""The result page: its layout, another photo on it, a photo that nothing fits."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image, ImageFilter
from playwright.sync_api import expect

from soundscape_site.tests.browser.people import assert_accessible_everywhere
from soundscape_site.tests.browser.visitor import (
    DESKTOP,
    PHONE,
    upload,
    wait_for_result,
    wait_for_silence,
    wait_for_sound,
)

SMALLEST_TEXT_PX = 14

_SMALL_TEXT = """least => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const small = [];
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
        if (element.closest(".visually-hidden, noscript, template")) continue;
        const size = parseFloat(getComputedStyle(element).fontSize);
        if (size < least) small.push([size, element.outerHTML.slice(0, 80)]);
    }
    return small;
}"""
_GIVE = """([how, content, name, type]) => {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    const carried = new DataTransfer();
    carried.items.add(new File([bytes], name, { type }));
    const event = how === "paste"
        ? new ClipboardEvent("paste", { clipboardData: carried, bubbles: true })
        : new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true });
    document.body.dispatchEvent(event);
}"""


def picture(pixels, kind="JPEG"):
    stream = io.BytesIO()
    pixels.save(stream, kind)
    return stream.getvalue()


def stripes(colour, width=640, height=427):
    """Return a photo that no other test sends."""
    rows = np.linspace(0.2, 1, height)[:, None, None] * np.array(colour)[None, None, :]
    return Image.fromarray(np.repeat(rows, width, axis=1).astype(np.uint8))


def fog():
    """Return a photo of no place."""
    noise = (np.random.default_rng(1).random((600, 800, 3)) * 255).astype(np.uint8)
    return Image.fromarray(noise).filter(ImageFilter.GaussianBlur(3))


def give(page, how, content, *, name="photo.jpg", media_type="image/jpeg"):
    page.evaluate(_GIVE, [how, base64.b64encode(content).decode(), name, media_type])


def payload(content, name="photo.png"):
    return {"name": name, "mimeType": "image/png", "buffer": content}


@pytest.fixture  # each time a photo of its own: one of the tests deletes it
def unfit_path(browser, site):
    """The address of a result that fits nothing, as its owner sees it, and its state."""
    context = browser.new_context(base_url=site.url)
    page = context.new_page()
    page.goto("/")
    page.locator("#photo").set_input_files(payload(picture(fog(), "PNG")))
    wait_for_result(page)
    shown = page.url.removeprefix(site.url), context.storage_state()
    context.close()
    return shown


@pytest.mark.parametrize(
    "size", [(640, 427), (427, 640), (1600, 300)], ids=["landscape", "portrait", "panorama"]
)
def test_the_player_stands_below_the_photo_and_stays_beside_the_alternatives(visit, size):
    page = visit("/")
    upload(page, payload(picture(stripes((90, 140, sum(size) % 200), *size))))
    wait_for_result(page)
    photo, player = (page.locator(part).bounding_box() for part in (".scene__photo", "[data-main]"))
    assert player["y"] >= photo["y"] + photo["height"]
    assert player["y"] + player["height"] <= 860
    last = page.locator(".alternative").last
    last.scroll_into_view_if_needed()
    row, player = last.bounding_box(), page.locator("[data-main]").bounding_box()
    assert player["y"] >= 0
    assert player["y"] + player["height"] <= 860
    assert player["x"] + player["width"] <= row["x"]


def test_a_photo_that_nothing_fits_does_not_play_and_says_so_in_one_sentence(visit):
    page = visit("/")
    upload(page, payload(picture(fog(), "PNG")))
    wait_for_result(page)
    expect(page.get_by_role("note")).to_have_text(
        "This does not look like a place we have sounds for. Try a photo with scenery."
    )
    player = page.locator("[data-main]")
    expect(player).to_have_attribute("data-state", "idle")
    assert page.evaluate("ear.sources()") == []
    player.locator("[data-play]").click()
    wait_for_sound(page)


@pytest.mark.parametrize("how", ["paste", "drop"])
def test_a_photo_is_taken_on_the_result_page(visit, result_path, how):
    page = visit(result_path)
    page.locator("[data-main] [data-play]").click()
    wait_for_sound(page)
    first = page.url
    content = picture(stripes((200, 120, 40 + len(how))))
    give(page, how, content)
    page.wait_for_url(lambda url: url != first)
    wait_for_result(page)
    expect(page.locator("[data-scene-title]")).to_be_focused()
    expect(page.locator("[data-scene]")).to_have_count(1)


def test_a_broken_photo_on_the_result_page_is_explained_and_the_result_stays(visit, result_path):
    page = visit(result_path, quiet=False)
    give(page, "drop", b"These are only words.")
    expect(page.get_by_role("alert").filter(has_text="not a photo")).to_be_visible()
    assert_accessible_everywhere(page)
    expect(page.locator("[data-main]")).to_be_visible()
    assert page.url.endswith(result_path)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("phone.jpg", "image/jpg"),
        ("phone.jpeg", ""),
        ("IMG_0042.HEIC", "application/octet-stream"),
        ("IMG_0042.heic", "image/heic-sequence"),
        ("no suffix", ""),
    ],
)
def test_types_that_browsers_give_reach_the_server(front, name, media_type):
    with front.expect_request("**/scenes/") as sent:
        give(front, "drop", picture(stripes((10, 200, 90))), name=name, media_type=media_type)
    assert sent.value.method == "POST"
    wait_for_result(front)


@pytest.mark.parametrize(
    ("name", "media_type"), [("film.mp4", "video/mp4"), ("paper.pdf", "application/pdf")]
)
def test_what_is_surely_no_photo_is_refused_before_the_upload(front, name, media_type):
    sent = []
    front.on("request", lambda request: sent.append(request.method))
    give(front, "drop", b"content", name=name, media_type=media_type)
    expect(front.get_by_role("alert")).to_contain_text(name)
    assert "POST" not in sent


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_no_text_is_small(visit, result_path, unfit_path, width):
    page = visit("/", width=width)
    for address in ("/", result_path, unfit_path[0]):
        page.goto(address)
        for details in page.locator("details").all():
            details.locator("summary").click()
        assert page.evaluate(_SMALL_TEXT, SMALLEST_TEXT_PX) == []


def test_every_page_of_a_photo_is_accessible(visit, result_path, unfit_path):
    path, state = unfit_path
    page = visit("/", quiet=False, storage_state=state)
    assert_accessible_everywhere(page)
    for address in (path, f"{result_path}?clip=0", f"{result_path}report/", "/nothing-here/"):
        page.goto(address)
        for details in page.locator("details").all():
            details.locator("summary").click()
        assert_accessible_everywhere(page)
    page.goto(result_path)
    page.locator("[data-use]").nth(1).click()
    expect(page.locator(".player__rank")).to_contain_text("No. 3")
    page.get_by_role("link", name="Show 15 more").click()
    expect(page.locator(".alternative")).to_have_count(19)
    assert_accessible_everywhere(page)
    page.goto(path)
    page.get_by_text("Delete this photo").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("You deleted it.")).to_be_visible()
    assert_accessible_everywhere(page)
    wait_for_silence(page)


def test_the_owner_narrows_down_which_recordings_are_searched(visit):
    """The old result stays until the new one is there; the page is not loaded again."""
    page = visit("/")
    upload(page, payload(picture(stripes((70, 120, 61)))))
    wait_for_result(page)
    page.evaluate("window.sameDocument = true")
    rank = page.locator(".player__rank").inner_text()
    page.get_by_text("Narrow down", exact=True).click()
    page.get_by_label("Only recordings that may be used commercially").check()
    page.get_by_label("Only recordings of at least 15 s").check()
    page.get_by_role("button", name="Search again").click()
    words = page.locator(".narrow__words")
    expect(words).to_contain_text("may be used commercially · at least 15 s")
    assert page.locator(".player__rank").inner_text() != rank
    lengths = page.locator(".player__time, .alternative__facts").all_inner_texts()
    assert len(lengths) == 3
    assert all(re.search(r"\b0:(1[5-9]|2\d)$", one) for one in lengths), lengths
    assert_accessible_everywhere(page)
    page.get_by_role("button", name="Search all recordings").click()
    expect(page.locator(".player__rank")).to_have_text(rank)
    expect(words).to_have_count(0)
    assert page.evaluate("window.sameDocument")


def test_a_second_choice_replaces_the_first_while_that_is_on_its_way(visit):
    page = visit("/", quiet=False)  # a request that is replaced is logged
    upload(page, payload(picture(stripes((71, 121, 62)))))
    wait_for_result(page)
    sent = []

    def hold_the_first(route):
        sent.append(route)
        if len(sent) > 1:
            route.continue_()

    page.route("**/narrow/", hold_the_first)
    page.get_by_text("Narrow down", exact=True).click()
    page.get_by_label("Only recordings that may be used commercially").check()
    page.get_by_role("button", name="Search again").click()
    page.get_by_label("Only recordings that may be used commercially").uncheck()
    page.get_by_label("Only recordings of at least 15 s").check()
    page.get_by_role("button", name="Search again").click()
    expect(page.locator(".narrow__words strong")).to_have_text("at least 15 s")
    assert len(sent) == 2
