"""The database as its owner: who may read and write every row, and change the tables."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import CommandError


def owners_database() -> str:
    """Return the alias under which the database is its owner's.

    Raises
    ------
    CommandError
        If this process was not given it: the program's own role cannot read the audit log.
    """
    alias: str = settings.MIGRATION_DATABASE
    require_given(alias, to="read and write every row")
    return alias


def require_given(alias: str, *, to: str) -> None:
    """Stop with a message where the owner's database is not among those of this process.

    Raises
    ------
    CommandError
        Naming what only the owner may do, and what to set.
    """
    if alias not in settings.DATABASES:
        raise CommandError(
            f"Only the database's owner may {to}: set DATABASE_OWNER_URL beside DATABASE_URL."
        )
