"""Write a report and its rows as files for other programs, all in one zip file."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import IO, Any, Final

from django.conf import settings
from django.utils import timezone

from labelling.reporting.columns import TABLES, Column
from labelling.reporting.report import Report
from labelling.reporting.rows import ReportRows
from labelling.reporting.tables import Row, aggregate_rows, grade_rows, pair_rows

_CONVERTER: Final = "labelling.reporting.parquet"
_CONVERSION_TIMEOUT_S: Final = 300.0
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_DICTIONARY: Final = ("table", "column", "kind", "unit", "values", "meaning")


class FileFormat(StrEnum):
    """Format of the tables in an export."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


def write_report_files(
    *,
    target: IO[bytes],
    kind: FileFormat,
    rows: ReportRows,
    report: Report,
    about: Mapping[str, Any],
) -> None:
    """Write a zip file with the tables of a report, the data dictionary and `versions.json`.

    The rows are never in memory as text: each table is written row by row.

    Parameters
    ----------
    target
        A file, written from its beginning.
    kind
        Format of the tables.
    rows, report
        The report and what it was made from.
    about
        What `versions.json` says about the report.
    """
    tables = {
        "pairs": pair_rows(rows),
        "grades": grade_rows(rows),
        "aggregates": aggregate_rows(report),
    }
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, table in tables.items():
            with _member(archive, f"{name}.{kind}", packed=kind == FileFormat.PARQUET) as member:
                _WRITERS[kind](member, name, table)
        with _member(archive, "dictionary.csv") as member:
            _write_dictionary(member)
        with _member(archive, "versions.json") as member:
            member.write(json.dumps(about, indent=1, ensure_ascii=False).encode())


def _member(archive: zipfile.ZipFile, name: str, *, packed: bool = False) -> IO[bytes]:
    info = zipfile.ZipInfo(name, timezone.now().timetuple()[:6])
    info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
    return archive.open(info, "w", force_zip64=True)


def _write_csv(member: IO[bytes], table: str, rows: Iterable[Row]) -> None:
    columns = TABLES[table]
    kinds = [column.kind for column in columns]
    with io.TextIOWrapper(member, "utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(column.name for column in columns)
        for row in rows:
            writer.writerow(map(_cell, kinds, row))


def _cell(kind: str, value: Any) -> Any:
    """Return a value as CSV has it; a text that a spreadsheet would compute gets a quote before."""
    if kind.endswith("s"):
        value = ";".join("" if one is None else str(one) for one in value)
    if kind in {"text", "texts"} and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _write_jsonl(member: IO[bytes], table: str, rows: Iterable[Row]) -> None:
    names = [column.name for column in TABLES[table]]
    for row in rows:
        member.write(_line(dict(zip(names, row, strict=True))))


def _write_parquet(member: IO[bytes], table: str, rows: Iterable[Row]) -> None:
    with tempfile.TemporaryFile() as lines, tempfile.TemporaryFile() as converted:
        lines.writelines(map(_line, rows))
        lines.seek(0)
        subprocess.run(
            [sys.executable, "-m", _CONVERTER, table],
            cwd=settings.BASE_DIR, stdin=lines, stdout=converted, check=True,
            timeout=_CONVERSION_TIMEOUT_S,
        )  # fmt: skip
        converted.seek(0)
        shutil.copyfileobj(converted, member)


def _line(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f"{text}\n".encode()


def _write_dictionary(member: IO[bytes]) -> None:
    with io.TextIOWrapper(member, "utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(_DICTIONARY)
        for table, columns in TABLES.items():
            writer.writerows((table, *_described(column)) for column in columns)


def _described(column: Column) -> Sequence[str]:
    return column.name, column.kind, column.unit, column.values, column.meaning


_WRITERS: Final = {
    FileFormat.CSV: _write_csv,
    FileFormat.JSONL: _write_jsonl,
    FileFormat.PARQUET: _write_parquet,
}
