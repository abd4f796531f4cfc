"""Change of the e-mail address."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.tests.people import (
    EMAIL,
    PASSWORD,
    heading,
    link_in,
    log_in,
    make_user,
    words,
)

pytestmark = pytest.mark.django_db

NEW = "anna.new@people.example"
PAGE = reverse("account_email")


@pytest.fixture
def owner():
    """A client whose owner has just given the password once more."""
    make_user()
    client = Client()
    log_in(client)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    client.get(PAGE)  # shows the message of the log-in
    return client


def change(client, email=NEW):
    return client.post(PAGE, {"email": email, "action_add": ""}, follow=True)


def addresses():
    return set(EmailAddress.objects.values_list("email", "verified", "primary"))


def test_the_page_says_that_there_are_no_keys_yet(owner):
    assert "There are no keys yet." in owner.get(PAGE).content.decode()


def test_the_old_address_stays_until_the_new_one_is_confirmed(owner):
    answer = change(owner)
    assert f"<strong>{NEW}</strong> takes its place" in answer.content.decode()
    assert addresses() == {(EMAIL, True, True), (NEW, False, False)}
    answer = owner.post(link_in(mail.outbox[0]), follow=True)
    assert heading(answer) == "Account"
    assert addresses() == {(NEW, True, True)}
    told = mail.outbox[1]
    assert (told.to, told.subject) == ([EMAIL], "Your e-mail address was changed")
    assert f"from {EMAIL} to {NEW}" in told.body


def test_a_change_that_fails_half_way_changes_nothing(owner, monkeypatch):
    change(owner)

    def fail(*_, **__):
        raise OSError("no mail server")

    monkeypatch.setattr("accounts.logging_in.adapters.AccountAdapter.send_notification_mail", fail)
    with pytest.raises(OSError, match="no mail server"):
        owner.post(link_in(mail.outbox[0]))
    assert addresses() == {(EMAIL, True, True), (NEW, False, False)}


def test_a_change_can_be_taken_back(owner):
    change(owner)
    owner.post(PAGE, {"email": NEW, "action_remove": ""})
    assert addresses() == {(EMAIL, True, True)}


def test_an_address_of_another_account_gets_the_answer_of_any_other(owner):
    make_user("berta", email="berta@people.example")
    known = change(owner, "berta@people.example")
    page = Client().get(link_in(mail.outbox[0]))
    assert heading(page) == "This address belongs to another account"
    unknown = change(owner)
    assert words(known).replace("berta@people.example", "") == words(unknown).replace(NEW, "")


def test_ones_own_address_is_told(owner):
    assert "This is your address already." in change(owner, EMAIL).content.decode()


def test_the_password_is_asked_for_first(client):
    make_user()
    log_in(client)
    answer = change(client)
    assert heading(answer) == "Is it you?"
    assert addresses() == {(EMAIL, True, True)}
    form = {"password": PASSWORD, "next": PAGE}
    answer = client.post(reverse("account_reauthenticate"), form, follow=True)
    assert f"<strong>{NEW}</strong> takes its place" in answer.content.decode()
