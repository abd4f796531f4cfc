"""What commands make sure of before they spend time on anything else."""

from __future__ import annotations

from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def require_migrated_database() -> None:
    """Stop with a message where the database lacks tables that this version needs.

    Raises
    ------
    CommandError
        Naming the first migration that is missing, and what to do.
    """
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        first = missing[0][0]
        raise CommandError(
            f"the database lacks {len(missing)} migrations, {first} first; run `make setup`, or "
            "`manage.py migrate` where the database is your own [database_not_migrated]"
        )
