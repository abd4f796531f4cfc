"""Log-in, log-out and the session's key."""

from __future__ import annotations

import statistics
import time

import pytest
from django.conf import settings as site_settings
from django.test import Client
from django.urls import reverse

from accounts.tests.people import (
    EMAIL,
    NAME,
    PASSWORD,
    heading,
    log_in,
    logged_in_as,
    make_user,
    words,
)

pytestmark = pytest.mark.django_db

WRONG = "This name or address and this password do not belong together."


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def no_limits(settings):
    settings.ACCOUNT_RATE_LIMITS = False


@pytest.mark.parametrize("login", [NAME, NAME.title(), EMAIL, EMAIL.upper()])
def test_by_name_or_address(client, user, login):
    answer = log_in(client, login)
    assert logged_in_as(client) == user.pk
    assert answer.url == reverse("retrieval:my_photos")


@pytest.mark.parametrize("login", [NAME, EMAIL, "nobody", "nobody@people.example"])
def test_the_answer_does_not_tell_who_has_an_account(client, user, login):
    answer = log_in(client, login, password="wrong")
    assert WRONG in answer.content.decode()
    unknown = log_in(Client(), "no-such-name", password="wrong")
    assert words(answer).replace(login, "") == words(unknown).replace("no-such-name", "")


@pytest.mark.parametrize("login", [NAME, EMAIL, "nobody", "nobody@people.example"])
def test_each_failed_log_in_hashes_one_password(client, user, login, hashed):
    """Hashing takes nearly all of the time: an account more or less must not change it."""
    hashed.clear()
    log_in(client, login, password="wrong")
    assert len(hashed) == 1


@pytest.mark.parametrize(("known", "unknown"), [(NAME, "nobody"), (EMAIL, "no@people.example")])
def test_failed_log_ins_take_the_same_time(client, user, no_limits, known, unknown):
    took: dict[str, list[float]] = {known: [], unknown: []}
    for _ in range(20):
        for login, times in took.items():
            started = time.perf_counter()
            log_in(client, login, password="wrong")
            times.append(time.perf_counter() - started)
    median = {login: statistics.median(times) for login, times in took.items()}
    assert abs(median[known] - median[unknown]) < 0.020


def test_an_account_that_is_being_erased_says_so_only_to_its_owner(client, user):
    user.is_active = False
    user.save()
    assert heading(log_in(client, follow=True)) == "This account is closed"
    assert logged_in_as(client) is None
    assert WRONG in log_in(client, password="wrong").content.decode()


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "https:evil.example",
        "javascript:alert(1)",
        "http://testserver@evil.example/",
    ],
)
@pytest.mark.parametrize("page", ["account_login", "account_logout"])
def test_nobody_is_sent_to_another_site(client, user, page, address):
    form = {"login": NAME, "password": PASSWORD, "next": address}
    answer = client.post(reverse(page), form)
    assert answer.status_code == 302
    assert answer.url in {reverse("retrieval:my_photos"), reverse("retrieval:front")}


def test_the_way_goes_on_where_the_visitor_was(client, user):
    form = {"login": NAME, "password": PASSWORD, "next": "/scenes/1/?a=b"}
    assert client.post(reverse("account_login"), form).url == "/scenes/1/?a=b"


def session_key(client):
    return client.cookies[site_settings.SESSION_COOKIE_NAME].value


def is_refused(key):
    """Return whether a session's key opens no account any more."""
    thief = Client()
    thief.cookies[site_settings.SESSION_COOKIE_NAME] = key
    return thief.get(reverse("account_change_password")).status_code == 302


def visit_with_session(client):
    """Get a session before log-in, as an upload does."""
    session = client.session
    session["upload"] = 1
    session.save()
    client.cookies[site_settings.SESSION_COOKIE_NAME] = session.session_key
    return session.session_key


def test_log_in_and_log_out_change_the_key(client, user):
    before = visit_with_session(client)
    log_in(client)
    inside = session_key(client)
    assert inside != before
    assert is_refused(before)
    assert not is_refused(inside)

    client.post(reverse("account_logout"))
    assert is_refused(inside)
    assert logged_in_as(client) is None


def test_a_change_of_the_password_ends_all_other_sessions(client, user):
    log_in(client)
    elsewhere = Client()
    log_in(elsewhere)
    old_here, old_elsewhere = session_key(client), session_key(elsewhere)
    form = {"oldpassword": PASSWORD, "password1": "another-long-password-8"}
    answer = client.post(reverse("account_change_password"), form, follow=True)
    assert "Your new password is set." in answer.content.decode()
    assert session_key(client) != old_here
    assert is_refused(old_here)
    assert is_refused(old_elsewhere)
    assert not is_refused(session_key(client))


def test_a_disabled_account_is_out_at_once(client, user):
    log_in(client)
    assert not is_refused(session_key(client))
    type(user).objects.filter(pk=user.pk).update(is_active=False)
    assert is_refused(session_key(client))


def test_log_out_needs_a_click(client, user):
    log_in(client)
    assert heading(client.get(reverse("account_logout"))) == "Log out?"
    assert logged_in_as(client) == user.pk


def test_forms_say_what_the_browser_may_fill_in(client, user):
    page = client.get(reverse("account_login")).content.decode()
    assert 'autocomplete="username"' in page
    assert 'autocomplete="current-password"' in page
    assert "placeholder" not in page
    assert 'autocomplete="new-password"' in client.get(reverse("account_signup")).content.decode()
