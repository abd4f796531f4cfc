"""`manage.py migrate` runs as the database's owner, one run at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandParser
from django.core.management.commands.migrate import Command as MigrateCommand
from django.db import connections

from soundscape_site.management.database_owner import require_configured

_LOCK_KEY: Final = 0x736F756E64  # "sound" in ASCII; an arbitrary number


class Command(MigrateCommand):
    """Django's command with the owner's connection and a lock."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Make the owner's connection the default."""
        super().add_arguments(parser)
        parser.set_defaults(database=settings.MIGRATION_DATABASE)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Refuse to run without the owner's role: the program's role has no DDL."""
        require_configured(options["database"], to="migrate")
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        """Wait for other runs to end, then migrate."""
        with _alone(options["database"]):
            super().handle(*args, **options)


@contextmanager
def _alone(alias: str) -> Iterator[None]:
    """Hold an advisory lock, which PostgreSQL frees when the connection ends."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK_KEY])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK_KEY])
