"""Checks that a command makes before it starts."""

from __future__ import annotations

from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def require_migrated_database() -> None:
    """Raise unless every migration has been applied.

    Raises
    ------
    CommandError
        With the number of missing migrations, the first of them, and the command to run.
    """
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise CommandError(
            f"The database lacks {len(missing)} migrations; the first is {missing[0][0]}. Run "
            "`make setup`, or `manage.py migrate` if you run your own database "
            "[database_not_migrated]"
        )
