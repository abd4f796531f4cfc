"""Commands that need the database's owner role."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import CommandError


def database_of_owner() -> str:
    """Return the alias of the owner's connection, for commands that copy every table.

    Raises
    ------
    CommandError
        If the connection is not configured: the application's role cannot read the audit log.
    """
    alias: str = settings.MIGRATION_DATABASE
    require_configured(alias, to="read and write every row")
    return alias


def require_configured(alias: str, *, to: str) -> None:
    """Check that a connection of the owner is configured; `to` names what it is needed for.

    Raises
    ------
    CommandError
        If it is not, with the variable to set.
    """
    if alias not in settings.DATABASES:
        raise CommandError(
            f"Only the database's owner may {to}: set DATABASE_OWNER_URL beside DATABASE_URL."
        )
