"""Close and delete accounts. What an account holds in other apps is deleted in between, by them."""

from __future__ import annotations

from allauth.usersessions.models import UserSession
from django.db import transaction
from django.db.models.functions import Now

from accounts.models import Invitation, User
from accounts.services.audit import record


class AccountClosedError(Exception):
    """The account is deleted, deactivated or about to be deleted."""

    code = "account_closed"


class LastOperatorError(Exception):
    """Nobody would be left to run the site."""

    code = "last_operator"


def lock_account(*, user_id: int) -> None:
    """Keep an account open until the transaction ends.

    Raises
    ------
    AccountClosedError
        If it is not open any more.
    """
    accounts = User.objects.select_for_update(no_key=True).filter(pk=user_id, is_active=True)
    if not accounts.values_list("pk").first():
        raise AccountClosedError(f"account {user_id} is closed")


@transaction.atomic
def close_account(*, user_id: int, actor_id: int | None) -> None:
    """Deactivate an account for good and end its sessions; the sweeper then deletes it.

    Raises
    ------
    LastOperatorError
        If it is the only operator's.
    """
    operators = User.objects.select_for_update().filter(is_staff=True, is_active=True)
    operator_ids = set(operators.order_by("pk").values_list("pk", flat=True))
    account = User.objects.select_for_update().filter(pk=user_id).first()
    if account is None or account.erasure_requested_at is not None:
        return
    if operator_ids == {user_id}:
        raise LastOperatorError(f"account {user_id} is the only operator's")
    User.objects.filter(pk=user_id).update(is_active=False, erasure_requested_at=Now())
    _end_sessions(user_id)
    record(action="account.closed", subject=f"user {user_id}", actor_id=actor_id)


@transaction.atomic
def delete_user(*, user_id: int) -> None:
    """Delete a closed account with its addresses, second factors and accepted invitations."""
    _end_sessions(user_id)  # of log-ins that were under way when it was closed
    Invitation.objects.filter(accepted_by=user_id).delete()
    User.objects.filter(pk=user_id).delete()
    record(action="account.erased", subject=f"user {user_id}", actor_id=None)


def _end_sessions(user_id: int) -> None:
    for session in UserSession.objects.filter(user_id=user_id):
        session.end()
