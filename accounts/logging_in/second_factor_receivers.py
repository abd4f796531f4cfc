"""Audit entries of second factors.

A new factor is recorded when its row is stored: allauth's own signal may come after the commit.
"""

from __future__ import annotations

from typing import Any

from allauth.core import context
from allauth.mfa import signals
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from accounts.models import User
from accounts.selectors.second_factors import is_only_factor
from accounts.selectors.sessions import other_sessions
from accounts.services.audit import record
from accounts.services.sessions import end_sessions


@receiver(post_save, sender=Authenticator)
def on_stored(instance: Authenticator, *, created: bool, **_: Any) -> None:
    """Record a new second factor, or new recovery codes; the first factor ends other sessions.

    Somebody who has only the password may have opened them.
    """
    request = context.request
    if not created or request is None:
        return
    _record("added", instance.user, instance, actor_id=instance.user_id)
    if is_only_factor(instance):
        others = other_sessions(user_id=instance.user_id, session_key=request.session.session_key)
        end_sessions(sessions=others, actor_id=instance.user_id)


@receiver(signals.authenticator_removed)
def on_removed(user: User, authenticator: Authenticator, **_: Any) -> None:
    """Record that a person removed a second factor."""
    _record("removed", user, authenticator, actor_id=user.pk)


@receiver(signals.authenticator_used)
def on_used(
    user: User, authenticator: Authenticator, *, reauthenticated: bool, passwordless: bool, **_: Any
) -> None:
    """Record a log-in or a confirmation by a second factor."""
    purpose = "confirmation" if reauthenticated else "log-in"
    _record(
        "used", user, authenticator, actor_id=user.pk, purpose=purpose, passwordless=passwordless
    )


@receiver(signals.authentication_failed)
def on_failed(
    user: User | None, authenticator: Authenticator, *, reauthentication: bool, **_: Any
) -> None:
    """Record a wrong code or passkey; at log-in it is not known who entered it."""
    purpose = "confirmation" if reauthentication else "log-in"
    actor_id = user.pk if user and reauthentication else None
    _record("failed", user, authenticator, actor_id=actor_id, purpose=purpose)


def _record(
    verb: str,
    user: User | None,
    authenticator: Authenticator,
    *,
    actor_id: int | None,
    **detail: Any,
) -> None:
    with transaction.atomic():
        record(
            action=f"second_factor.{verb}",
            subject=f"user {user.pk}" if user else "unknown account",
            actor_id=actor_id,
            type=authenticator.type,
            **detail,
        )
