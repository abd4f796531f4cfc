"""Invitations: made, replaced, revoked, accepted once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import AuditEntry, Invitation, User
from accounts.roles import Role
from accounts.selectors.invitations import (
    InvitationState,
    invitation_by_token,
    open_invitations,
    state_of,
    token_digest,
)
from accounts.selectors.roles import held_roles
from accounts.services.erasure import AccountClosedError, close_account
from accounts.services.invitations import (
    InvitationClosedError,
    OperatorExistsError,
    accept_invitation,
    invite,
    invite_again,
    invite_first_operator,
    join,
    revoke,
)
from accounts.services.roles import set_active, set_roles
from accounts.tests.audit import logged
from accounts.tests.people import make_user
from accounts.tests.races import at_once
from accounts.tests.role_holders import PASSWORD, make_person

pytestmark = pytest.mark.django_db
RACE = pytest.mark.django_db(transaction=True, serialized_rollback=True)
CYD = "cyd@example.org"


@pytest.fixture
def ada():
    return make_person("ada", Role.OPERATOR)


def invited(ada, *roles, email=CYD):
    return invite(email=email, roles={*roles} or {Role.REVIEWER}, actor_id=ada.pk)[0]


def by_token(token):
    found = invitation_by_token(token)
    assert found is not None
    return found


def state(invitation):
    return state_of(Invitation.objects.get(pk=invitation.pk))


def expire(invitation):
    Invitation.objects.filter(pk=invitation.pk).update(
        created_at=timezone.now() - timedelta(days=9), expires_at=timezone.now()
    )


def joining(invitation, name="cyd"):
    return join(
        invitation_id=invitation.pk, email=invitation.email or f"{name}@example.org",
        username=name, password=PASSWORD,
    )  # fmt: skip


def test_an_invitation_stores_the_hash_of_its_token(ada):
    invitation, token = invite(email="Cyd@Example.org", roles={Role.LIBRARIAN}, actor_id=ada.pk)
    stored = Invitation.objects.values().get()
    assert token not in str(stored)
    assert len(token) >= 128 / 6  # base64: six bits a character
    assert stored["token_sha256"] == token_digest(token)
    assert (stored["email"], stored["roles"]) == (CYD, ["librarian"])
    assert by_token(token) == invitation
    assert invitation_by_token(token[:-1]) is None
    assert state(invitation) is InvitationState.OPEN
    expected = ("invitation.made", f"invitation {invitation.pk}", ada.pk, {"roles": ["librarian"]})
    assert logged() == [expected]


def test_the_log_holds_neither_address_nor_token(ada):
    invitation, token = invite(email=CYD, roles={Role.REVIEWER}, actor_id=ada.pk)
    joining(invitation)
    entries = str(list(AuditEntry.objects.values()))
    assert "invitation.accepted" in entries
    assert token not in entries
    assert CYD not in entries
    assert PASSWORD not in entries


def test_a_second_invitation_replaces_the_first(ada):
    first, second = invited(ada), invited(ada, email="CYD@example.org")
    other = invited(ada, email="dan@example.org")
    assert [state(each) for each in (first, second, other)] == ["revoked", "open", "open"]
    assert list(open_invitations()) == [other, second]


def test_sending_again_keeps_the_roles_and_changes_the_token(ada):
    first, old = invite(email=CYD, roles={Role.LIBRARIAN, Role.REVIEWER}, actor_id=ada.pk)
    expire(first)
    second, new = invite_again(invitation_id=first.pk, actor_id=ada.pk)
    assert old != new
    assert second.roles == ["librarian", "reviewer"]
    assert [state(first), state(second)] == ["revoked", "open"]


def test_an_expired_invitation_stays_listed(ada):
    invitation = invited(ada)
    expire(invitation)
    assert state(invitation) is InvitationState.EXPIRED
    assert list(open_invitations()) == [invitation]


def test_joining_makes_an_account_with_a_verified_address(ada):
    invitation = invited(ada, Role.REVIEWER, Role.LEAD_REVIEWER)
    cyd = joining(invitation)
    assert held_roles(cyd) == {Role.REVIEWER, Role.LEAD_REVIEWER}
    assert cyd.check_password(PASSWORD)
    address = EmailAddress.objects.get(user=cyd)
    assert (address.email, address.verified, address.primary) == (CYD, True, True)
    assert cyd.email == CYD
    invitation.refresh_from_db()
    assert invitation.accepted_by == cyd
    assert logged("invitation.accepted", "role.given") == [
        ("invitation.accepted", f"invitation {invitation.pk}", cyd.pk, {}),
        ("role.given", f"user {cyd.pk}", ada.pk, {"role": "lead reviewer"}),
        ("role.given", f"user {cyd.pk}", ada.pk, {"role": "reviewer"}),
    ]


def test_accepting_adds_roles(ada):
    ben = make_person("ben", Role.LIBRARIAN)
    accept_invitation(invitation_id=invited(ada).pk, user_id=ben.pk)
    assert held_roles(ben) == {Role.LIBRARIAN, Role.REVIEWER}


def test_joining_takes_the_address_from_those_who_only_claim_it(ada):
    eve, dan = make_person("eve"), make_user("dan", email=CYD, verified=False)
    EmailAddress.objects.create(user=eve, email=CYD)
    joining(invited(ada))
    assert EmailAddress.objects.get(email=CYD).user.username == "cyd"
    eve.refresh_from_db()
    dan.refresh_from_db()
    assert (eve.email, dan.email) == ("eve@example.org", "")
    assert logged("email.removed") == [
        ("email.removed", f"user {user.pk}", None, {}) for user in (eve, dan)[::-1]
    ]


def test_a_typed_address_is_not_taken_from_anybody():
    claim = EmailAddress.objects.create(user=make_person("dan"), email="eve@example.org")
    joining(by_token(invite_first_operator()), "eve")
    claim.refresh_from_db()


def demoted(user, by):
    set_roles(user_id=user.pk, roles={Role.LIBRARIAN}, actor_id=by.pk)


def deactivated(user, by):
    set_active(user_id=user.pk, active=False, actor_id=by.pk)


def closed(user, by):
    close_account(user_id=user.pk, actor_id=by.pk)


@pytest.mark.parametrize("end", [demoted, deactivated, closed])
def test_invitations_end_with_the_role_of_who_sent_them(ada, end):
    ben = make_person("ben", Role.OPERATOR)
    of_ben, of_ada = invited(ben, Role.OPERATOR), invited(ada, email="dan@example.org")
    joining(done := invited(ben, email="fay@example.org"), "fay")
    end(ben, ada)
    assert [state(each) for each in (of_ben, of_ada, done)] == ["revoked", "open", "accepted"]
    assert logged("invitation.revoked") == [
        ("invitation.revoked", f"invitation {of_ben.pk}", ada.pk, {})
    ]


def test_other_changes_of_roles_leave_invitations_open(ada):
    invitation = invited(ada)
    set_roles(user_id=ada.pk, roles={Role.OPERATOR, Role.REVIEWER}, actor_id=ada.pk)
    assert state(invitation) is InvitationState.OPEN


@pytest.mark.parametrize("close", [deactivated, closed])
def test_a_closed_account_gets_no_roles(ada, close):
    ben, invitation = make_person("ben"), invited(ada)
    close(ben, ada)
    with pytest.raises(AccountClosedError):
        accept_invitation(invitation_id=invitation.pk, user_id=ben.pk)
    assert held_roles(ben) == set()
    assert state(invitation) is InvitationState.OPEN


def used(invitation, ada):
    accept_invitation(invitation_id=invitation.pk, user_id=make_person("eve").pk)


def revoked(invitation, ada):
    revoke(invitation_id=invitation.pk, actor_id=ada.pk)


def expired(invitation, ada):
    expire(invitation)


@pytest.mark.parametrize(
    ("end", "expected"), [(used, "accepted"), (revoked, "revoked"), (expired, "expired")]
)
def test_a_closed_invitation_is_refused_and_nothing_remains(ada, end, expected):
    invitation = invited(ada)
    end(invitation, ada)
    with pytest.raises(InvitationClosedError) as refused:
        joining(invitation)
    assert refused.value.state == expected
    assert not User.objects.filter(username="cyd").exists()


@pytest.mark.parametrize("act", [revoke, invite_again])
@pytest.mark.parametrize(("end", "expected"), [(used, "accepted"), (revoked, "revoked")])
def test_a_closed_invitation_is_neither_revoked_nor_sent_again(ada, act, end, expected):
    invitation = invited(ada)
    end(invitation, ada)
    with pytest.raises(InvitationClosedError) as refused:
        act(invitation_id=invitation.pk, actor_id=ada.pk)
    assert refused.value.state == expected
    assert state(invitation) == expected


@pytest.mark.parametrize("act", [revoke, invite_again])
def test_the_first_operators_invitation_is_not_managed_on_the_page(act):
    invitation = by_token(invite_first_operator())
    with pytest.raises(Invitation.DoesNotExist):
        act(invitation_id=invitation.pk, actor_id=1)


def test_the_first_operator():
    invitation = by_token(invite_first_operator())
    eve = joining(invitation, "eve")
    assert held_roles(eve) == {Role.OPERATOR}
    assert not EmailAddress.objects.get(user=eve).verified  # it was typed, not written to
    with pytest.raises(OperatorExistsError):
        invite_first_operator()


def test_a_new_token_for_the_first_operator_replaces_the_earlier_one():
    first, second = (by_token(invite_first_operator()) for _ in range(2))
    assert [state(first), state(second)] == ["revoked", "open"]


def test_an_unused_token_is_needless_once_an_operator_exists(ada):
    with pytest.raises(OperatorExistsError):
        invite_first_operator()
    User.objects.filter(pk=ada.pk).update(is_active=False)
    invitation = by_token(invite_first_operator())
    User.objects.filter(pk=ada.pk).update(is_active=True)
    with pytest.raises(InvitationClosedError) as refused:
        joining(invitation, "eve")
    assert refused.value.state is InvitationState.NEEDLESS


@RACE
def test_one_link_opened_twice_makes_one_account():
    ada = make_person("ada", Role.OPERATOR)
    invitation = invited(ada)
    errors = at_once(
        lambda: accept_invitation(invitation_id=invitation.pk, user_id=ada.pk),
        lambda: joining(invitation, "cyd"),
    )
    assert sorted(map(str, errors)) == sorted(map(str, [None, InvitationClosedError]))
    assert len(logged("invitation.accepted")) == 1


@RACE
def test_an_inviter_is_demoted_while_the_invitation_is_accepted():
    for number in range(5):
        ada, ben = (make_person(f"{name}{number}", Role.OPERATOR) for name in ("ada", "ben"))
        invitation = invited(ben)
        accepted, taken = at_once(
            lambda: joining(invitation, "cyd"),  # noqa: B023 # called in this round
            lambda: demoted(ben, ada),  # noqa: B023
        )
        assert (accepted, taken) in {(None, None), (InvitationClosedError, None)}
        Invitation.objects.all().delete()
        User.objects.all().delete()


@RACE
def test_two_first_operators_at_once_are_one():
    invitation = by_token(invite_first_operator())
    errors = at_once(lambda: joining(invitation, "cyd"), lambda: joining(invitation, "dan"))
    assert sorted(map(str, errors)) == sorted(map(str, [None, InvitationClosedError]))
    assert User.objects.count() == 1


@RACE
def test_a_start_while_the_first_operator_joins():
    """Either the token was replaced in time, or the new start sees the operator."""
    invitation = by_token(invite_first_operator())
    joined, offered = at_once(lambda: joining(invitation, "cyd"), invite_first_operator)
    assert (joined, offered) in {(None, OperatorExistsError), (InvitationClosedError, None)}
    assert Invitation.objects.filter(revoked_at=None, accepted_at=None).count() == (
        1 if offered is None else 0
    )


@RACE
def test_two_invitations_of_an_address_at_once_leave_one_open():
    ada = make_person("ada", Role.OPERATOR)
    first = invited(ada)
    errors = at_once(
        lambda: invited(ada),
        lambda: invited(ada),
        lambda: invite_again(invitation_id=first.pk, actor_id=ada.pk),
    )
    assert set(errors) <= {None, InvitationClosedError}
    assert open_invitations().count() == 1


@RACE
def test_invitations_of_other_addresses_do_not_wait():
    ada = make_person("ada", Role.OPERATOR)

    def invite_dan():
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        invited(ada, email="dan@example.org")

    with transaction.atomic():
        invited(ada)
        assert at_once(invite_dan) == [None]


HASH = "a" * 64
GOOD = {"token_sha256": HASH, "email": CYD, "roles": ["reviewer"]}


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({"token_sha256": "the token itself"}, "accounts_invitation_hashed"),
        ({"roles": []}, "accounts_invitation_roles_known"),
        ({"roles": ["king"]}, "accounts_invitation_roles_known"),
        ({"email": ""}, "accounts_invitation_has_address"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "accounts_invitation_expires"),
        (
            {"accepted_at": timezone.now(), "revoked_at": timezone.now()},
            "accounts_invitation_accepted_or_revoked",
        ),
    ],
)
def test_what_the_database_refuses(wrong, constraint):
    later = {"expires_at": timezone.now() + timedelta(days=1)}
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Invitation.objects.create(**GOOD | later | wrong)


def test_an_acceptance_without_a_time_is_refused(ada):
    with pytest.raises(IntegrityError, match="accepted_has_time"), transaction.atomic():
        Invitation.objects.filter(pk=invited(ada).pk).update(accepted_by=ada)


def test_an_address_has_one_open_invitation(ada):
    invited(ada)
    later = timezone.now() + timedelta(days=1)
    with pytest.raises(IntegrityError, match="accounts_invitation_one_open"), transaction.atomic():
        Invitation.objects.create(**GOOD, expires_at=later)
