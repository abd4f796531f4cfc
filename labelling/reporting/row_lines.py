"""The rows of a report as lines of JSON, and back: the data of a frozen report.

The first line is an object with the facts of the campaign and the graders. Every other line is a
column: an array of the table's name, the column's name and the values.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from math import isnan
from typing import Any, Final

import numpy as np

from labelling.reporting.rows import FoundRows, GradeRows, GraderRow, PairRows, ReportRows
from labelling.reporting.stored_format import FORMAT, check_format

_GRADER: Final = ("pseudonym", "gold_right", "gold_of", "skips")  # never who it is
_TABLES: Final = {"pairs": PairRows, "found": FoundRows, "grades": GradeRows}
_UNKNOWN: Final = {"IntArray": 0, "FloatArray": np.nan, "TextArray": ""}
_KINDS: Final = {"IntArray": np.int64, "FloatArray": np.float64, "TextArray": np.str_}


def frozen(rows: ReportRows) -> bytes:
    """Return the rows as lines, compressed; the same rows give the same bytes."""
    return gzip.compress("".join(_lines(rows)).encode(), compresslevel=6, mtime=0)


def thawed(data: bytes) -> ReportRows:
    """Return the rows that `frozen` stored; graders have the key 0: it is not stored.

    Columns that are newer than the data are 0, empty or NaN; those that are gone are ignored.

    Raises
    ------
    StoredFormatError
        If the rows are stored in another format.
    """
    first, *lines = gzip.decompress(data).decode().rstrip("\n").split("\n")
    head = json.loads(first)
    check_format(head)
    columns: dict[str, dict[str, list[Any]]] = defaultdict(dict)
    for table, column, values in map(json.loads, lines):
        columns[table][column] = values
    return ReportRows(
        campaign=head["campaign"],
        withdrawn=head["withdrawn"],
        graders=tuple(
            GraderRow(key=0, **{name: one.get(name, 0) for name in _GRADER})
            for one in head["graders"]
        ),
        **{name: _table(kind, columns[name]) for name, kind in _TABLES.items()},
    )


def thawed_columns(data: bytes, wanted: Sequence[tuple[str, str]]) -> list[list[Any]]:
    """Return some columns, named by table and column, as JSON values; faster than all of them.

    Raises
    ------
    StoredFormatError
        If the rows are stored in another format.
    """
    head, *lines = gzip.decompress(data).decode().split("\n")
    check_format(json.loads(head))
    starts = [f'["{table}","{column}",' for table, column in wanted]
    return [
        json.loads(next(line for line in lines if line.startswith(start)))[2] for start in starts
    ]


def _lines(rows: ReportRows) -> Iterator[str]:
    yield _line(
        {
            "format": FORMAT,
            "campaign": dict(rows.campaign),
            "withdrawn": rows.withdrawn,
            "graders": [{name: getattr(one, name) for name in _GRADER} for one in rows.graders],
        }
    )
    for name, kind in _TABLES.items():
        for column in fields(kind):
            values = getattr(getattr(rows, name), column.name)
            yield _line([name, column.name, _plain(values)])


def _line(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f"{text}\n"


def _plain(column: Any) -> Sequence[Any]:
    """Return a column as JSON values: NaN becomes null, a time its ISO form."""
    if not isinstance(column, np.ndarray):
        return [one.isoformat() if isinstance(one, datetime) else one for one in column]
    if column.dtype.kind == "f":
        return [None if isnan(one) else one for one in column.tolist()]
    values: list[Any] = column.tolist()
    return values


def _table(kind: type[Any], columns: dict[str, list[Any]]) -> Any:
    length = len(next(iter(columns.values()), ()))
    return kind(
        **{
            one.name: _typed(str(one.type), columns[one.name])
            if one.name in columns
            else _unknown(str(one.type), length)
            for one in fields(kind)
        }
    )


def _unknown(kind: str, length: int) -> Any:
    return np.full(length, _UNKNOWN[kind]) if kind in _UNKNOWN else ((),) * length


def _typed(kind: str, values: Sequence[Any]) -> Any:
    if kind in _KINDS:
        return np.array(values, dtype=_KINDS[kind])  # null becomes NaN
    if "datetime" in kind:
        return tuple(map(datetime.fromisoformat, values))
    return tuple(map(tuple, values))
