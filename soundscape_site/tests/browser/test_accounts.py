"""Sign-up, log-in, log-out, a new password and a new address, in a browser."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from soundscape_site.tests.browser.people import (
    PASSWORD,
    assert_accessible_everywhere,
    latest_mail_link,
    log_in,
    log_out,
    sign_up,
)

NEW_PASSWORD = "another-long-password-8"


def arrive(page: Page, heading: str) -> None:
    """Wait for a page and check it."""
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    assert_accessible_everywhere(page)


def test_sign_up_log_out_log_in(visit, site):
    page = visit("/")
    page.get_by_role("banner").get_by_role("link", name="Log in").click()
    arrive(page, "Log in")
    page.get_by_role("link", name="Sign up").click()
    arrive(page, "Sign up")

    email = sign_up(page, site, "berta")
    expect(page.get_by_text(f"{email} is confirmed.")).to_be_visible()
    expect(page.get_by_text("You are logged in as berta.")).to_be_visible()
    log_out(page)
    log_in(page, "berta")
    expect(page.get_by_text("You are logged in as berta.")).to_be_visible()
    log_out(page)
    log_in(page, email)
    expect(page).to_have_url(re.compile("/me/photos/$"))


def test_pages_of_a_sign_up(visit, site):
    page = visit("/accounts/signup/")
    page.get_by_label("E-mail address").fill("rosa@people.example")
    page.get_by_label("Name").fill("not a name")
    page.get_by_label("Password").fill("password")
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_text("This password is too short.")).to_be_visible()
    arrive(page, "Sign up")
    page.get_by_label("Name").fill("rosa")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_text("see the end of var/log/web.log")).to_be_visible()
    arrive(page, "Look into your mailbox")
    link = latest_mail_link(site, "rosa@people.example")
    page.goto(link)
    arrive(page, "Confirm your address")
    page.get_by_role("button", name="Confirm").click()
    page.goto(link)
    arrive(page, "This link has been used")


def test_a_new_password_by_e_mail(visit, site):
    page = visit("/")
    email = sign_up(page, site, "clara")
    log_out(page)
    log_in(page, "clara", password="wrong")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    arrive(page, "Log in")
    page.get_by_role("link", name="Forgot your password?").click()
    arrive(page, "Choose a new password")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="Send the link").click()
    arrive(page, "Look into your mailbox")
    link = latest_mail_link(site, email, containing="/password/reset/key/")
    page.goto(link)
    arrive(page, "Choose a new password")
    page.get_by_label("New password").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    arrive(page, "Your new password is set")
    page.goto(link)
    arrive(page, "This link has been used")
    log_in(page, "clara", password=NEW_PASSWORD)
    expect(page).to_have_url(re.compile("/me/photos/$"))


def test_a_new_address(visit, site):
    page = visit("/")
    sign_up(page, site, "emma")
    page.get_by_role("link", name="My page").click()
    page.get_by_role("link", name="Account").click()
    arrive(page, "Account")
    page.get_by_label("New e-mail address").fill("emma.new@people.example")
    page.get_by_role("button", name="Change the address").click()
    arrive(page, "Is it you?")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("takes its place")).to_be_visible()
    arrive(page, "Account")
    page.goto(latest_mail_link(site, "emma.new@people.example"))
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("We write to emma.new@people.example.")).to_be_visible()
    page.get_by_role("link", name="Change the password").click()
    arrive(page, "Change your password")


def test_too_many_tries(visit):
    page = visit("/", quiet=False)  # Chromium reports the answer 429
    for _ in range(6):
        log_in(page, "nobody", password="wrong")
    arrive(page, "Too many failed tries to log in")
