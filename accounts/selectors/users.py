"""Users."""

from __future__ import annotations

from accounts.models import User


def account_named(username: str) -> User | None:
    """Return the account with a user name."""
    return User.objects.filter(username=username).first()
