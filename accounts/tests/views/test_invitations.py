"""Accepting an invitation; the first operator."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import Invitation, User
from accounts.roles import Role
from accounts.selectors.roles import held_roles
from accounts.services.erasure import close_account
from accounts.services.invitations import (
    accept_invitation,
    invite,
    invite_first_operator,
    join,
    revoke,
)
from accounts.services.roles import set_active
from accounts.tests.people import link_in, log_in, logged_in_as
from accounts.tests.role_holders import PASSWORD, make_person
from accounts.tests.views.conftest import logged_in
from accounts.tests.views.test_people import words
from accounts.views import invitations as views

pytestmark = pytest.mark.django_db
PAGE = "/invitations/"
FIRST = "/first-operator/"
CYD = "cyd@example.org"
ACCOUNT = {"username": "cyd", "password": PASSWORD}


@pytest.fixture
def invited(ada):
    """Return an invitation of a reviewer with its token."""
    return invite(email=CYD, roles={Role.REVIEWER}, actor_id=ada.pk)


def open_link(client, token):
    return client.get(f"{PAGE}{token}/", follow=True)


def test_the_link_leads_to_an_address_without_the_token(client, invited):
    _, token = invited
    answer = client.get(f"{PAGE}{token}/")
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    assert answer["Referrer-Policy"] == "same-origin"
    page = client.get(PAGE)
    assert "no-store" in page["Cache-Control"]
    assert token not in page.content.decode()
    assert token not in str(dict(client.session))
    assert "ada invites you to this site. Your roles: Reviewer." in words(page)
    assert CYD in words(page)


def test_an_invited_person_makes_an_account(client, invited):
    open_link(client, invited[1])
    answer = client.post(PAGE, ACCOUNT, follow=True)
    cyd = User.objects.get(username="cyd")
    assert answer.redirect_chain == [("/", 302)]
    assert int(client.session["_auth_user_id"]) == cyd.pk
    assert held_roles(cyd) == {Role.REVIEWER}
    address = EmailAddress.objects.get(user=cyd)
    assert (address.email, address.verified, address.primary) == (CYD, True, True)
    assert client.get(PAGE).status_code == 404  # done


def test_an_address_in_the_form_does_not_replace_the_invited_one(client, invited):
    open_link(client, invited[1])
    client.post(PAGE, ACCOUNT | {"email": "eve@example.org"})
    assert EmailAddress.objects.get(user__username="cyd").email == CYD


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"username": "ADA"}, "This name is taken. Choose another one."),
        ({"username": "cyd@home"}, "Use letters, digits and the characters . + - _ only."),
        ({"username": ""}, "This field is required."),
        ({"password": "short"}, "This password is too short."),
        ({"password": "password1234"}, "This password is too common."),
        ({"username": "cydonia-smith", "password": "cydonia-smith"}, "too similar to the name"),
        ({"password": CYD}, "too similar to the email address"),
    ],
)
def test_an_account_that_cannot_be_made(client, invited, change, reason):
    open_link(client, invited[1])
    answer = client.post(PAGE, ACCOUNT | change)
    assert answer.status_code == 400
    assert reason in words(answer)
    assert User.objects.count() == 1
    assert client.get(PAGE).status_code == 200


def test_a_name_that_is_taken_in_that_moment(client, invited, monkeypatch):
    def taken(**_):
        raise IntegrityError

    monkeypatch.setattr(views, "join", taken)
    open_link(client, invited[1])
    answer = client.post(PAGE, ACCOUNT)
    assert answer.status_code == 400
    assert "This name or address was taken just now. Try again." in words(answer)


def test_somebody_logged_in_accepts_with_one_button(invited):
    ben = make_person("ben", Role.LIBRARIAN)
    client = logged_in(ben)
    page = open_link(client, invited[1])
    assert f"The invitation was sent to {CYD}." in words(page)
    assert "You are logged in as ben: this account gets the roles." in words(page)
    assert held_roles(ben) == {Role.LIBRARIAN}
    answer = client.post(PAGE)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    ben = User.objects.get(pk=ben.pk)
    assert held_roles(ben) == {Role.LIBRARIAN, Role.REVIEWER}


def test_somebody_with_an_account_logs_in_first(client, invited):
    cyd = make_person("cyd")
    page = open_link(client, invited[1])
    assert "You have an account already. Log in, then accept." in words(page)
    assert 'href="/accounts/login/?next=/invitations/"' in page.content.decode()
    assert client.post(PAGE, ACCOUNT | {"username": "other"}).status_code == 200
    assert User.objects.count() == 2
    login = {"login": CYD, "password": PASSWORD}
    answer = client.post("/accounts/login/?next=/invitations/", login, follow=True)
    assert answer.redirect_chain == [(PAGE, 302)]
    assert "You are logged in as cyd" in words(answer)
    client.post(PAGE)
    assert held_roles(cyd) == {Role.REVIEWER}


def test_somebody_who_only_claims_the_address_does_not_stop_the_invited_person(client, invited):
    EmailAddress.objects.create(user=make_person("eve"), email=CYD)
    page = open_link(client, invited[1])
    assert "Your account will have the address" in words(page)
    client.post(PAGE, ACCOUNT)
    assert EmailAddress.objects.get(email=CYD, verified=True).user.username == "cyd"


@pytest.mark.parametrize("close", ["deactivated", "closed"])
def test_an_account_that_is_closed_in_that_moment(invited, ada, close, monkeypatch):
    ben = make_person("ben")
    client = logged_in(ben)
    open_link(client, invited[1])

    def late(**given):
        if close == "closed":
            close_account(user_id=ben.pk, actor_id=ada.pk)
        else:
            set_active(user_id=ben.pk, active=False, actor_id=ada.pk)
        accept_invitation(**given)

    monkeypatch.setattr(views, "accept_invitation", late)
    answer = client.post(PAGE)
    assert answer.status_code == 409
    assert "Your account was closed in the meantime, so it gets no roles." in words(answer)
    assert held_roles(ben) == set()


def test_an_invitation_that_is_deleted_in_that_moment(invited, monkeypatch):
    client = logged_in(make_person("ben"))
    open_link(client, invited[1])

    def late(**given):
        Invitation.objects.all().delete()
        accept_invitation(**given)

    monkeypatch.setattr(views, "accept_invitation", late)
    answer = client.post(PAGE)
    assert answer.status_code == 404
    assert "There is no such invitation." in words(answer)


def use(invitation):
    accept_invitation(invitation_id=invitation.pk, user_id=make_person("eve").pk)


def withdraw(invitation):
    revoke(invitation_id=invitation.pk, actor_id=1)


def expire(invitation):
    now = timezone.now()
    Invitation.objects.filter(pk=invitation.pk).update(
        created_at=now - timedelta(days=8), expires_at=now
    )


CLOSED = [
    (use, "This invitation was accepted already, and works only once."),
    (withdraw, "This invitation was withdrawn, or replaced by a newer one."),
    (expire, "This invitation has expired. Ask whoever invited you to send it again."),
]


@pytest.mark.parametrize("when", ["before the link", "before the account", "while it is made"])
@pytest.mark.parametrize(("close", "reason"), CLOSED)
def test_a_closed_invitation_says_why(client, invited, close, reason, when, monkeypatch):
    invitation, token = invited
    if when == "before the link":
        close(invitation)
        answer = open_link(client, token)
    else:
        open_link(client, token)
        if when == "while it is made":
            monkeypatch.setattr(views, "join", lambda **given: close(invitation) or join(**given))
        else:
            close(invitation)
        answer = client.post(PAGE, ACCOUNT)
    assert answer.status_code == 410
    assert reason in words(answer)
    assert not User.objects.filter(username="cyd").exists()


@pytest.mark.parametrize("address", [PAGE, f"{PAGE}{'x' * 32}/"])
def test_an_unknown_token_says_so(client, invited, address):
    answer = client.get(address)
    assert answer.status_code == 404
    assert "There is no such invitation. Copy the whole link from the e-mail" in words(answer)
    assert "sessionid" not in client.cookies


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_the_link_is_only_read(client, invited, method):
    assert getattr(client, method)(f"{PAGE}{invited[1]}/").status_code == 405


def test_the_first_operator_by_the_printed_address(client, db):
    page = open_link(client, invite_first_operator())
    assert "Become the operator" in words(page)
    answer = client.post(PAGE, ACCOUNT | {"email": "Cyd@Example.org"}, follow=True)
    assert answer.redirect_chain == [("/people/", 302)]
    assert answer.status_code == 200
    cyd = User.objects.get()
    assert held_roles(cyd) == {Role.OPERATOR}
    address = EmailAddress.objects.get()
    assert (address.email, address.verified, address.primary) == (CYD, False, True)
    client.post(link_in(mail.outbox[0]))
    address.refresh_from_db()
    assert address.verified
    client.logout()
    log_in(client, "cyd", password=PASSWORD)
    assert logged_in_as(client) == cyd.pk


def test_the_first_operator_is_not_made_while_the_mail_server_is_down(client, db, settings):
    open_link(client, invite_first_operator())
    account = ACCOUNT | {"email": CYD}
    settings.EMAIL_BACKEND = "accounts.tests.views.test_people.BrokenMail"
    assert client.post(PAGE, account).status_code == 503
    assert not User.objects.exists()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert client.post(PAGE, account).status_code == 302
    assert "_auth_user_id" in client.session


@pytest.mark.parametrize("form", ["{}", "http://127.0.0.1:8000/invitations/{}/", " {} "])
def test_the_first_operator_by_the_typed_token(client, db, form):
    assert "This site has no operator yet." in words(client.get(FIRST))
    answer = client.post(FIRST, {"token": form.format(invite_first_operator())}, follow=True)
    assert answer.redirect_chain == [(PAGE, 302)]
    assert answer.status_code == 200


def test_a_wrong_token_is_refused(client, db):
    invite_first_operator()
    answer = client.post(FIRST, {"token": "guess"})
    assert answer.status_code == 400
    assert "This is not a token of this site. Copy the whole line." in words(answer)


def test_an_earlier_token_is_refused(client, db):
    earlier = invite_first_operator()
    invite_first_operator()
    answer = open_link(client, earlier)
    assert answer.status_code == 410
    assert "This token was replaced by a newer one" in words(answer)


def test_an_expired_token_is_refused(client, db):
    token = invite_first_operator()
    expire(Invitation.objects.get())
    answer = open_link(client, token)
    assert answer.status_code == 410
    assert "This token has expired. Start the site again" in words(answer)


def test_an_unused_token_is_refused_once_an_operator_exists(client, db):
    token = invite_first_operator()
    open_link(client, token)
    make_person("ada", Role.OPERATOR)
    for answer in (
        client.get(FIRST),
        client.post(FIRST, {"token": token}),
        open_link(client, token),
        client.post(PAGE, ACCOUNT | {"email": CYD}),
    ):
        assert answer.status_code == 410
        assert "This site has an operator already. Ask for an invitation." in words(answer)
    assert User.objects.count() == 1


def test_the_first_operator_takes_no_address_of_an_account(client, db):
    make_person("ben")
    open_link(client, invite_first_operator())
    answer = client.post(PAGE, ACCOUNT | {"email": "BEN@example.org"})
    assert answer.status_code == 400
    assert "An account has this address. Log in to it" in words(answer)


def test_a_visitor_with_an_account_becomes_the_first_operator(db):
    ben = make_person("ben")
    client = logged_in(ben)
    open_link(client, invite_first_operator())
    answer = client.post(PAGE, follow=True)
    assert answer.redirect_chain == [("/people/", 302)]
    assert held_roles(User.objects.get(pk=ben.pk)) == {Role.OPERATOR}
