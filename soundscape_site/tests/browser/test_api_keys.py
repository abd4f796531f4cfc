"""The keys of the API in a browser: made, copied, rotated, revoked; without scripts too."""

from __future__ import annotations

import pytest
from playwright.sync_api import Error, Page, expect

from soundscape_site.tests.browser.people import PASSWORD, assert_accessible_everywhere, sign_up


def confirm_password(page: Page):
    if page.url.split("?")[0].endswith("/accounts/reauthenticate/"):
        page.get_by_label("Password").fill(PASSWORD)
        page.locator("main form button").first.click()


def rows(page: Page):
    return page.locator("table tbody tr")


def test_a_key_from_its_making_to_its_end(visit, site):
    page = visit("/")
    sign_up(page, site, "kira")
    page.goto("/me/")
    page.get_by_role("link", name="API keys").click()
    expect(page.get_by_text("You have no keys.")).to_be_visible()
    assert_accessible_everywhere(page)

    page.get_by_role("link", name="Make a key").click()
    confirm_password(page)
    expect(page.get_by_label("90 days")).to_be_checked()
    expect(page.get_by_label("Grade pairs")).to_have_count(0)
    page.get_by_label("Name").fill("Laptop of Kira")
    page.get_by_label("Send photos, read results, delete your own photos").check()
    page.get_by_label("Search and play recordings").check()
    assert_accessible_everywhere(page)
    page.get_by_role("button", name="Make the key").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Your key “Laptop of Kira”")
    first = page.locator("#secret").inner_text()
    assert_accessible_everywhere(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == first
    assert first not in page.url
    page.get_by_role("link", name="Done").click()
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text(f"{first[:15]}…")
    assert first not in page.content()
    assert_accessible_everywhere(page)
    page.get_by_role("link", name="New secret…").click()
    confirm_password(page)
    expect(page.get_by_label("works for one more day")).to_be_checked()
    assert_accessible_everywhere(page)
    page.get_by_role("button", name="Make a new secret").click()
    second = page.locator("#secret").inner_text()
    assert second != first
    expect(page.get_by_text("The old secret works until")).to_be_visible()
    page.get_by_role("link", name="Done").click()
    expect(rows(page)).to_contain_text(f"{second[:15]}…")

    page.get_by_role("link", name="Revoke…").click()
    expect(page.get_by_text("are refused from now on")).to_be_visible()
    assert_accessible_everywhere(page)
    page.get_by_role("button", name="Revoke it").click()
    expect(page.get_by_role("status").first).to_have_text("The key “Laptop of Kira” is revoked.")
    expect(page.get_by_text("You have no keys.")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_where_there_is_no_clipboard(visit, site, scripts):
    """The button selects the secret, and without scripts there is none; no way back shows it."""
    name = "kuno" if scripts else "kati"
    page = visit("/", java_script_enabled=scripts)
    sign_up(page, site, name)
    if scripts:
        page.context.add_init_script(
            "Object.defineProperty(Navigator.prototype, 'clipboard', {value: undefined})"
        )
    page.goto("/me/keys/new/")
    confirm_password(page)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Search and play recordings").check()
    page.get_by_role("button", name="Make the key").click()
    expect(page.locator("#secret")).to_contain_text("snd_")
    copy = page.get_by_role("button", name="Copy")
    if scripts:
        copy.click()
        selected = page.evaluate("getSelection().toString()")
        assert selected == page.locator("#secret").inner_text()
    else:
        expect(copy).to_be_hidden()
    page.get_by_role("link", name="Done").click()
    expect(rows(page)).to_have_count(1)
    with pytest.raises(Error, match="ERR_CACHE_MISS"):  # the browser kept no copy of the page
        page.go_back()
