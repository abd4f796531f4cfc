"""Users."""

from __future__ import annotations

from accounts.models import User


def account_named(username: str) -> User | None:
    """Return the account with a user name, in whatever case."""
    return User.objects.filter(username__iexact=username).first()
