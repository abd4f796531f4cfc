"""The roles of users."""

from __future__ import annotations

import threading
from typing import Final

from accounts.models import User
from accounts.roles import GROUPS, Role

_operator_seen: Final = threading.Event()


def roles_of(user: User) -> frozenset[Role]:
    """Return the roles of a user; none if the account is inactive. One query."""
    return held_roles(user) if user.is_active else frozenset()


def held_roles(user: User) -> frozenset[Role]:
    """Return the roles that a user has when the account is active; no query if prefetched."""
    names = {group.name for group in user.groups.all()} & set(GROUPS)
    return frozenset(Role(name) for name in names) | (
        {Role.OPERATOR} if user.is_staff else frozenset()
    )


def operator_exists() -> bool:
    """Return whether the site has an active operator."""
    return User.objects.filter(is_staff=True, is_active=True).exists()


def had_operator() -> bool:
    """Return whether the site has had an operator; without a query once this process saw one.

    The last operator stays, so this remains true.
    """
    if not _operator_seen.is_set() and operator_exists():
        _operator_seen.set()
    return _operator_seen.is_set()
