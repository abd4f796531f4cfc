"""Read rows of CSV files as spreadsheets of all countries write them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_DELIMITERS: Final = ",;\t"


class CsvError(Exception):
    """The file is no CSV file with the columns; the message follows its name in a sentence."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its cells by column, without spaces around them, and cells beyond the columns."""

    cells: Mapping[str, str]
    extra: Sequence[str]


def rows_of(source: Path, *, columns: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a file that has at least these columns, but for empty rows.

    Commas, semicolons or tabs separate the cells. Capitals and spaces in the names of columns do
    not matter.

    Raises
    ------
    CsvError
        If the file is not CSV in UTF-8, or lacks a column.
    OSError
        If it cannot be read.
    """
    with source.open(newline="", encoding="utf-8-sig") as stream:
        lines = _Lines(stream)
        try:
            yield from _rows(lines, columns)
        except UnicodeDecodeError as error:
            raise CsvError(f"is not a CSV file in UTF-8: {error}.") from error
        except csv.Error as error:
            raise CsvError(f"is not a CSV file: {error}{lines.open_quote()}.") from error


def _rows(lines: _Lines, columns: Sequence[str]) -> Iterator[Row]:
    lines.delimiter = max(_DELIMITERS, key=lines.first_line().count)
    reader = csv.reader(lines, strict=True, delimiter=lines.delimiter)
    header = [name.strip().lower() for name in next(reader, [])]
    _check_header(header, columns)
    lines.end_row()
    for cells in reader:
        lines.end_row()
        stripped = [cell.strip() for cell in cells]
        if any(stripped):
            named = dict(zip(header, stripped, strict=False))
            yield Row(
                {name: named.get(name, "") for name in columns},
                stripped[len(header) :],
            )


def _check_header(header: Sequence[str], columns: Sequence[str]) -> None:
    missing = [name for name in columns if name not in header]
    if missing:
        raise CsvError(
            f"lacks the columns {', '.join(missing)}; a manifest has {', '.join(columns)}."
        )
    twice = sorted({name for name in columns if header.count(name) > 1})
    if twice:
        raise CsvError(f"has the columns {', '.join(twice)} more than once.")


class _Lines:
    """The lines of a file; those of the current row are kept, to say where a quote is open."""

    delimiter = ","

    def __init__(self, stream: Iterable[str]) -> None:
        self._stream = iter(stream)
        self._ahead: list[str] = []
        self._row: list[str] = []
        self._number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._ahead.pop() if self._ahead else next(self._stream)
        self._row.append(line)
        self._number += 1
        return line

    def first_line(self) -> str:
        """Return the first line, which is read again as a row."""
        self._ahead = [next(self._stream, "")]
        return self._ahead[0]

    def end_row(self) -> None:
        """Forget the lines of a row that has been read."""
        self._row.clear()

    def open_quote(self) -> str:
        """Return where a quotation mark of the current row opens that is never closed."""
        opened = None
        for number, line in enumerate(self._row, start=self._number - len(self._row) + 1):
            before = self.delimiter
            for character in line:
                if character == '"' and opened is not None:
                    opened = None
                elif character == '"' and before in {self.delimiter, '"'}:
                    opened = number
                before = character
        return "" if opened is None else f"; the quotation mark in line {opened} is never closed"
