"""Close and delete accounts. What an account holds in other apps is deleted in between, by them."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Invitation, User
from accounts.services.api_keys import revoke_keys_of
from accounts.services.audit import record
from accounts.services.operators import LastOperatorError, lock_person, revoke_invitations_of
from accounts.services.sessions import log_out_everywhere


class AccountClosedError(Exception):
    """The account is deleted, deactivated or about to be deleted."""

    code = "account_closed"


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
    """Deactivate an account for good, end its sessions and its keys; the sweeper then deletes it.

    Raises
    ------
    LastOperatorError
        If it is the only operator's.
    """
    try:
        _, is_last = lock_person(user_id=user_id)
    except User.DoesNotExist:  # or closed already
        return
    if is_last:
        raise LastOperatorError(f"account {user_id} is the only operator's")
    User.objects.filter(pk=user_id).update(is_active=False, erasure_requested_at=Now())
    log_out_everywhere(user_id=user_id)
    revoke_invitations_of(user_id=user_id, actor_id=actor_id)
    revoke_keys_of(user_id=user_id, actor_id=actor_id)
    record(action="account.closed", subject=f"user {user_id}", actor_id=actor_id)


@transaction.atomic
def delete_user(*, user_id: int) -> None:
    """Delete a closed account with its addresses, second factors and invitations to it."""
    log_out_everywhere(user_id=user_id)  # of log-ins that were under way when it was closed
    confirmed = EmailAddress.objects.filter(user_id=user_id, verified=True)
    Invitation.objects.filter(
        Q(accepted_by=user_id) | Q(email__in=confirmed.values("email"))  # others only claim theirs
    ).delete()
    User.objects.filter(pk=user_id).delete()
    record(action="account.erased", subject=f"user {user_id}", actor_id=None)
