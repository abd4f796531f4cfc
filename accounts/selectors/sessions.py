"""The sessions of users."""

from __future__ import annotations

from allauth.usersessions.models import UserSession
from django.db.models import QuerySet


def own_session(*, user_id: int | None, session_id: int) -> UserSession | None:
    """Return a session of a user; None if it is another user's."""
    session: UserSession | None = UserSession.objects.filter(user=user_id, pk=session_id).first()
    return session


def other_sessions(*, user_id: int, session_key: str | None) -> QuerySet[UserSession]:
    """Return the sessions of a user except the one with this key."""
    others: QuerySet[UserSession] = UserSession.objects.filter(user=user_id)
    return others.exclude(session_key=session_key)
