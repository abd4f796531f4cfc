"""End the sessions of a person."""

from __future__ import annotations

from allauth.usersessions.models import UserSession


def end_sessions(*, user_id: int) -> None:
    """Log a person out everywhere."""
    for session in UserSession.objects.filter(user_id=user_id):
        session.end()
