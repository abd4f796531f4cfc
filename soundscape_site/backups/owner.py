"""Who may read and write every row."""

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
    if alias not in settings.DATABASES:
        raise CommandError(
            "Only the database's owner may read and write every row: set DATABASE_OWNER_URL beside "
            "DATABASE_URL."
        )
    return alias
