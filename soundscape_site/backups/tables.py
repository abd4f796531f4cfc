"""Tables as streams: which there are, out of the database, into it again."""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Final

from django.db.backends.utils import CursorWrapper
from psycopg2 import sql

from retrieval.storage.content_store import sha256_of
from soundscape_site.backups.manifest import TableCopy
from soundscape_site.backups.packed import packing, unpacking

_COLUMNS: Final = """
    SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
      AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    GROUP BY c.relname ORDER BY c.relname
"""
# Django's own are checked at the commit; those at once are ours.
_CHECKED_AT_ONCE: Final = """
    SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
    WHERE contype = 'f' AND NOT condeferrable AND conrelid <> confrelid
      AND connamespace = 'public'::regnamespace
"""
_SEQUENCES: Final = """
    SELECT sequencename, last_value FROM pg_sequences
    WHERE schemaname = 'public' AND last_value IS NOT NULL ORDER BY sequencename
"""


def tables_in_order(cursor: CursorWrapper) -> dict[str, list[str]]:
    """Return every table's columns, the tables such that none refers to a later one at once."""
    cursor.execute(_COLUMNS)
    columns = dict(cursor.fetchall())
    needs: dict[str, set[str]] = {name: set() for name in columns}
    cursor.execute(_CHECKED_AT_ONCE)
    for table, needed in cursor.fetchall():
        needs[table].add(needed)
    return {name: columns[name] for name in TopologicalSorter(needs).static_order()}


def copy_out(cursor: CursorWrapper, table: str, columns: list[str], folder: Path) -> TableCopy:
    """Write a table's rows, as the transaction sees them, to a file of the folder."""
    path = file_of(folder, table)
    with packing(path) as stream:
        rows = _copy(cursor, _statement("COPY {} ({}) TO STDOUT", table, columns), stream)
    return TableCopy(name=table, columns=columns, rows=rows, sha256=sha256_of(path))


def copy_in(cursor: CursorWrapper, table: TableCopy, folder: Path) -> int:
    """Add a file's rows to a table; return how many came."""
    statement = _statement("COPY {} ({}) FROM STDIN", table.name, table.columns)
    with unpacking(file_of(folder, table.name)) as stream:
        return _copy(cursor, statement, stream)


def empty(cursor: CursorWrapper, tables: Sequence[str]) -> None:
    """Remove every row of the tables."""
    names = sql.SQL(", ").join(map(sql.Identifier, tables))
    cursor.execute(sql.SQL("TRUNCATE {}").format(names))


def last_numbers(cursor: CursorWrapper) -> dict[str, int]:
    """Return the last number of every sequence that gave one; never less than a row's."""
    cursor.execute(_SEQUENCES)
    return dict(cursor.fetchall())


def set_last_numbers(cursor: CursorWrapper, numbers: dict[str, int]) -> None:
    """Let sequences go on after these."""
    for name, last in numbers.items():
        quoted = sql.Identifier(name).as_string(cursor.connection)
        cursor.execute("SELECT setval(%s::regclass, %s)", [quoted, last])


def file_of(folder: Path, table: str) -> Path:
    """Return where a table's rows lie."""
    return folder / f"{table}.copy.gz"


def _statement(form: str, table: str, columns: list[str]) -> sql.Composed:
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL(form).format(sql.Identifier(table), listed)


def _copy(cursor: Any, statement: sql.Composable, stream: Any) -> int:
    """Let rows pass between a stream and the server, some at a time."""
    cursor.copy_expert(statement, stream)
    return int(cursor.rowcount)
