"""What people do with their accounts is in the audit log."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry
from accounts.tests.people import (
    EMAIL,
    NAME,
    PASSWORD,
    ask_for_reset,
    entries,
    link_in,
    log_in,
    make_user,
    sign_up,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return make_user()


def test_sign_up(client):
    sign_up(client)
    client.post(link_in(mail.outbox[0]))
    (subject,) = {subject for _, subject in entries()}
    assert subject.startswith("user ")
    assert [action for action, _ in entries()] == [
        "account.created",
        "email.confirmed",
        "login.succeeded",
    ]


def test_log_in_and_log_out(client, user):
    log_in(client)
    client.post(reverse("account_logout"))
    client.post(reverse("account_logout"))  # nobody is logged in
    assert entries() == [("login.succeeded", f"user {user.pk}"), ("login.ended", f"user {user.pk}")]


@pytest.mark.parametrize("login", [NAME, NAME.upper(), EMAIL, EMAIL.upper()])
def test_a_failed_log_in_names_the_account(client, user, login):
    log_in(client, login, password="canary-password")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject) == ("login.failed", f"user {user.pk}")
    assert entry.actor_id is None


@pytest.mark.parametrize("login", ["canary-in-the-wrong-field", "canary@people.example"])
def test_a_failed_log_in_of_nobody_holds_nothing_that_was_typed(client, user, login):
    log_in(client, login, password="canary-password")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject) == ("login.failed", "unknown account")
    assert "canary" not in str(vars(entry))


def test_new_passwords(client, user):
    ask_for_reset(client)
    page = client.get(link_in(mail.outbox[0]), follow=True)
    client.post(page.request["PATH_INFO"], {"password1": "another-long-password-8"})
    log_in(client, password="another-long-password-8")
    form = {"oldpassword": "another-long-password-8", "password1": PASSWORD}
    client.post(reverse("account_change_password"), form)
    assert [action for action, _ in entries()] == [
        "password.reset",
        "login.succeeded",
        "password.changed",
    ]


def test_new_addresses(client, user):
    log_in(client)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    for email, act in (("one@people.example", "action_remove"), ("two@people.example", None)):
        client.post(reverse("account_email"), {"email": email, "action_add": ""})
        if act:
            client.post(reverse("account_email"), {"email": email, act: ""})
    link = next(link_in(message) for message in mail.outbox if message.to == ["two@people.example"])
    client.post(link)
    assert [action for action, _ in entries()][1:] == [
        "email.added",
        "email.removed",
        "email.added",
        "email.confirmed",
        "email.changed",
    ]
    assert not any("@" in str(vars(entry)) for entry in AuditEntry.objects.all())


def test_an_entry_says_which_request_and_network_it_came_from(user):
    headers = {"X-Request-ID": "abc-12345678", "X-Forwarded-For": "192.0.2.1"}
    log_in(Client(), REMOTE_ADDR="203.0.113.9", headers=headers)
    entry = AuditEntry.objects.get()
    assert (entry.request_id, entry.address_prefix) == ("abc-12345678", "203.0.113.0/24")
