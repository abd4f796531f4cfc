"""Sign-up, log-in, log-out and a new password, in a browser."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from soundscape_site.tests.browser.people import (
    latest_mail_link,
    log_in,
    log_out,
    sign_up,
)


def test_sign_up_log_out_log_in(visit, site):
    page = visit("/")
    page.get_by_role("banner").get_by_role("link", name="Log in").click()
    email = sign_up(page, site, "berta")
    log_out(page)
    log_in(page, "berta")
    expect(page.get_by_role("status").first).to_have_text("You are logged in as berta.")
    log_out(page)
    log_in(page, email)
    expect(page.get_by_role("status").first).to_have_text("You are logged in as berta.")


def test_a_new_password_by_e_mail(visit, site):
    page = visit("/")
    email = sign_up(page, site, "clara")
    log_out(page)
    page.get_by_role("link", name="Log in").click()
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mailbox")
    page.goto(latest_mail_link(site, email, containing="/password/reset/key/"))
    page.get_by_label("New password").fill("another-long-password-8")
    page.get_by_role("button", name="Set the password").click()
    page.get_by_role("main").get_by_role("link", name="Log in").click()
    log_in(page, "clara", password="another-long-password-8")
    expect(page).to_have_url(re.compile("/me/photos/"))
