"""The rows of a report as lines of JSON, and back: the data of a frozen report.

The first line is an object: the facts of the campaign, and the columns of each kind of row. Every
other line is a row: an array of its kind and the values of the columns.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

import numpy as np

from labelling.reporting.rows import FoundRows, GraderRow, GradeRows, PairRows, ReportRows

FORMAT: Final = 1
_GRADERS: Final = ("pseudonym", "gold_right", "gold_of", "skips")  # never who it is
_TABLES: Final = (
    ("pair", "pairs", PairRows),
    ("found", "found", FoundRows),
    ("grade", "grades", GradeRows),
)
_KINDS: Final = {"IntArray": np.int64, "FloatArray": np.float64, "TextArray": np.str_}


def frozen(rows: ReportRows) -> bytes:
    """Return the rows as lines, compressed; the same rows give the same bytes."""
    return gzip.compress("".join(_lines(rows)).encode(), mtime=0)


def thawed(data: bytes) -> ReportRows:
    """Return the rows that `frozen` stored; graders have the key 0, for nobody knows them."""
    first, *lines = gzip.decompress(data).decode().rstrip("\n").split("\n")
    head = json.loads(first)
    found: dict[str, list[list[Any]]] = {kind: [] for kind in head["columns"]}
    for kind, *values in json.loads(f"[{','.join(lines)}]"):  # one call: ten times as fast
        found[kind].append(values)
    graders = (dict(zip(head["columns"]["grader"], row, strict=True)) for row in found["grader"])
    tables = {
        name: table(**_columns(table, head["columns"][kind], found[kind]))
        for kind, name, table in _TABLES
    }
    return ReportRows(
        campaign=head["campaign"],
        withdrawn=head["withdrawn"],
        graders=tuple(GraderRow(key=0, **grader) for grader in graders),
        **tables,
    )


def _lines(rows: ReportRows) -> Iterator[str]:
    columns = {"grader": list(_GRADERS)}
    columns |= {kind: [one.name for one in fields(table)] for kind, _, table in _TABLES}
    head = {
        "format": FORMAT,
        "campaign": dict(rows.campaign),
        "withdrawn": rows.withdrawn,
        "columns": columns,
    }
    yield _line(head)
    for grader in rows.graders:
        yield _line(["grader", *(getattr(grader, name) for name in _GRADERS)])
    for kind, name, _ in _TABLES:
        table = getattr(rows, name)
        for row in zip(*(_plain(getattr(table, column)) for column in columns[kind]), strict=True):
            yield _line([kind, *row])


def _line(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f"{text}\n"


def _plain(column: Any) -> Iterable[Any]:
    """Return a column as JSON values: NaN becomes null, a time its ISO form."""
    if not isinstance(column, np.ndarray):
        return [one.isoformat() if isinstance(one, datetime) else one for one in column]
    values: list[Any] = column.tolist()
    if column.dtype.kind == "f":
        return [None if math.isnan(one) else one for one in values]
    return values


def _columns(
    table: type[Any], names: Sequence[str], rows: Sequence[Sequence[Any]]
) -> dict[str, Any]:
    """Return the columns of a table in the types that its class names."""
    columns = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}
    return {
        one.name: _typed(str(one.type), columns.get(one.name, ()))
        for one in fields(table)
    }


def _typed(kind: str, values: Sequence[Any]) -> Any:
    if kind in _KINDS:
        return np.array(values, dtype=_KINDS[kind])  # null becomes NaN
    if "datetime" in kind:
        return tuple(datetime.fromisoformat(one) for one in values)
    return tuple(tuple(one) for one in values)
