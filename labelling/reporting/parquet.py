"""A program that turns JSON lines into Parquet: `python -m labelling.reporting.parquet TABLE`.

It reads standard input and writes standard output, which is a file. The export starts it as a
process of its own, because pyarrow takes 70 MB and a second to import.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO, Final

import pyarrow as pa
from pyarrow import parquet

from labelling.reporting.columns import TABLES, Column

_ROWS_AT_ONCE: Final = 20_000
_TYPES: Final = {
    "int": pa.int64(),
    "float": pa.float64(),
    "text": pa.string(),
    "time": pa.timestamp("us", tz="UTC"),
    "ints": pa.list_(pa.int64()),
    "floats": pa.list_(pa.float64()),
    "texts": pa.list_(pa.string()),
}


def convert(table: str, lines: Iterable[bytes], target: BinaryIO) -> None:
    """Write a table of `columns.TABLES`, whose rows are arrays of JSON."""
    columns = TABLES[table]
    schema = pa.schema([_field(column) for column in columns])
    with parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        for rows in _batches(lines):
            arrays = [
                pa.array(_read(column, values), type=_TYPES[column.kind])
                for column, values in zip(columns, zip(*rows, strict=True), strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _field(column: Column) -> Any:
    about = {"meaning": column.meaning, "unit": column.unit, "values": column.values}
    return pa.field(column.name, _TYPES[column.kind], metadata=about)


def _batches(lines: Iterable[bytes]) -> Iterator[list[Any]]:
    rest = iter(lines)
    while rows := [json.loads(line) for line in islice(rest, _ROWS_AT_ONCE)]:
        yield rows


def _read(column: Column, values: Iterable[Any]) -> list[Any]:
    if column.kind == "time":
        return [datetime.fromisoformat(value) for value in values]
    return list(values)


if __name__ == "__main__":
    convert(sys.argv[1], sys.stdin.buffer, sys.stdout.buffer)
