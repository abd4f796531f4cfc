"""Read manifests and folders of recordings to import."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from retrieval.catalogue.licences import LICENCES, UNKNOWN

COLUMNS: Final = (
    "path", "title", "tags", "author", "license", "license_url", "source_url", "collection",
)  # fmt: skip
AUDIO_SUFFIXES: Final = frozenset({
    ".aac", ".aif", ".aiff", ".au", ".flac", ".m4a", ".mp3", ".mp4", ".oga", ".ogg", ".opus",
    ".wav", ".webm", ".wma", ".w64",
})  # fmt: skip
_COLLECTION_CHARACTERS: Final = 100
MAX_PATH_CHARACTERS: Final = 1000


class ManifestError(Exception):
    """The manifest cannot be read."""


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One recording to import; `problem` is the first error in its row."""

    path: str
    file: Path
    title: str
    license: str
    tags: tuple[str, ...] = ()
    author: str = ""
    license_url: str = ""
    source_url: str = ""
    collection: str = ""
    problem: RowProblem | None = None

    @property
    def digest(self) -> str:
        """Hash of the metadata."""
        values = (self.title, self.license, *self.tags, self.author, self.license_url)
        text = "\x1f".join((*values, self.source_url, self.collection))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row or file cannot be imported: a stable code and a sentence."""

    code: str
    detail: str


def storable(path: str) -> str:
    """Return a path as text that the database can store.

    NUL and bytes that are not UTF-8 are escaped. A text that is too long is cut and ends with its
    hash.
    """
    text = os.fsencode(path).decode("utf-8", "backslashreplace").replace("\x00", "\\x00")
    if len(text) <= MAX_PATH_CHARACTERS:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{text[: MAX_PATH_CHARACTERS - len(digest) - 1]}…{digest}"


def read_entries(source: Path) -> Iterator[ManifestEntry]:
    """Yield an entry for each row of a manifest, or each audio file of a folder.

    Raises
    ------
    ManifestError
        If the source does not exist, is not CSV, or lacks a column.
    """
    return _walk(source) if source.is_dir() else _read_csv(source)


def count_entries(source: Path) -> int:
    """Return the number of entries of a source."""
    return sum(1 for _ in read_entries(source))


def _read_csv(source: Path) -> Iterator[ManifestEntry]:
    try:
        with source.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream, strict=True)
            _check_header(source, rows.fieldnames or ())
            for row in rows:
                yield _entry(source.parent, row)
    except FileNotFoundError:
        raise ManifestError(f"{source} does not exist.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{source} is not a CSV file in UTF-8: {error}.") from error
    except OSError as error:
        raise ManifestError(f"{source} cannot be read: {error.strerror}.") from error


def _check_header(source: Path, header: Sequence[str]) -> None:
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise ManifestError(
            f"{source} lacks the columns {', '.join(missing)}; a manifest has {', '.join(COLUMNS)}."
        )
    twice = sorted({name for name in COLUMNS if header.count(name) > 1})
    if twice:
        raise ManifestError(f"{source} has the columns {', '.join(twice)} more than once.")


def _entry(root: Path, row: Mapping[str | None, Any]) -> ManifestEntry:
    values = {name: (row.get(name) or "").strip() for name in COLUMNS}
    path = values["path"]
    return ManifestEntry(
        path=storable(path),
        file=root / path,
        title=values["title"] or _title(Path(path)),
        license=values["license"],
        tags=tuple(tag.strip() for tag in values["tags"].split(";") if tag.strip()),
        author=values["author"],
        license_url=values["license_url"],
        source_url=values["source_url"],
        collection=values["collection"],
        problem=_row_problem(values, extra=row.get(None)),
    )


def _row_problem(values: Mapping[str, str], *, extra: object) -> RowProblem | None:
    """Return the first error in a row."""
    path, licence = values["path"], values["license"]
    known = ", ".join(LICENCES)
    rules = (
        (extra is None, "row_has_extra_fields", f"Too many cells, {extra!r}: quote commas."),
        (path, "path_required", "The row names no file."),
        (
            len(path) <= MAX_PATH_CHARACTERS,
            "path_too_long",
            f"The path has {len(path)} characters.",
        ),
        ("\x00" not in "".join(values.values()), "invalid_characters", "A cell contains NUL."),
        (
            licence,
            "licence_required",
            "The row names no licence; write `unknown` if it is unknown.",
        ),
        (licence in LICENCES, "licence_unknown", f"{licence!r} is not one of {known}."),
    )
    return next((RowProblem(code, detail) for holds, code, detail in rules if not holds), None)


def _walk(folder: Path) -> Iterator[ManifestEntry]:
    """Yield audio files in a fixed order, with the names of one folder at a time in memory.

    Links to folders are not followed, because they may form cycles.
    """
    unreadable: list[OSError] = []
    collection = folder.resolve().name[:_COLLECTION_CHARACTERS]
    for directory, subdirectories, names in os.walk(folder, onerror=unreadable.append):
        subdirectories.sort()
        for name in sorted(names):
            file = Path(directory, name)
            if file.suffix.lower() in AUDIO_SUFFIXES:
                yield _file_entry(file, folder, collection)
        while unreadable:
            yield _unreadable_folder(unreadable.pop(), folder)
    while unreadable:
        yield _unreadable_folder(unreadable.pop(), folder)


def _file_entry(file: Path, folder: Path, collection: str) -> ManifestEntry:
    return ManifestEntry(
        path=storable(str(file.relative_to(folder))),
        file=file,
        title=_title(Path(storable(file.name))),
        license=UNKNOWN,
        collection=storable(collection),
    )


def _unreadable_folder(error: OSError, folder: Path) -> ManifestEntry:
    path = Path(error.filename)
    if path == folder:
        raise ManifestError(f"{folder} cannot be read: {error.strerror}.")
    return ManifestEntry(
        path=storable(str(path.relative_to(folder))),
        file=path,
        title="",
        license=UNKNOWN,
        problem=RowProblem("folder_unreadable", f"The folder cannot be read: {error.strerror}."),
    )


def _title(file: Path) -> str:
    words = file.stem.replace("_", " ").replace("-", " ").split()
    return " ".join(words).capitalize() or file.name
