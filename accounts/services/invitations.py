"""Invite people, and let them accept."""

from __future__ import annotations

import secrets
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Final

from allauth.account.models import EmailAddress
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Invitation, User
from accounts.models.invitations import OPEN
from accounts.roles import Role
from accounts.selectors.invitations import InvitationState, state_of, token_digest
from accounts.selectors.roles import operator_exists
from accounts.services.audit import record
from accounts.services.email_addresses import drop_claims
from accounts.services.erasure import AccountClosedError
from accounts.services.operators import lock_person
from accounts.services.roles import give_roles

LIFETIME: Final = timedelta(days=7)

_TOKEN_BYTES: Final = 24
_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('invitation of ' || %s, 0))"


class InvitationClosedError(Exception):
    """The invitation cannot be accepted any more."""

    def __init__(self, state: InvitationState) -> None:
        super().__init__(state)
        self.state = state


class OperatorExistsError(Exception):
    """The site has an operator, who invites others."""


@transaction.atomic
def invite(*, email: str, roles: AbstractSet[Role], actor_id: int) -> tuple[Invitation, str]:
    """Make an invitation and return it with its token, which is not stored.

    An earlier invitation of the same address is revoked.
    """
    invitation, token = _issue(email.lower(), roles, actor_id)
    record(
        action="invitation.made",
        subject=f"invitation {invitation.pk}",
        actor_id=actor_id,
        roles=invitation.roles,
    )
    return invitation, token


@transaction.atomic
def invite_again(*, invitation_id: int, actor_id: int) -> tuple[Invitation, str]:
    """Replace an invitation that was not accepted by a new one, with a new token.

    Raises
    ------
    InvitationClosedError
        If it was accepted or revoked meanwhile.
    """
    sent = Invitation.objects.exclude(email="")
    email = sent.values_list("email", flat=True).get(pk=invitation_id)
    _wait_for_others(email)  # before the row, in the order of `invite`
    earlier = _lock_unanswered(invitation_id)
    return invite(email=earlier.email, roles={*map(Role, earlier.roles)}, actor_id=actor_id)


@transaction.atomic
def invite_first_operator() -> str:
    """Return the token of a new invitation that makes the first operator; the earlier one ends.

    Raises
    ------
    OperatorExistsError
        If the site has an operator.
    """
    _, token = _issue("", {Role.OPERATOR}, None)
    if operator_exists():  # asked last: an acceptance that we waited for may have made one
        raise OperatorExistsError
    return token


@transaction.atomic
def revoke(*, invitation_id: int, actor_id: int) -> Invitation:
    """Revoke an invitation: its link stops working.

    Raises
    ------
    InvitationClosedError
        If it was accepted or revoked meanwhile.
    """
    invitation = _lock_unanswered(invitation_id)
    invitation.revoked_at = timezone.now()
    invitation.save(update_fields=["revoked_at"])
    record(action="invitation.revoked", subject=f"invitation {invitation_id}", actor_id=actor_id)
    return invitation


@transaction.atomic
def accept_invitation(*, invitation_id: int, user_id: int) -> None:
    """Give a person the roles of an invitation; that works once.

    Raises
    ------
    InvitationClosedError
        If it was accepted, revoked or has expired.
    AccountClosedError
        If the account was deactivated, or is being erased.
    Invitation.DoesNotExist
        If the invitation was deleted.
    """
    _lock_active(user_id)  # before the invitation, in the order of a change of roles
    invitation = Invitation.objects.select_for_update().get(pk=invitation_id)
    state = state_of(invitation)
    if state is not InvitationState.OPEN:
        raise InvitationClosedError(state)
    invitation.accepted_at = timezone.now()
    invitation.accepted_by_id = user_id
    invitation.save(update_fields=["accepted_at", "accepted_by"])
    record(action="invitation.accepted", subject=f"invitation {invitation_id}", actor_id=user_id)
    give_roles(
        user_id=user_id, roles={*map(Role, invitation.roles)}, actor_id=invitation.invited_by_id
    )


@transaction.atomic
def join(*, invitation_id: int, email: str, username: str, password: str) -> User:
    """Make the account of an invited person, with the invitation's roles.

    The address of an invitation counts as verified: the link was read there. The first operator
    types one, which is verified as at a sign-up.

    Raises
    ------
    InvitationClosedError
        If the invitation was accepted, revoked or has expired.
    IntegrityError
        If another account has the name or the address.
    """
    user = User.objects.create_user(username, email.lower(), password)
    accept_invitation(invitation_id=invitation_id, user_id=user.pk)
    invited = Invitation.objects.filter(pk=invitation_id, email=user.email).exists()
    EmailAddress.objects.create(user=user, email=user.email, verified=invited, primary=True)
    if invited:
        drop_claims(email=user.email)
    user.refresh_from_db()  # with its roles
    return user


def _issue(email: str, roles: AbstractSet[Role], actor_id: int | None) -> tuple[Invitation, str]:
    """Revoke the address's open invitation and make a new one."""
    _wait_for_others(email)
    now = timezone.now()
    Invitation.objects.filter(OPEN, email=email).update(revoked_at=now)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    invitation = Invitation.objects.create(
        token_sha256=token_digest(token),
        email=email,
        roles=sorted(roles),
        invited_by_id=actor_id,
        expires_at=now + LIFETIME,
    )
    return invitation, token


def _wait_for_others(email: str) -> None:
    """Make the invitations of an address one after the other: one is open."""
    with connection.cursor() as cursor:
        cursor.execute(_ONE_AT_A_TIME, [email])


def _lock_active(user_id: int) -> None:
    try:
        user, _ = lock_person(user_id=user_id)
    except User.DoesNotExist as error:
        raise AccountClosedError(f"account {user_id} is closed") from error
    if not user.is_active:
        raise AccountClosedError(f"account {user_id} is deactivated")


def _lock_unanswered(invitation_id: int) -> Invitation:
    """Lock an e-mailed invitation that was neither accepted nor revoked."""
    invitation = Invitation.objects.select_for_update().exclude(email="").get(pk=invitation_id)
    state = state_of(invitation)
    if state not in {InvitationState.OPEN, InvitationState.EXPIRED}:
        raise InvitationClosedError(state)
    return invitation
