"""`manage.py migrate` works as the database's owner, and alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandParser
from django.core.management.commands.migrate import Command as MigrateCommand
from django.db import connections

from soundscape_site.management.database_owner import require_configured

_LOCK_KEY: Final = 0x736F756E64  # "sound" in ASCII: any number, the same for every run


class Command(MigrateCommand):
    """Django's command with another default database, one run at a time."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare Django's arguments; the owner's connection is the default."""
        super().add_arguments(parser)
        parser.set_defaults(database=settings.MIGRATION_DATABASE)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Refuse to run without the owner: the program's own role has no DDL."""
        require_configured(options["database"], to="migrate")
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate once every other run has ended."""
        with _alone(options["database"]):
            super().handle(*args, **options)


@contextmanager
def _alone(alias: str) -> Iterator[None]:
    """Hold a lock of the database's own; it goes with the connection if we are killed."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK_KEY])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK_KEY])
