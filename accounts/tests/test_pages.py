"""The look and the words of django-allauth's pages and e-mails."""

from __future__ import annotations

import re
from pathlib import Path

import allauth
import pytest
from allauth.account.adapter import get_adapter
from allauth.core import context
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client, RequestFactory
from django.urls import NoReverseMatch, get_resolver, reverse
from django.utils import timezone

from accounts.tests.people import EMAIL, ask_for_reset, log_in, make_user, sign_up

OURS = Path(__file__).parents[2] / "templates"
THEIRS = Path(allauth.__file__).parent / "templates"
EMAILS = sorted(
    path.name.removesuffix("_message.txt")
    for path in (OURS / "account" / "email").glob("*_message.txt")
    if not path.name.startswith("base")
)
UNUSED = ("login_code", "password_reset_code")  # settings that are off


def pages():
    """Return the addresses of the pages that need no argument."""
    for name in get_resolver().reverse_dict:
        if isinstance(name, str) and name.startswith("account_"):
            try:
                yield reverse(name)
            except NoReverseMatch:
                continue


@pytest.mark.django_db
@pytest.mark.parametrize("logged_in", [False, True])
def test_every_page_is_in_the_sites_design(client, logged_in):
    """Also those for which we made no template."""
    make_user()
    if logged_in:
        log_in(client)
    seen = set()
    for address in pages():
        answer = client.get(address, follow=True)
        shown = answer.request["PATH_INFO"]  # after redirects
        if shown.startswith("/accounts/") and "html" in answer.headers["Content-Type"]:
            seen.add(shown)
            page = answer.content.decode()
            assert '<div class="paper' in page, address
            assert page.count("<h1") == 1, address
    assert len(seen) > 5


@pytest.mark.parametrize("name", EMAILS)
def test_e_mails_are_plain_text_without_escapes(name):
    request = RequestFactory().get("/", HTTP_USER_AGENT="A & B")
    odd = "o'neil&co@people.example"
    values = {
        "user": get_user_model()(username="anna"), "username": "anna", "request": request,
        "activate_url": "https://x/?a=1&b=2", "password_reset_url": "https://x/?a=1&b=2",
        "signup_url": "https://x/?a=1&b=2", "from_email": odd, "to_email": odd,
        "deleted_email": odd, "timestamp": timezone.now(), "ip": "203.0.113.9",
        "user_agent": "A & B",
    }  # fmt: skip
    with context.request_context(request):
        get_adapter(request).send_mail(f"account/email/{name}", odd, values)
    (message,) = mail.outbox
    subject, body = str(message.subject), str(message.body)
    assert not re.search("&amp;|&#x27;|{{|{%", subject + body)
    assert "\n" not in subject
    assert body.endswith("\n\nSoundscape\nhttp://testserver/")


def test_no_e_mail_and_no_message_is_in_the_words_of_others():
    theirs = {
        path.relative_to(THEIRS)
        for folder in ("email", "messages")
        for path in (THEIRS / "account" / folder).iterdir()
        if not path.name.startswith((*UNUSED, "phone_"))
    }
    assert [path for path in sorted(theirs) if not (OURS / path).is_file()] == []


@pytest.mark.django_db
def test_a_site_that_prints_its_e_mails_says_where(client, settings, capsys):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    for answer in (sign_up(client), ask_for_reset(client)):
        assert "see the end of var/log/web.log" in answer.content.decode()
    assert f"To: {EMAIL}" in capsys.readouterr().out


@pytest.mark.django_db
def test_other_sites_do_not(client):
    assert "web.log" not in sign_up(client).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("route", ["account_login", "account_inactive"])
@pytest.mark.parametrize("signup", ["open", "invited"])
def test_sign_up_is_offered_where_it_is_open(client, settings, route, signup):
    settings.SOUNDSCAPE_SIGNUP = signup
    content = client.get(reverse(route)).content.decode().partition("<main")[2]
    assert (reverse("account_signup") in content) == (signup == "open")


@pytest.mark.django_db
def test_words_say_how_long_links_work(client, settings):
    settings.ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS = 1
    settings.PASSWORD_RESET_TIMEOUT = 2 * 24 * 3600
    sign_up(client)
    page = ask_for_reset(Client())
    confirm, reset = (message.body for message in mail.outbox)
    assert "within 1 day:" in confirm
    assert "for 2 days" in reset
    assert "for 2 days" in page.content.decode()
