"""The first operator, invitations and roles, as people see them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, Literal

import pytest
from playwright.sync_api import Page, expect

from soundscape_site.tests import waiting
from soundscape_site.tests.browser.people import (
    PASSWORD,
    assert_accessible,
    latest_mail_link,
    log_in,
)
from soundscape_site.tests.browser.site import Site
from soundscape_site.tests.browser.visitor import DESKTOP, PHONE

_SET_ACTIVE = "from accounts.models import User; User.objects.filter({}).update(is_active={})"
_PRINTED = re.compile(r"^No operator yet\. To become one, open (\S+)$", re.MULTILINE)
OLGA = "olga@people.example"
CYD = "cyd@people.example"
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")


@pytest.fixture
def no_operator(site: Site) -> Iterator[None]:
    """No operator, whatever other tests made; the test's own is named olga."""
    site.manage("shell", "-c", _SET_ACTIVE.format("is_staff=True", "False"))
    yield
    site.manage("shell", "-c", _SET_ACTIVE.format("is_staff=True", "True"))


def fill_in_account(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()


def check(page: Page) -> None:
    """Check a page in both widths, light and dark."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width in (DESKTOP, PHONE):
            page.set_viewport_size({"width": width, "height": 860})
            assert_accessible(page)
            page_width = page.evaluate("document.documentElement.scrollWidth")
            assert page_width <= width, f"{page.url} is {page_width} wide at {width}"
    page.set_viewport_size({"width": DESKTOP, "height": 860})


def become_operator(page: Page, site: Site) -> None:
    """Open the address that `serve` printed, and make the account."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Become the operator")
    assert page.url == f"{site.url}/invitations/"
    check(page)
    page.get_by_label("E-mail address").fill(OLGA)
    fill_in_account(page, "olga")
    expect(page.get_by_role("heading", level=1)).to_have_text("People")
    expect(page.get_by_text("Welcome. Your roles: Operator.")).to_be_visible()


def invite(page: Page) -> None:
    """Invite a reviewer by e-mail."""
    page.get_by_label("E-mail address").fill(CYD)
    page.get_by_role("group", name="Roles").get_by_label("Reviewer", exact=True).last.check()
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.get_by_text(f"The invitation to {CYD} is sent.")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text=CYD)).to_contain_text("Reviewer")
    check(page)


def accept(page: Page) -> None:
    """Make the account of the invitation whose link was opened."""
    words = "olga invites you to this site. Your roles: Reviewer."
    expect(page.get_by_text(words)).to_be_visible()
    check(page)
    fill_in_account(page, "cyd")
    expect(page.get_by_text("Welcome. Your roles: Reviewer.")).to_be_visible()
    expect(page.get_by_role("link", name="People")).to_have_count(0)


def change_roles(page: Page) -> None:
    """Make the reviewer a librarian; then look at the question before a deactivation."""
    page.get_by_label("Name or address").fill("cyd@")
    page.get_by_role("button", name="Search").click()
    row = page.get_by_role("row").filter(has_text=CYD)
    row.get_by_label("Librarian").check()
    row.get_by_label("Reviewer", exact=True).uncheck()
    row.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The roles are changed.")).to_be_visible()
    expect(page.get_by_label("Name or address")).to_have_value("cyd@")
    expect(row.get_by_label("Librarian")).to_be_checked()
    expect(row.get_by_label("Reviewer", exact=True)).not_to_be_checked()
    row.locator("summary").click()
    check(page)


def stay_operator(page: Page) -> None:
    """The last operator cannot stop being one."""
    page.goto(f"/people/?q={OLGA}")
    row = page.get_by_role("row").filter(has_text=OLGA)
    row.get_by_label("Operator").uncheck()
    row.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("olga is the last operator.")


def confirm_address(site: Site, page: Page) -> None:
    """Confirm the operator's address, which nobody has proved yet."""
    page.goto(latest_mail_link(site, OLGA, containing="/confirm-email/"))
    page.get_by_role("button", name="Confirm").click()


def deactivate_and_reactivate(page: Page) -> None:
    log_in(page, "olga")
    page.goto("/people/?q=cyd")
    row = page.get_by_role("row").filter(has_text=CYD)
    row.locator("summary").click()
    row.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_text("The account is deactivated.")).to_be_visible()
    row.get_by_role("button", name="Reactivate").click()
    expect(page.get_by_text("The account is active again.")).to_be_visible()


def test_the_first_operator_invites_and_gives_roles(
    site: Site, visit: Callable[..., Page], no_operator: None
) -> None:
    assert "This site has no operator yet" in site.empty_front
    waiting.until(lambda: _PRINTED.search(site.output) is not None, lambda: site.output)
    address = _PRINTED.search(site.output)
    assert address is not None
    page = visit(address[1], quiet=False)  # the last step is refused
    become_operator(page, site)
    invite(page)

    link = latest_mail_link(site, CYD, containing="/invitations/")
    accept(visit(link))
    again = visit(link, quiet=False)
    expect(again.get_by_text("This invitation was accepted already")).to_be_visible()
    check(again)

    change_roles(page)
    stay_operator(page)
    confirm_address(site, visit("/", quiet=False))
    deactivate_and_reactivate(visit("/", java_script_enabled=False))
