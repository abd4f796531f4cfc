"""What people may do in labelling."""

from __future__ import annotations

from typing import Final

from django.contrib.auth.models import AnonymousUser
from django.db.models import prefetch_related_objects

from accounts.models import User
from accounts.roles import Role
from accounts.selectors.roles import roles_of

_LEADS: Final = frozenset({Role.LEAD_REVIEWER, Role.OPERATOR})
_REVIEWERS: Final = _LEADS | {Role.REVIEWER}


def may_review(user: User | AnonymousUser) -> bool:
    """Return whether somebody may grade pairs."""
    return not _REVIEWERS.isdisjoint(_roles(user))


def may_lead(user: User | AnonymousUser) -> bool:
    """Return whether somebody may run campaigns and see what reviewers must not."""
    return not _LEADS.isdisjoint(_roles(user))


def _roles(user: User | AnonymousUser) -> frozenset[Role]:
    """Return the roles of a user: one query the first time, none for anonymous visitors."""
    if not isinstance(user, User):
        return frozenset()
    prefetch_related_objects([user], "groups")  # kept in the object; a second call does nothing
    return roles_of(user)
