"""A new password: by e-mail, and by somebody who knows the old one."""

from __future__ import annotations

import datetime as dt

import pytest
from allauth.account.forms import EmailAwarePasswordResetTokenGenerator
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.services.roles import set_active
from accounts.tests.people import (
    EMAIL,
    PASSWORD,
    ask_for_reset,
    heading,
    link_in,
    log_in,
    logged_in_as,
    make_user,
    words,
)

pytestmark = pytest.mark.django_db

NEW = "another-long-password-8"


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def link(user):
    ask_for_reset(Client())
    return link_in(mail.outbox.pop())


def set_password(client, link, password=NEW):
    page = client.get(link, follow=True)
    return client.post(page.request["PATH_INFO"], {"password1": password}, follow=True)


@pytest.fixture
def elsewhere(user):
    client = Client()
    log_in(client)
    return client


def test_from_the_link_to_the_new_password(client, user, elsewhere, link):
    answer = set_password(client, link)
    assert heading(answer) == "Your new password is set"
    assert elsewhere.get(reverse("account_email")).status_code == 302  # logged out
    log_in(client, password=NEW)
    assert logged_in_as(client) == user.pk
    assert [message.subject for message in mail.outbox] == ["Your password was reset"]


def test_the_page_does_not_show_the_token_to_other_sites(client, link):
    """The address bar, and so the referrer, holds none."""
    assert client.get(link).url.endswith("-set-password/")


def test_weak_passwords_are_refused(client, user, link):
    answer = set_password(client, link, "short")
    assert "This password is too short" in answer.content.decode()
    assert set_password(client, link).redirect_chain  # the link still works


def test_a_used_link(client, link):
    set_password(client, link)
    assert heading(Client().get(link, follow=True)) == "This link has been used"


def test_an_expired_link(client, link, monkeypatch):
    later = timezone.now() + dt.timedelta(days=3, minutes=1)
    naive = timezone.make_naive(later)
    monkeypatch.setattr(EmailAwarePasswordResetTokenGenerator, "_now", lambda self: naive)
    monkeypatch.setattr("accounts.views.links.timezone.now", lambda: later)
    assert heading(client.get(link, follow=True)) == "This link is too old"


def test_a_link_sent_before_the_account_was_deactivated(client, user, link):
    opened = Client()
    page = opened.get(link, follow=True).request["PATH_INFO"]
    set_active(user_id=user.pk, active=False, actor_id=None)
    for answer in (
        client.get(link, follow=True),
        opened.post(page, {"password1": NEW}, follow=True),
    ):
        assert answer.request["PATH_INFO"] == reverse("account_inactive")
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


@pytest.mark.parametrize("token", ["x", "set-password", "zzzzzzzzzzzzz-1", "-", "ä-1"])
def test_a_link_that_was_never_sent(client, token):
    answer = client.get(reverse("account_reset_password_from_key", args=["1", token]))
    assert heading(answer) == "This link has been used"


def test_an_unknown_address_gets_the_answer_of_a_known_one(user):
    known, unknown = ask_for_reset(Client()), ask_for_reset(Client(), "nobody@people.example")
    assert known.redirect_chain == unknown.redirect_chain
    assert words(known) == words(unknown)
    assert [(message.to, message.subject) for message in mail.outbox] == [
        ([EMAIL], "Choose a new password"),
        (["nobody@people.example"], "No account with this address"),
    ]


def test_an_account_that_is_being_erased_gets_no_link(user):
    user.is_active = False
    user.save()
    ask_for_reset(Client())
    assert mail.outbox[0].subject == "No account with this address"


def test_a_change_needs_the_old_password(client, user):
    log_in(client)
    form = {"oldpassword": "wrong", "password1": NEW}
    answer = client.post(reverse("account_change_password"), form)
    assert "This is not your current password." in answer.content.decode()
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_a_change_is_told_by_e_mail(client, user):
    log_in(client, REMOTE_ADDR="203.0.113.9")
    form = {"oldpassword": PASSWORD, "password1": NEW}
    client.post(reverse("account_change_password"), form, REMOTE_ADDR="203.0.113.9")
    (message,) = mail.outbox
    assert message.subject == "Your password was changed"
    assert "From: 203.0.113.9" in message.body


def test_an_address_that_is_not_verified_opens_no_verified_account(user):
    """It may be mistyped and belong to a stranger."""
    new = EmailAddress.objects.create(user=user, email="stranger@people.example")
    ask_for_reset(Client(), new.email)
    EmailAddress.objects.filter(user=user).update(verified=False)
    ask_for_reset(Client(), new.email)
    assert [message.subject for message in mail.outbox] == [
        "No account with this address",
        "Choose a new password",
    ]
