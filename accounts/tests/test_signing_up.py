"""Sign-up, and the confirmation of the address."""

from __future__ import annotations

import smtplib

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.tests.people import (
    EMAIL,
    NAME,
    heading,
    link_in,
    log_in,
    logged_in_as,
    make_user,
    sign_up,
    words,
)

pytestmark = pytest.mark.django_db

SENT = reverse("account_email_verification_sent")


def test_from_sign_up_to_a_confirmed_address(client):
    answer = sign_up(client)
    assert answer.redirect_chain == [(SENT, 302)]
    assert heading(answer) == "Look into your mailbox"
    assert logged_in_as(client) is None

    (message,) = mail.outbox
    assert message.to == [EMAIL]
    assert message.subject == "Confirm your e-mail address"
    page = client.get(link_in(message))
    assert f"Is <strong>{EMAIL}</strong> your address" in page.content.decode()
    assert not EmailAddress.objects.get().verified  # opening the link changes nothing

    client.post(link_in(message))
    assert EmailAddress.objects.get().verified
    assert logged_in_as(client) == get_user_model().objects.get(username=NAME).pk


def test_the_link_logs_in_only_where_the_sign_up_was(client):
    sign_up(client)
    elsewhere = Client()
    answer = elsewhere.post(link_in(mail.outbox[0]), follow=True)
    assert heading(answer) == "Log in"
    assert f"{EMAIL} is confirmed." in answer.content.decode()
    assert logged_in_as(elsewhere) is None


def test_an_unconfirmed_address_cannot_log_in(client):
    sign_up(client)
    answer = log_in(Client(), follow=True)
    assert answer.redirect_chain == [(SENT, 302)]


@pytest.mark.parametrize("length", [12, 64, 128])
def test_long_passwords_are_allowed(client, length):
    password = ("Kx7 äöü~" * 16)[:length]
    assert sign_up(client, password=password).redirect_chain == [(SENT, 302)]
    assert get_user_model().objects.get().check_password(password)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("kx7wqpzt4bv", "This password is too short"),
        ("1q2w3e4r5t6y", "This password is too common"),
        ("anna@people.example", "The password is too similar to the email"),
    ],
)
def test_weak_passwords_are_refused(client, password, reason):
    assert reason in sign_up(client, password=password).content.decode()
    assert not get_user_model().objects.exists()


def test_an_address_that_is_too_long_is_refused_not_cut(client):
    long = "anna@" + ".".join(letter * 60 for letter in "abcd") + ".example"
    assert "at most 254 characters (it has 256)" in sign_up(client, email=long).content.decode()
    assert not get_user_model().objects.exists()


@pytest.mark.parametrize("name", [NAME, NAME.upper()])
def test_a_taken_name_is_told(client, name):
    make_user()
    answer = sign_up(client, name=name, email="other@people.example")
    assert "This name is taken. Choose another one." in answer.content.decode()
    assert 'aria-describedby="id_username_helptext id_username_error"' in answer.content.decode()


def test_a_name_taken_in_the_same_moment_is_told(client, monkeypatch):
    make_user()
    monkeypatch.setattr(
        "accounts.logging_in.adapters.AccountAdapter.clean_username", lambda self, name, **_: name
    )
    answer = sign_up(client, email="other@people.example")
    assert answer.redirect_chain == [(reverse("account_signup"), 302)]
    assert "This name is taken. Choose another one." in answer.content.decode()
    assert not EmailAddress.objects.filter(email="other@people.example").exists()


def test_a_known_address_gets_the_answer_of_an_unknown_one(client, hashed):
    """Only its owner learns, by e-mail, that it has an account."""
    make_user()
    hashed.clear()
    unknown = sign_up(Client(), name="berta", email="berta@people.example")
    assert len(hashed) == 1
    known = sign_up(client, name="berta2")
    assert len(hashed) == 2  # the same work, so the same time

    assert known.redirect_chain == unknown.redirect_chain
    assert words(known).replace(EMAIL, "") == words(unknown).replace("berta@people.example", "")
    mail_to_unknown, mail_to_known = mail.outbox
    assert mail_to_unknown.subject == "Confirm your e-mail address"
    assert mail_to_known.to == [EMAIL]
    assert mail_to_known.subject == "You have an account already"
    assert not get_user_model().objects.filter(username="berta2").exists()


def claim_as_change():
    EmailAddress.objects.create(user=make_user("eve", email="eve@people.example"), email=EMAIL)


def claim_as_sign_up():
    make_user("eve", verified=False)


@pytest.mark.parametrize("claim", [claim_as_change, claim_as_sign_up])
def test_an_address_that_somebody_else_only_claims_can_sign_up(client, claim):
    claim()
    known = sign_up(client)
    assert EmailAddress.objects.get(user__username=NAME).primary
    unknown = sign_up(Client(), name="berta", email="berta@people.example")
    assert words(known).replace(EMAIL, "") == words(unknown).replace("berta@people.example", "")
    message = mail.outbox[0]
    assert (message.to, message.subject) == ([EMAIL], "Confirm your e-mail address")
    client.post(link_in(message))
    assert EmailAddress.objects.get(email=EMAIL).user.username == NAME  # the claim is dropped
    assert logged_in_as(client) == get_user_model().objects.get(username=NAME).pk


def test_sign_up_by_invitation_only(client, settings):
    settings.SOUNDSCAPE_SIGNUP = "invited"
    assert heading(sign_up(client)) == "Accounts are by invitation"
    assert not get_user_model().objects.exists()


def confirmation_link(address):
    return reverse("account_confirm_email", args=[EmailConfirmationHMAC(address).key])


@pytest.fixture
def address():
    return EmailAddress.objects.get(user=make_user(verified=False))


def test_a_second_click_finds_the_link_used(client, address):
    link = confirmation_link(address)
    client.post(link)
    for answer in (client.post(link), client.get(link)):
        assert heading(answer) == "This link has been used"


def test_an_expired_link(client, address, monkeypatch):
    link = confirmation_link(address)
    later = timezone.now().timestamp() + 3 * 24 * 3600 + 60
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)
    assert heading(client.get(link)) == "This link is too old"
    assert heading(client.post(link)) == "This link is too old"
    address.refresh_from_db()
    assert not address.verified


def test_a_broken_link(client, address):
    link = confirmation_link(address)
    assert heading(client.get(link[:-3] + "x/")) == "This link is not complete"


def test_the_link_of_a_removed_address(client, address):
    link = confirmation_link(address)
    address.delete()
    assert heading(client.get(link)) == "This link has been replaced"


def test_an_address_that_another_account_confirmed(client, address):
    link = confirmation_link(address)
    make_user("berta")
    answer = client.get(link)
    assert heading(answer) == "This address belongs to another account"
    client.post(link)
    address.refresh_from_db()
    assert not address.verified


def test_an_address_that_another_account_confirms_in_the_same_moment(client, address, monkeypatch):
    link = confirmation_link(address)
    make_user("berta")
    monkeypatch.setattr(EmailAddress, "can_set_verified", lambda self: True)
    answer = client.post(link, follow=True)
    assert f"{EMAIL} belongs to another account." in answer.content.decode()
    address.refresh_from_db()
    assert not address.verified


def test_no_account_is_made_if_its_mail_cannot_be_sent(client, monkeypatch):
    def fail(*_, **__):
        raise smtplib.SMTPServerDisconnected("the server ended the connection")

    with monkeypatch.context() as outage:
        outage.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", fail)
        assert sign_up(client).status_code == 503
    assert not get_user_model().objects.exists()
    assert heading(sign_up(client)) == "Look into your mailbox"
