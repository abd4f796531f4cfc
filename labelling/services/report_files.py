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
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Final

from django.utils import timezone

from labelling.reporting.columns import TABLES, Column
from labelling.reporting.tables import Row, aggregate_rows, grade_rows, pair_rows
from labelling.selectors.report_contents import ReportContents

_ROOT: Final = Path(__file__).resolve().parents[2]
_CONVERTER: Final = "labelling.reporting.parquet"
_CONVERSION_TIMEOUT_S: Final = 300.0
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_DICTIONARY: Final = ("table", "column", "kind", "unit", "values", "meaning")


class FileFormat(StrEnum):
    """Format of the tables in an export."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


def write_report_files(*, target: IO[bytes], kind: FileFormat, contents: ReportContents) -> None:
    """Write a zip file with the tables of a report, the data dictionary and `versions.json`.

    The tables are never in memory as text: they are written row by row.

    Parameters
    ----------
    target
        A file, written from its beginning.
    kind
        Format of the tables.
    contents
        The report and what it was made from.
    """
    tables = {
        "pairs": pair_rows(contents.rows),
        "grades": grade_rows(contents.rows),
        "aggregates": aggregate_rows(contents.report),
    }
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, table in tables.items():
            with _member(archive, f"{name}.{kind}", packed=kind == FileFormat.PARQUET) as member:
                _WRITERS[kind](member, name, table)
        with _member(archive, "dictionary.csv") as member:
            _write_dictionary(member)
        with _member(archive, "versions.json") as member:
            member.write(json.dumps(contents.about, indent=1, ensure_ascii=False).encode())


def _member(archive: zipfile.ZipFile, name: str, *, packed: bool = False) -> IO[bytes]:
    info = zipfile.ZipInfo(name, timezone.now().timetuple()[:6])
    info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
    return archive.open(info, "w", force_zip64=True)


def _write_csv(member: IO[bytes], table: str, rows: Iterable[Row]) -> None:
    columns = TABLES[table]
    cells = [_CELLS.get(column.kind, _same) for column in columns]
    with io.TextIOWrapper(member, "utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(column.name for column in columns)
        for row in rows:
            writer.writerow([cell(value) for cell, value in zip(cells, row, strict=True)])


def _same(value: Any) -> Any:
    return value


def _harmless(text: str) -> str:
    """Return a text with a quote before what a spreadsheet would compute."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _joined(values: Sequence[Any]) -> str:
    return ";".join(["" if one is None else str(one) for one in values])


_CELLS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "text": _harmless,
    "texts": lambda values: _harmless(_joined(values)),
    "ints": _joined,
    "floats": _joined,
}


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
            cwd=_ROOT, stdin=lines, stdout=converted, check=True,
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
