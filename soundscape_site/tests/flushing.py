"""Empty the database after tests that commit, in a fraction of the time that Django takes.

Django truncates all tables, for which PostgreSQL makes new files of each table and index, and
saves the rows that migrations made one by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

_KEPT: Final = "migrated"
"""The schema with copies of the rows that migrations made."""


class Flushing:
    """What takes the place of Django's flush for one connection to a new test database."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        quoted = connection.ops.quote_name
        with connection.cursor() as cursor:
            tables = connection.introspection.django_table_names(
                only_existing=True, include_views=False
            )
            cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal")
            self._guarded = {table for (table,) in cursor.fetchall()}
            self._kept = [quoted(table) for table in self._filled(tables)]
            cursor.execute(f"CREATE SCHEMA {_KEPT}")
            for table in self._kept:
                cursor.execute(f"CREATE TABLE {_KEPT}.{table} AS TABLE {table}")
        connection.ops.sql_flush = self.sql_flush  # type: ignore[method-assign, assignment]
        connection.creation.deserialize_db_from_string = self.restore  # type: ignore[method-assign, assignment]

    def sql_flush(self, _style: Any, tables: Iterable[str], **_options: Any) -> list[str]:
        """Return the statements that empty the tables; none of them restarts a sequence."""
        filled = self._filled(tables)
        if not filled:
            return []
        quoted = self._connection.ops.quote_name
        guarded = [quoted(table) for table in filled if table in self._guarded]
        # One statement, at whose end the foreign keys between the tables are checked.
        parts = ", ".join(
            f"d{number} AS (DELETE FROM {quoted(table)})" for number, table in enumerate(filled)
        )
        return [
            *(f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in guarded),
            f"WITH {parts} SELECT",
            "SET CONSTRAINTS ALL IMMEDIATE",
            *(f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in guarded),
        ]

    def restore(self, _serialized: str) -> None:
        """Insert the rows that migrations made, where they are missing."""
        inserts = [
            f"INSERT INTO {table} TABLE {_KEPT}.{table} ON CONFLICT DO NOTHING"
            for table in self._kept
        ]
        self._connection.ops.execute_sql_flush(inserts)

    def _filled(self, tables: Iterable[str]) -> list[str]:
        quoted = self._connection.ops.quote_name
        query = " UNION ALL ".join(
            f"SELECT '{table}' WHERE EXISTS (SELECT FROM {quoted(table)})" for table in tables
        )
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            return [table for (table,) in cursor.fetchall()]
