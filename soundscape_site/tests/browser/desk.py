"""A reviewer at the desk: what a browser test does there and sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from soundscape_site.tests import waiting
from soundscape_site.tests.browser.people import log_in

_OUTBOX_IS_EMPTY = (
    "() => Object.keys(localStorage).filter((key) => key.startsWith('review-outbox'))"
    ".every((key) => localStorage[key] === '[]')"
)


def come_in(visit: Callable[..., Page], name: str, **options: Any) -> Page:
    """Log in as a reviewer, in a browser of their own."""
    page = visit("/accounts/login/", **options)
    log_in(page, name)
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    return page


def sit_down(visit: Callable[..., Page], name: str, campaign: int, **options: Any) -> Page:
    """Log in as a reviewer and open a campaign's desk; the first pair is shown."""
    page = come_in(visit, name, **options)
    page.goto(f"/review/{campaign}/")
    expect(page.locator("[data-pair]")).to_be_visible()
    return page


def pair_of(page: Page) -> str | None:
    """Return the token of the pair that is shown."""
    token: str | None = page.evaluate(
        "() => document.querySelector('[data-pair]')?.dataset.token ?? null"
    )
    return token


def answer_until_next(page: Page, act: Callable[[], None]) -> None:
    """Answer as an impatient person does: again, until another pair or none is shown.

    The desk is deaf for a moment after each pair appeared.
    """
    expect(page.locator("[data-pair]")).to_be_visible()
    before = pair_of(page)

    def is_next() -> bool:
        act()
        return pair_of(page) != before

    waiting.until(is_next)


def press(page: Page, *keys: str) -> None:
    """Press keys of which the last answers the pair."""
    expect(page.locator("[data-pair]")).to_be_visible()
    for key in keys[:-1]:
        page.keyboard.press(key)
    answer_until_next(page, lambda: page.keyboard.press(keys[-1]))


def wait_until_saved(page: Page) -> None:
    """Wait until no answer waits to be sent."""
    page.wait_for_function(_OUTBOX_IS_EMPTY)


def expect_all_done(page: Page) -> None:
    expect(page.get_by_role("heading", name="All done")).to_be_visible()
    wait_until_saved(page)
