"""Copy tables out of the database and into it."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Final

from django.db.backends.utils import CursorWrapper
from psycopg2 import sql

from retrieval.models import RowSet, StoredPoint, StoredRow
from retrieval.storage.content_store import sha256_of
from soundscape_site.backups.layout import TableCopy, table_path

_COMPRESSION: Final = 1  # the fastest: most of a backup is sound, which does not compress
DERIVED: Final = frozenset(model._meta.db_table for model in (RowSet, StoredPoint, StoredRow))
"""Tables that are made again from the others; a backup holds none of their rows."""

_COLUMNS: Final = """
    SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
      AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    GROUP BY c.relname ORDER BY c.relname
"""
# Foreign keys that are checked at once; Django's own are checked at the commit.
_IMMEDIATE_KEYS: Final = """
    SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
    WHERE contype = 'f' AND NOT condeferrable AND conrelid <> confrelid
      AND connamespace = 'public'::regnamespace
"""
_SEQUENCES: Final = """
    SELECT sequencename, last_value FROM pg_sequences
    WHERE schemaname = 'public' AND last_value IS NOT NULL ORDER BY sequencename
"""


def tables_in_order(cursor: CursorWrapper) -> dict[str, list[str]]:
    """Return every table's columns, referenced tables before those that refer to them."""
    cursor.execute(_COLUMNS)
    columns = dict(cursor.fetchall())
    needs: dict[str, set[str]] = {name: set() for name in columns}
    cursor.execute(_IMMEDIATE_KEYS)
    for table, needed in cursor.fetchall():
        needs[table].add(needed)
    return {name: columns[name] for name in TopologicalSorter(needs).static_order()}


def copy_out(cursor: CursorWrapper, table: str, columns: list[str], folder: Path) -> TableCopy:
    """Write a table's rows, as the transaction sees them, into a backup's folder."""
    path = table_path(folder, table)
    with gzip.open(path, "xb", compresslevel=_COMPRESSION) as stream:
        rows = _copy(cursor, "COPY {} ({}) TO STDOUT", table, columns, stream)
    return TableCopy(name=table, columns=columns, rows=rows, sha256=sha256_of(path))


def copy_in(cursor: CursorWrapper, table: TableCopy, folder: Path) -> int:
    """Add the rows in a backup's folder to a table; return their number."""
    with gzip.open(table_path(folder, table.name), "rb") as stream:
        return _copy(cursor, "COPY {} ({}) FROM STDIN", table.name, table.columns, stream)


def truncate(cursor: CursorWrapper, tables: Sequence[str]) -> None:
    """Remove every row of the tables."""
    names = sql.SQL(", ").join(map(sql.Identifier, tables))
    cursor.execute(sql.SQL("TRUNCATE {}").format(names))


def sequence_values(cursor: CursorWrapper) -> dict[str, int]:
    """Return the last value of every used sequence.

    Read it after the rows: sequences are outside transactions, and a value must not be below a
    row's.
    """
    cursor.execute(_SEQUENCES)
    return dict(cursor.fetchall())


def set_sequence_values(cursor: CursorWrapper, values: dict[str, int]) -> None:
    """Set the last value of sequences."""
    for name, last in values.items():
        quoted = sql.Identifier(name).as_string(cursor.connection)
        cursor.execute("SELECT setval(%s::regclass, %s)", [quoted, last])


def _copy(cursor: Any, form: str, table: str, columns: list[str], stream: Any) -> int:
    """Stream rows between a file and the server; return their number."""
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    cursor.copy_expert(sql.SQL(form).format(sql.Identifier(table), listed), stream)
    return int(cursor.rowcount)
