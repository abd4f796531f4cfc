"""`make demo` from an empty folder: the commands that it runs, and a pair graded on its site."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from soundscape_site.tests.browser.desk import press
from soundscape_site.tests.browser.people import log_in
from soundscape_site.tests.browser.site import PHOTOS, Site

NAMES = ("kodim13.png", "kodim16.png", "kodim21.png")


@pytest.fixture
def printed_and_site() -> Iterator[tuple[str, Site]]:
    """What the demo printed, and its running site."""
    demo = Site()
    try:
        photos = demo.directory / "photos"
        photos.mkdir()
        for name in NAMES:
            shutil.copy(PHOTOS / name, photos)
        demo.manage("migrate", "--verbosity", "0")
        demo.import_recordings()
        printed = demo.manage("demo", "--photos", str(photos), "--port", str(demo.port))
        demo.start()
        yield printed, demo
    finally:
        demo.stop()


@contextmanager
def page_of(browser: Browser, demo: Site, printed: str, name: str) -> Iterator[Page]:
    """Log in with a printed password."""
    password = re.search(rf"{name} +password (\S+)", printed)
    assert password
    with browser.new_context(base_url=demo.url) as context:
        page = context.new_page()
        log_in(page, name, password=password[1])
        yield page


def test_the_demo_can_be_graded(browser, printed_and_site):
    printed, demo = printed_and_site
    assert "3 photos, 9 pairs to grade" in printed
    assert f"{demo.url}/review/" in printed
    with page_of(browser, demo, printed, "demo_reviewer_1") as reviewer:
        reviewer.goto("/review/")
        reviewer.get_by_role("link", name="Start Demo").click()
        press(reviewer, "1")
        expect(reviewer.locator("[data-progress=own]")).to_contain_text("1 of 9")
    with page_of(browser, demo, printed, "demo_lead") as lead:
        lead.goto("/campaigns/")
        lead.get_by_role("link", name="Demo", exact=True).click()
        expect(lead.get_by_role("row", name="demo_reviewer_1")).to_be_visible()
