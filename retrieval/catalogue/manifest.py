"""Read manifests and folders of recordings to import."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from retrieval.catalogue.csv_rows import CsvError, Row, rows_of
from retrieval.catalogue.licences import LICENCES, UNKNOWN

COLUMNS: Final = (
    "path", "title", "tags", "author", "license", "license_url", "source_url", "collection",
)  # fmt: skip
AUDIO_SUFFIXES: Final = frozenset({
    ".3gp", ".aac", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".bwf", ".caf", ".dsf", ".f4a",
    ".flac", ".m4a", ".m4b", ".m4r", ".mid", ".midi", ".mka", ".mp2", ".mp3", ".mp4", ".mpc",
    ".mpga", ".oga", ".ogg", ".opus", ".ra", ".rf64", ".snd", ".spx", ".tta", ".w64", ".wav",
    ".wave", ".weba", ".webm", ".wma", ".wv",
})  # fmt: skip
"""Usual endings of sound files; those in formats that cannot be read are reported as failed."""

_COLLECTION_CHARACTERS: Final = 100
_TITLE_CHARACTERS: Final = 300
_CUT_ESCAPE: Final = re.compile(r"\\(x[0-9a-f]?)?$")
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


_OUTSIDE: Final = RowProblem(
    "outside_folder", "It is a link to a file outside of the folder: import that one's folder."
)


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
        deque(rows_of(source, columns=COLUMNS), maxlen=0)  # a damaged file imports nothing
        for row in rows_of(source, columns=COLUMNS):
            yield _entry(source.parent, row)
    except FileNotFoundError:
        raise ManifestError(f"{source} does not exist.") from None
    except CsvError as error:
        raise ManifestError(f"{source} {error}") from error
    except OSError as error:
        raise ManifestError(f"{source} cannot be read: {error.strerror}.") from error


def _entry(root: Path, row: Row) -> ManifestEntry:
    values = row.cells
    path = values["path"]
    return ManifestEntry(
        path=storable(path),
        file=_file_named(root, path),
        title=values["title"] or title_of_file(Path(path)),
        license=values["license"],
        tags=tuple(tag.strip() for tag in values["tags"].split(";") if tag.strip()),
        author=values["author"],
        license_url=values["license_url"],
        source_url=values["source_url"],
        collection=values["collection"],
        problem=_row_problem(values, extra=row.extra),
    )


def _file_named(root: Path, path: str) -> Path:
    """Return the file of a row, also if the disk has its name in another Unicode form.

    macOS stores decomposed names, and some programs write composed ones into lists.
    """
    if "\x00" in path or len(path) > MAX_PATH_CHARACTERS or (root / path).exists():
        return root / path
    folder = root
    for part in Path(path).parts:
        composed = unicodedata.normalize("NFC", part)
        folder /= part if (folder / part).exists() else _names_in(folder).get(composed, part)
    return folder


@lru_cache(maxsize=16)
def _names_in(folder: Path) -> Mapping[str, str]:
    """Return the names in a folder by their composed form."""
    try:
        return {unicodedata.normalize("NFC", one.name): one.name for one in folder.iterdir()}
    except OSError:
        return {}


def _row_problem(values: Mapping[str, str], *, extra: Sequence[str]) -> RowProblem | None:
    """Return the first error in a row."""
    path, licence = values["path"], values["license"]
    known = ", ".join(LICENCES)
    rules = (
        # Empty cells at the end are harmless, unless a comma has moved the licence.
        (
            not any(extra) and (not extra or licence in LICENCES),
            "row_has_extra_fields",
            f"Too many cells, {extra!r}: quote commas.",
        ),
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
    collection = _cut(storable(folder.resolve().name), _COLLECTION_CHARACTERS)
    for directory, subdirectories, names in os.walk(folder, onerror=unreadable.append):
        subdirectories.sort()
        for name in sorted(names):
            file = Path(directory, name)
            # Names that begin with a dot are notes of the file system, as macOS writes them.
            if file.suffix.lower() in AUDIO_SUFFIXES and not name.startswith("."):
                yield _file_entry(file, folder, collection)
        while unreadable:
            yield _unreadable_folder(unreadable.pop(), folder)
    while unreadable:
        yield _unreadable_folder(unreadable.pop(), folder)


def _file_entry(file: Path, folder: Path, collection: str) -> ManifestEntry:
    return ManifestEntry(
        path=storable(str(file.relative_to(folder))),
        file=file,
        title=title_of_file(Path(storable(file.name))),
        license=UNKNOWN,
        collection=collection,
        problem=None if _is_inside(file, folder) else _OUTSIDE,
    )


def _is_inside(file: Path, folder: Path) -> bool:
    try:
        return not file.is_symlink() or file.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a loop of links: whoever opens the file says so
        return True


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


def title_of_file(file: Path) -> str:
    """Return the title of a recording that has none of its own; it keeps the name's capitals."""
    words = " ".join(file.stem.replace("_", " ").replace("-", " ").split())
    return _cut(words[:1].upper() + words[1:], _TITLE_CHARACTERS) or file.name


def _cut(text: str, most: int) -> str:
    """Cut a text, but not within an escaped byte."""
    return text if len(text) <= most else _CUT_ESCAPE.sub("", text[:most])
