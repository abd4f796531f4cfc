"""Accounts for tests, and what their owners do."""

from __future__ import annotations

import re

from allauth.account.models import EmailAddress
from django.contrib.auth import SESSION_KEY, get_user_model
from django.urls import reverse

from accounts.models import AuditEntry

NAME = "anna"
EMAIL = "anna@people.example"
PASSWORD = "long-enough-to-remember-7"


def make_user(name=NAME, *, email=EMAIL, password=PASSWORD, verified=True, **fields):
    """Make an account with an address."""
    user = get_user_model().objects.create_user(name, email, password, **fields)
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=verified)
    return user


def sign_up(client, *, name=NAME, email=EMAIL, password=PASSWORD, follow=True):
    """Fill in the form of sign-up."""
    form = {"username": name, "email": email, "password1": password}
    return client.post(reverse("account_signup"), form, follow=follow)


def log_in(client, login=NAME, *, password=PASSWORD, follow=False, **extra):
    """Fill in the form of log-in."""
    form = {"login": login, "password": password}
    return client.post(reverse("account_login"), form, follow=follow, **extra)


def ask_for_reset(client, email=EMAIL):
    """Fill in the form that sends a link."""
    return client.post(reverse("account_reset_password"), {"email": email}, follow=True)


def logged_in_as(client):
    """Return the key of the account that the client is logged in to, or None."""
    key = client.session.get(SESSION_KEY)
    return None if key is None else int(key)


def link_in(message):
    """Return the path of the link in an e-mail."""
    return _first(r"https?://[^/]+(/accounts/\S+)", message.body)


def heading(answer):
    """Return the heading of a page."""
    return _first(r"<h1>(.*?)</h1>", answer.content.decode())


def _first(pattern, text):
    match = re.search(pattern, text)
    assert match, text
    return match[1]


def words(answer):
    """Return a page without what differs between any two requests."""
    page = answer.content.decode()
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"|<code>\w+</code>', "", page)


def entries():
    """Return the audit log, oldest first, as pairs of action and subject."""
    return list(AuditEntry.objects.order_by("at").values_list("action", "subject"))
