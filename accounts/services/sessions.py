"""End sessions."""

from __future__ import annotations

from collections.abc import Iterable

from allauth.usersessions.models import UserSession
from django.db import transaction

from accounts.services.audit import record


@transaction.atomic
def end_sessions(*, sessions: Iterable[UserSession], actor_id: int | None) -> None:
    """End sessions: their browsers are logged out at their next request."""
    for session in sessions:
        session.end()
        record(
            action="session.ended",
            subject=f"user {session.user_id}",
            actor_id=actor_id,
            began=session.created_at.isoformat(),
        )


def end_all_sessions(*, user_id: int) -> None:
    """Log a person out everywhere."""
    for session in UserSession.objects.filter(user_id=user_id):
        session.end()
