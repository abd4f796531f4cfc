"""What people do with their accounts, written to the audit log.

The signals are those of Django and django-allauth. Entries name accounts by key: never a typed
name, which may be a password in the wrong field, nor an address.
"""

from __future__ import annotations

from typing import Any, Final

from allauth.account import signals as account_signals
from allauth.account.models import EmailAddress
from django.contrib.auth import signals as auth_signals
from django.db import transaction
from django.dispatch import Signal, receiver

from accounts.models import User
from accounts.selectors.email_addresses import user_id_of
from accounts.services.audit import record

_ACTIONS: Final[dict[Signal, str]] = {
    account_signals.user_signed_up: "account.created",
    auth_signals.user_logged_in: "login.succeeded",  # after the second factor
    auth_signals.user_logged_out: "login.ended",
    account_signals.password_changed: "password.changed",  # by who knew the old one
    account_signals.password_set: "password.set",  # the first one
    account_signals.password_reset: "password.reset",  # by a link
    account_signals.email_added: "email.added",  # not confirmed yet
    account_signals.email_removed: "email.removed",
}


@receiver(list(_ACTIONS))
def _done_by_user(*, signal: Signal, user: User | None, **_: Any) -> None:
    if user is not None:  # a log-out of somebody who was not logged in
        _record(_ACTIONS[signal], user.pk)


@receiver(account_signals.email_confirmed)
def _email_confirmed(*, email_address: EmailAddress, **_: Any) -> None:
    _record("email.confirmed", email_address.user_id)


@receiver(account_signals.email_changed)
def _email_changed(*, user: User, from_email_address: EmailAddress | None, **_: Any) -> None:
    if from_email_address is not None:  # else it is the account's first
        _record("email.changed", user.pk)


@receiver(auth_signals.user_login_failed)
def _login_failed(*, credentials: dict[str, str], **_: Any) -> None:
    user_id = user_id_of(name=credentials.get("username", ""), email=credentials.get("email", ""))
    with transaction.atomic():
        subject = "unknown account" if user_id is None else f"user {user_id}"
        record(action="login.failed", subject=subject, actor_id=None)


def _record(action: str, user_id: int) -> None:
    with transaction.atomic():
        record(action=action, subject=f"user {user_id}", actor_id=user_id)
