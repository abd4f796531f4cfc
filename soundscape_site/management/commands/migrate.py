"""`manage.py migrate` works as the database's owner: the application's role has no DDL."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import CommandParser
from django.core.management.commands.migrate import Command as MigrateCommand


class Command(MigrateCommand):
    """Django's command with another default database."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare Django's arguments; the owner's connection is the default."""
        super().add_arguments(parser)
        if "owner" in settings.DATABASES:
            parser.set_defaults(database="owner")
