"""The distinct values of a column."""

from __future__ import annotations

from django.db import connection, models

_FIRST_VALUES = """
WITH RECURSIVE found (value) AS (
    SELECT min({column}) FROM {table} WHERE {column} <> ''
    UNION ALL
    SELECT (SELECT min({column}) FROM {table} WHERE {column} <> '' AND {column} > found.value)
    FROM found WHERE found.value IS NOT NULL
)
SELECT value FROM found WHERE value IS NOT NULL LIMIT %s
"""


def first_values(model: type[models.Model], column: str, *, limit: int) -> list[str]:
    """Return the smallest values of a text column, without the empty one, each once.

    One step in the column's index for each value: PostgreSQL's DISTINCT reads the whole index. The
    index may leave out empty values.
    """
    quote = connection.ops.quote_name
    sql = _FIRST_VALUES.format(column=quote(column), table=quote(model._meta.db_table))
    with connection.cursor() as cursor:
        cursor.execute(sql, [limit])
        return [value for (value,) in cursor.fetchall()]
