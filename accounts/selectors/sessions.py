"""The sessions of users."""

from __future__ import annotations

from allauth.usersessions.models import UserSession


def own_session(*, user_id: int | None, session_id: int) -> UserSession | None:
    """Return a session of a user; None if it is another user's."""
    session: UserSession | None = UserSession.objects.filter(user=user_id, pk=session_id).first()
    return session
