"""Visitors who have accounts: sign-up, log-in, their e-mails, and a check of accessibility."""

from __future__ import annotations

import re
from typing import Final, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from soundscape_site.tests import waiting
from soundscape_site.tests.browser.site import Site
from soundscape_site.tests.browser.visitor import DESKTOP, PHONE

PASSWORD: Final = "long-enough-to-remember-7"
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
WCAG: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

_END_TRANSITIONS: Final = (
    "() => document.getAnimations().filter((one) => one instanceof CSSTransition)"
    ".forEach((one) => one.finish())"
)


def latest_mail_link(site: Site, to: str, *, containing: str = "/accounts/") -> str:
    """Wait for an e-mail to an address, and return the path of the link in the latest one."""

    def links() -> list[str]:
        printed = site.log("web").split("Content-Type: text/plain")[1:]
        mails = [mail.partition("-" * 79)[0] for mail in printed]
        return [
            link.removeprefix(site.url)
            for mail in mails
            if re.search(rf"^To: .*{re.escape(to)}", mail, re.MULTILINE)
            for link in re.findall(r"https?://\S+", mail)
            if containing in link
        ]

    waiting.until(lambda: bool(links()), lambda: site.log("web")[-4000:])
    return links()[-1]


def sign_up(page: Page, site: Site, name: str, *, password: str = PASSWORD) -> str:
    """Make an account with a confirmed address, logged in on this page; return the address."""
    email = f"{name}@people.example"
    page.goto("/accounts/signup/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mailbox")
    page.goto(latest_mail_link(site, email, containing="/confirm-email/"))
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    return email


def log_in(page: Page, name: str, *, password: str = PASSWORD) -> None:
    """Log in by name or address; a second factor may be asked for after this."""
    page.goto("/accounts/login/")
    page.get_by_label("Name or e-mail address").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()


def log_out(page: Page) -> None:
    """Log out by the button in the page's header."""
    page.get_by_role("banner").get_by_role("button", name="Log out").click()
    expect(page.get_by_role("banner").get_by_role("link", name="Log in")).to_be_visible()


def assert_accessible(page: Page, *, within: str | None = None) -> None:
    """Fail if axe-core finds a violation of WCAG 2.2 AA on the page, or in a part, as it is now."""
    options = {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations"]}
    results = Axe().run(page, context=within, options=options)
    assert results.violations_count == 0, f"{page.url}\n{results.generate_report()}"


def assert_accessible_everywhere(page: Page, *, within: str | None = None) -> None:
    """Check the page in a wide and a narrow window, light and dark; nothing scrolls sideways."""
    before = page.viewport_size
    assert before is not None
    for width in (DESKTOP, PHONE):
        page.set_viewport_size({"width": width, "height": before["height"]})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (page.url, width)
        for scheme in SCHEMES:
            # Without motion: a colour on its way to another one has neither's contrast.
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.evaluate(_END_TRANSITIONS)  # begun before
            assert_accessible(page, within=within)
    page.set_viewport_size(before)
    page.emulate_media(color_scheme="null", reduced_motion="null")
