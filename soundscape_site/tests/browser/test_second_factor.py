"""Second factors and sessions in a real browser: app, recovery codes, passkeys."""

from __future__ import annotations

from typing import Final

from playwright.sync_api import Page, expect

from accounts.tests.authenticator_app import code_of
from soundscape_site.tests.browser.people import (
    PASSWORD,
    assert_accessible,
    log_in,
    log_out,
    sign_up,
)
from soundscape_site.tests.browser.site import Site

FACTORS: Final = "/accounts/2fa/"
REFUSE: Final = """() => {
  navigator.credentials.get = async () => { throw new DOMException("", "NotAllowedError"); };
}"""
DEVICE: Final = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def confirm_password(page: Page) -> None:
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()


def set_up_app(page: Page) -> str:
    """Set an app up on the page of second factors; return its key."""
    page.goto(FACTORS)
    page.get_by_role("link", name="Set up an app").click()
    confirm_password(page)
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    assert_accessible(page)
    key = page.locator("[data-key]").inner_text()
    page.get_by_label("Code").fill(code_of(key))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Recovery codes")
    return key


def is_logged_in(page: Page) -> None:
    expect(page.get_by_role("banner").get_by_role("button", name="Log out")).to_be_visible()


def give_device(page: Page) -> None:
    """Give a page's browser a device that confirms passkeys."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})


def test_an_app_and_recovery_codes_open_the_account(visit, site: Site):
    page = visit()
    sign_up(page, site, "app-user")
    key = set_up_app(page)
    assert_accessible(page)
    codes = page.locator(".codes code").all_inner_texts()
    assert len(codes) == 10
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the codes").click()
    assert download.value.path().read_text().split() == codes

    log_out(page)
    log_in(page, "app-user")
    expect(page.get_by_role("heading", level=1)).to_have_text("One more step")
    assert_accessible(page)
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_text("was not accepted")).to_be_visible()
    page.get_by_label("Code").fill(code_of(key))
    page.get_by_role("button", name="Log in", exact=True).click()
    is_logged_in(page)

    log_out(page)
    log_in(page, "app-user")
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Log in", exact=True).click()
    is_logged_in(page)
    page.goto(FACTORS)
    expect(page.get_by_text("9 codes are left")).to_be_visible()
    assert_accessible(page)


def test_a_passkey_opens_the_account_alone_and_after_the_password(visit, site: Site):
    page = visit(base_url=site.url.replace("127.0.0.1", "localhost"))  # passkeys need a name
    give_device(page)
    sign_up(page, site, "passkey-user")
    page.goto(FACTORS)
    page.get_by_role("link", name="Add a passkey").click()
    confirm_password(page)
    page.get_by_label("Name").fill("My laptop")
    assert_accessible(page)
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Recovery codes")

    log_out(page)
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Log in with a passkey").click()
    is_logged_in(page)

    log_out(page)
    log_in(page, "passkey-user")
    page.get_by_role("button", name="Use a passkey").click()
    is_logged_in(page)

    page.goto("/accounts/2fa/webauthn/")
    row = page.get_by_role("row", name="My laptop")
    expect(row).to_contain_text("alone")
    assert_accessible(page)
    row.get_by_role("link", name="Rename").click()
    page.get_by_role("link", name="With a passkey").click()
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_label("Name").fill("Old laptop")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("row", name="Old laptop").get_by_role("link", name="Remove").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Remove “Old laptop”?")
    assert_accessible(page)
    page.get_by_role("button", name="Remove the passkey").click()
    expect(page.get_by_text("You have no passkeys")).to_be_visible()


def test_a_closed_dialog_is_said_in_words(visit):
    page = visit("/accounts/login/", quiet=False)
    page.evaluate(REFUSE)
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_role("alert")).to_have_text(
        "No passkey was used. Try again, or choose another way."
    )


def test_a_browser_without_passkeys_says_so(visit):
    page = visit()
    page.add_init_script("delete window.PublicKeyCredential")
    page.goto("/accounts/login/")
    expect(page.get_by_role("button", name="Log in with a passkey")).to_be_disabled()
    expect(page.get_by_text("too old for passkeys")).to_be_visible()


def test_without_scripts_no_passkey_is_offered(visit):
    page = visit("/accounts/login/", java_script_enabled=False)
    expect(page.get_by_role("button", name="Log in", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Log in with a passkey")).to_be_hidden()


def test_an_ended_session_is_logged_out_at_its_next_click(visit, site: Site):
    here, there = visit(), visit()
    sign_up(here, site, "two-places")
    log_in(there, "two-places")
    is_logged_in(there)
    here.goto("/accounts/sessions/")
    expect(here.get_by_role("row")).to_have_count(3)
    assert_accessible(here)
    here.get_by_role("button", name="End Chrome on Linux").click()
    expect(here.get_by_text("That session has ended")).to_be_visible()
    expect(here.get_by_role("row")).to_have_count(2)
    there.goto("/accounts/2fa/")
    expect(there.get_by_role("heading", level=1)).to_have_text("Log in")
