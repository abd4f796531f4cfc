"""Limits on log-in, sign-up and the like, counted in Redis."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.tests.people import (
    EMAIL,
    NAME,
    PASSWORD,
    ask_for_reset,
    entries,
    heading,
    link_in,
    log_in,
    logged_in_as,
    make_user,
    sign_up,
    words,
)

pytestmark = pytest.mark.django_db

HERE, ELSEWHERE = "203.0.113.9", "198.51.100.1"
A_MINUTE, FIFTEEN_MINUTES, AN_HOUR = "60", "900", "3600"
TRIES = 200
PER_ADDRESS = 30  # log-ins a minute
TOLERANCE = 1.05


def fail(times, *, login=NAME, **extra):
    """Fail to log in; return the last answer."""
    for _ in range(times):
        answer = log_in(Client(), login, password="wrong", **extra)
    return answer


def assert_refused(answer, title, retry_after):
    assert answer.status_code == 429
    assert answer["Retry-After"] == retry_after
    assert heading(answer) == title


@pytest.mark.parametrize("login", [NAME, EMAIL, "nobody", "nobody@people.example"])
def test_five_failures_of_a_name_from_a_network(login):
    """Whether the name is known or not."""
    make_user()
    assert fail(5, login=login).status_code == 200
    answer = log_in(Client(), login, password=PASSWORD)
    assert_refused(answer, "Too many failed tries to log in", FIFTEEN_MINUTES)
    assert "Choose a new password" in answer.content.decode()


def test_nobody_is_locked_out_by_the_failures_of_others():
    user = make_user()
    fail(6, REMOTE_ADDR=HERE)
    owner = Client()
    log_in(owner, REMOTE_ADDR=ELSEWHERE)
    assert logged_in_as(owner) == user.pk


def test_an_ipv6_household_is_one_network():
    for host in range(5):
        fail(1, REMOTE_ADDR=f"2001:db8:1:2::{host:x}")
    assert fail(1, REMOTE_ADDR="2001:db8:1:2:ffff::1").status_code == 429
    assert fail(1, REMOTE_ADDR="2001:db8:1:3::1").status_code == 200


def test_success_is_not_counted():
    make_user()
    for _ in range(8):
        assert log_in(Client()).status_code == 302


def test_fifty_failures_of_an_address_in_an_hour(settings):
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"login": "1000/m/ip"}
    statuses = [fail(1, login=f"name{number}").status_code for number in range(55)]
    assert statuses == [200] * 50 + [429] * 5
    answer = fail(1, login="another")
    assert_refused(answer, "Too many failed tries to log in", AN_HOUR)
    assert "wait 60 minutes" in words(answer)


def test_a_reset_of_ones_own_password_frees_ones_own_name_only(settings):
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {
        "login_failed": "5/15m/key,9/1h/ip"
    }
    make_user()
    fail(5, login=EMAIL)
    client = Client()
    ask_for_reset(client)
    answer = client.get(link_in(mail.outbox[0]), follow=True)
    client.post(answer.request["PATH_INFO"], {"password1": "another-long-password-8"})
    assert [fail(1, login=EMAIL).status_code for _ in range(4)] == [200] * 4
    assert fail(1, login="nobody").status_code == 429  # nine failures of the address


def count_allowed(answers):
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {200, 429}
    return statuses.count(200)


@pytest.mark.parametrize("forged", [1, 50])
def test_two_hundred_tries_a_minute(forged, settings):
    """A forged X-Forwarded-For gains nothing."""
    settings.SOUNDSCAPE_PROXIES = 0
    allowed = count_allowed(
        log_in(
            Client(),
            f"name{number}",
            password="wrong",
            headers={"X-Forwarded-For": f"192.0.2.{number % forged}"},
        )
        for number in range(TRIES)
    )
    assert 1 <= allowed <= PER_ADDRESS * TOLERANCE


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_hundred_tries_by_eight_threads():
    def attempt(number):
        try:
            return log_in(Client(), f"name{number}", password="wrong")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        allowed = count_allowed(threads.map(attempt, range(TRIES)))
    assert 1 <= allowed <= PER_ADDRESS * TOLERANCE
    assert len(entries()) == allowed  # a refused try checks no password


def test_sign_ups_of_an_address():
    for number in range(20):
        assert sign_up(Client(), password="short", name=f"name{number}").status_code == 200
    answer = sign_up(Client())
    assert_refused(answer, "Too many tries in one minute", A_MINUTE)


def test_resets_of_an_address():
    """An unknown address is limited as a known one is."""
    for address in (EMAIL, "nobody@people.example"):
        for _ in range(5):
            assert ask_for_reset(Client(), address).status_code == 200
        assert_refused(ask_for_reset(Client(), address), "Too many tries in one minute", A_MINUTE)


def test_passwords_asked_for_again(client):
    make_user()
    log_in(client)
    statuses = [
        client.post(reverse("account_reauthenticate"), {"password": "wrong"}).status_code
        for _ in range(11)
    ]
    assert statuses == [200] * 5 + [429] * 6


def test_confirmation_e_mails():
    """A second one within three minutes is left out: the first one's link still works."""
    make_user(verified=False)
    for _ in range(2):
        assert log_in(Client(), follow=True).status_code == 200
    assert len(mail.outbox) == 1
