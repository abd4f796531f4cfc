"""The table of permissions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_ALL: Final = "-"
_GAP: Final = "  "

Answers = Mapping[str, Mapping[str, str]]  # by method and role


@dataclass(frozen=True, slots=True)
class Row:
    """The answers that some methods give for some objects of a route, by role."""

    route: str
    objects: str  # which objects the address names, separated by commas; - for all
    methods: tuple[str, ...]
    cells: Mapping[str, str]


def rows_of(route: str, answers: Mapping[str, Answers]) -> Iterator[Row]:
    """Group objects and methods with the same answers; `answers` is by object."""
    groups: dict[tuple[tuple[str, ...], tuple[tuple[str, str], ...]], list[str]] = {}
    for kind, by_method in answers.items():
        same: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for method in METHODS:
            same.setdefault(tuple(by_method[method].items()), []).append(method)
        for cells, methods in same.items():
            groups.setdefault((tuple(methods), cells), []).append(kind)
    for (grouped, cells), kinds in groups.items():
        objects = _ALL if len(kinds) == len(answers) else ",".join(kinds)
        yield Row(route, objects, grouped, dict(cells))


def written(rows: Iterable[Row], roles: Iterable[str], preface: str) -> str:
    """Return the table as text with aligned columns, below a preface in comments."""
    lines = [
        ("route", "object", *roles, "methods"),
        *((row.route, row.objects, *row.cells.values(), " ".join(row.methods)) for row in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = [
        _GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    comments = [f"# {line}".rstrip() for line in preface.strip().splitlines()]
    return "\n".join([*comments, "", *table, ""])


def read(text: str) -> list[Row]:
    """Return the rows of a written table."""
    head, *lines = [line.split() for line in text.splitlines() if line and line[0] != "#"]
    roles = head[2:-1]
    return [
        Row(
            route,
            objects,
            tuple(rest[len(roles) :]),
            dict(zip(roles, rest[: len(roles)], strict=True)),
        )
        for route, objects, *rest in lines
    ]
