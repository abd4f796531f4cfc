"""Manifests: which recordings to import, where they come from, under what licence."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from retrieval.licences import LICENCES, UNKNOWN

COLUMNS: Final = (
    "path", "title", "tags", "author", "license", "license_url", "source_url", "collection",
)  # fmt: skip
AUDIO_SUFFIXES: Final = frozenset(
    [
        ".aac",
        ".aif",
        ".aiff",
        ".au",
        ".flac",
        ".m4a",
        ".mp3",
        ".mp4",
        ".oga",
        ".ogg",
        ".opus",
        ".wav",
        ".webm",
        ".wma",
        ".w64",
    ]
)


class ManifestError(Exception):
    """A manifest that cannot be read at all."""


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One recording to import; `problem` says what is wrong with its row."""

    path: str
    file: Path
    title: str
    license: str
    tags: tuple[str, ...] = ()
    author: str = ""
    license_url: str = ""
    source_url: str = ""
    collection: str = ""
    problem: RowProblem | None = field(default=None)


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row cannot be imported: a stable code and a sentence."""

    code: str
    detail: str


def read_entries(source: Path) -> Iterator[ManifestEntry]:
    """Yield the entries of a manifest file, or of a folder's audio files, one at a time.

    Raises
    ------
    ManifestError
        If the source does not exist, is no CSV, or lacks a column.
    """
    return _walk(source) if source.is_dir() else _read_csv(source)


def count_entries(source: Path) -> int:
    """Return how many entries the source has, for the progress bar; keeps none of them."""
    return sum(1 for _ in read_entries(source))


def _read_csv(source: Path) -> Iterator[ManifestEntry]:
    try:
        with source.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream, strict=True)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise ManifestError(
                    f"{source} lacks the columns {', '.join(missing)}; a manifest has "
                    f"{', '.join(COLUMNS)}."
                )
            for row in rows:
                yield _entry(source.parent, row)
    except FileNotFoundError:
        raise ManifestError(f"{source} does not exist.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{source} is not a CSV file in UTF-8: {error}.") from error


def _entry(root: Path, row: dict[str, str | None]) -> ManifestEntry:
    values = {name: (row.get(name) or "").strip() for name in COLUMNS}
    path = values["path"]
    return ManifestEntry(
        path=path,
        file=root / path,
        title=values["title"] or _title(Path(path)),
        license=values["license"],
        tags=tuple(tag.strip() for tag in values["tags"].split(";") if tag.strip()),
        author=values["author"],
        license_url=values["license_url"],
        source_url=values["source_url"],
        collection=values["collection"],
        problem=_row_problem(values),
    )


def _row_problem(values: dict[str, str]) -> RowProblem | None:
    if not values["path"]:
        return RowProblem("path_required", "The row names no file.")
    if any("\x00" in value for value in values.values()):
        return RowProblem("invalid_characters", "The row holds a NUL character.")
    if not values["license"]:
        return RowProblem("licence_required", "The row names no licence; write `unknown` if so.")
    if values["license"] not in LICENCES:
        known = ", ".join(LICENCES)
        return RowProblem(
            "licence_unknown", f"{values['license']!r} is not among the licences {known}."
        )
    return None


def _walk(folder: Path) -> Iterator[ManifestEntry]:
    """Yield audio files in a fixed order, holding no more than one folder's names."""
    for directory, subdirectories, names in os.walk(folder):
        subdirectories.sort()
        for name in sorted(names):
            file = Path(directory, name)
            if file.suffix.lower() in AUDIO_SUFFIXES:
                path = str(file.relative_to(folder))
                yield ManifestEntry(
                    path=path, file=file, title=_title(file), license=UNKNOWN,
                    collection=folder.resolve().name,
                )  # fmt: skip


def _title(file: Path) -> str:
    words = file.stem.replace("_", " ").replace("-", " ").split()
    return " ".join(words).capitalize() or file.name
