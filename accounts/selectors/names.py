"""The present names of people of whom a row holds only the number."""

from __future__ import annotations

from django.db.models import OuterRef, Subquery

from accounts.models import User


def username_of(column: str) -> Subquery:
    """Return the name of the account whose number is in a column; NULL if it is gone."""
    return Subquery(User.objects.filter(pk=OuterRef(column)).values("username")[:1])
