"""What people do with their accounts is stored together with its audit entry, or not at all."""

from __future__ import annotations

import re
import smtplib
from contextlib import contextmanager
from unittest import mock

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from accounts.tests.authenticator_app import code_of
from accounts.tests.factories import give_app, make_person
from accounts.tests.people import PASSWORD, ask_for_reset, entries, link_in, log_in, logged_in_as

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

NEW = "another-long-password-8"
servers = pytest.mark.parametrize("server", ["mail", "record"])


@pytest.fixture
def ada():
    return make_person("ada")


@pytest.fixture
def at_ease(ada):
    """Ada, logged in and confirmed by the password; she gets the pages of outages."""
    client = Client(raise_request_exception=False)
    log_in(client, ada.username)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    client.get(reverse("account_email"))  # shows the message of the log-in
    return client


@contextmanager
def failing(server):
    """Stop the mail server, or the audit log, while a block runs."""
    target, error = {
        "mail": (
            "django.core.mail.backends.locmem.EmailBackend.send_messages",
            smtplib.SMTPServerDisconnected("the server ended the connection"),
        ),
        "record": (
            "accounts.models.AuditEntry.objects.create",
            OperationalError("the server closed the connection"),
        ),
    }[server]
    with mock.patch(target, side_effect=error):
        yield


def change_password(client):
    form = {"oldpassword": PASSWORD, "password1": NEW}
    return client.post(reverse("account_change_password"), form)


@servers
def test_a_change_of_the_password(at_ease, ada, server):
    before = entries()
    with failing(server):
        assert change_password(at_ease).status_code == 503
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)
    assert entries() == before
    page = at_ease.get(reverse("account_change_password"))
    assert page.status_code == 200  # still logged in
    assert "Your new password is set" not in page.content.decode()
    assert change_password(at_ease).status_code == 302
    assert entries()[-1] == ("password.changed", f"user {ada.pk}")


@servers
def test_a_password_set_by_a_link(ada, server):
    client = Client(raise_request_exception=False)
    ask_for_reset(client, ada.email)
    form = client.get(link_in(mail.outbox[0]), follow=True).request["PATH_INFO"]
    with failing(server):
        assert client.post(form, {"password1": NEW}).status_code == 503
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)
    assert entries() == []
    client.post(form, {"password1": NEW})
    assert entries() == [("password.reset", f"user {ada.pk}")]


def test_a_new_app(at_ease):
    page = at_ease.get(reverse("mfa_activate_totp")).content.decode()
    (key,) = re.findall(r"data-key>(\w+)<", page)
    with failing("record"):
        answer = at_ease.post(reverse("mfa_activate_totp"), {"code": code_of(key)})
    assert answer.status_code == 503
    assert not Authenticator.objects.exists()


@servers
def test_the_removal_of_an_app(at_ease, ada, server):
    give_app(ada)
    with failing(server):
        assert at_ease.post(reverse("mfa_deactivate_totp")).status_code == 503
    assert Authenticator.objects.filter(user=ada).exists()
    at_ease.post(reverse("mfa_deactivate_totp"))
    assert entries()[-1] == ("second_factor.removed", f"user {ada.pk}")


def test_a_log_in(ada):
    client = Client(raise_request_exception=False)
    with failing("record"):
        assert log_in(client, ada.username).status_code == 503
    assert logged_in_as(client) is None
    log_in(client, ada.username)
    assert entries() == [("login.succeeded", f"user {ada.pk}")]
