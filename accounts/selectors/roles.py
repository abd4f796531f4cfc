"""The roles of users."""

from __future__ import annotations

from accounts.models import User
from accounts.roles import GROUPS, Role


def roles_of(user: User) -> frozenset[Role]:
    """Return the roles of a user; one query."""
    if not user.is_active:
        return frozenset()
    names = user.groups.filter(name__in=GROUPS).values_list("name", flat=True)
    return frozenset(Role(name) for name in names) | (
        {Role.OPERATOR} if user.is_staff else frozenset()
    )
