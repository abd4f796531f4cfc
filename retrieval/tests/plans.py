"""How many rows of large tables a query reads, by running it again."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from django.db import connection

_OTHERS = ("INSERT", "UPDATE", "DELETE", "SET", "SAVEPOINT", "RELEASE", "CLOSE")


def large_reads(sql: str, tables: Collection[str], *, rows: int) -> Iterator[str]:
    """Yield each of these tables of which a SELECT reads at least so many rows, and how.

    Rows that a filter leaves out count too; those that a limit spares do not.
    """
    if "SELECT" not in sql or sql.startswith(_OTHERS):
        return
    select = sql if sql.lstrip().startswith("WITH") else sql[sql.index("SELECT") :]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {select}")
        found = cursor.fetchone()[0]
    for node in _nodes((json.loads(found) if isinstance(found, str) else found)[0]["Plan"]):
        each = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        read = each * node["Actual Loops"]
        if node.get("Relation Name") in tables and read >= rows:
            yield f"{node['Relation Name']} ({node['Node Type']})"


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)
