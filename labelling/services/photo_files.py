"""Read the photos of a folder or zip file, with the licences that its `photos.csv` gives them.

Hidden files, what macOS adds (`__MACOSX`) and files without the suffix of a picture are left out.
Pictures of a format that the site cannot read are kept: they fail with the decoder's reason. Names
in a zip file are only ever shown and compared: no file is written under them.
"""

from __future__ import annotations

import csv
import io
import os
import struct
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from django.core.exceptions import ValidationError

from labelling.models import SetPhoto
from retrieval.catalogue.licences import LICENCES, UNKNOWN
from retrieval.catalogue.manifest import ManifestError, RowProblem, storable

CREDITS_FILE: Final = "photos.csv"
PARTIAL_CREDITS_FILE: Final = "photos.part.csv"
"""Stands for `photos.csv` in a part of an upload, whose other photos are in other zip files."""
LISTING_FILE: Final = "photos.list"
"""Names all photos of an upload in one of its parts, which tells the rows that have no photo."""
_TABLES: Final = frozenset({CREDITS_FILE, PARTIAL_CREDITS_FILE, LISTING_FILE})

COLUMNS: Final = ("path", "author", "license", "source_url")
MOST_FILES: Final = 20_000
_ENTRIES_PER_PHOTO: Final = 3  # its folder, and what macOS packs beside it
_MOST_CREDITS_BYTES: Final = 10_000_000
PHOTO_SUFFIXES: Final = frozenset({
    ".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png",
    ".tif", ".tiff", ".webp",
})  # fmt: skip
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED: Final = 0x1  # a bit of an entry's flags
DAMAGED: Final = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError,
    ValueError,
)  # fmt: skip
"""What Python's zipfile raises for files that are damaged, or not meant for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoCredit:
    """Licence and origin of a photo."""

    author: str = ""
    license: str = UNKNOWN
    source_url: str = ""


class TooManyPhotosError(ManifestError):
    """More photos than one import takes."""

    def __init__(self) -> None:
        super().__init__(f"At most {MOST_FILES} photos can be imported at once.")


class PhotoFileError(Exception):
    """A file that cannot be read; the others can."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.problem = RowProblem(code, detail)


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photo to import.

    `read` takes the most bytes that are wanted and returns at most one more; it raises
    `PhotoFileError`.
    """

    path: str
    credit: PhotoCredit
    read: Callable[[int], bytes]
    problem: RowProblem | None = None

    @property
    def name(self) -> str:
        """The file's name without its folders."""
        return PurePosixPath(self.path).name


@dataclass(slots=True)
class _Credits:
    """The rows of `photos.csv` by path; those of which no photo was found are left over."""

    default: PhotoCredit
    rows: dict[str, tuple[PhotoCredit, RowProblem | None]] = field(default_factory=dict)
    found: set[str] = field(default_factory=set)
    is_partial: bool = False
    listed: Iterable[str] | None = None

    def photo(self, path: str, *, key: str, read: Callable[[int], bytes]) -> PhotoFile:
        """Return a photo with its credit."""
        key = _comparable(key)
        self.found.add(key)
        credit, problem = self.rows.get(key, (self.default, None))
        return PhotoFile(path, credit, read, problem)

    def missing(self) -> Iterator[PhotoFile]:
        """Yield rows without a photo, as problems."""
        if self.is_partial and self.listed is None:
            return
        found = self.found.union(map(_comparable, self.listed or ()))
        for key, (credit, _) in self.rows.items():
            if key not in found:
                detail = f"{CREDITS_FILE} names it, but there is no such photo."
                problem = RowProblem("file_missing", detail)
                yield PhotoFile(storable(key), credit, _nothing, problem)


def is_photo_name(*, path: str) -> bool:
    """Return whether a file is taken for a photo, by its name alone."""
    parts = PurePosixPath(path).parts
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return bool(parts) and not hidden and PurePosixPath(path).suffix.lower() in PHOTO_SUFFIXES


def photos_in_folder(*, folder: Path, default: PhotoCredit) -> list[PhotoFile]:
    """Return the photos in a folder and its subfolders, in the order of their paths.

    Links to folders are not followed.

    Raises
    ------
    ManifestError
        If the folder or its `photos.csv` cannot be read.
    TooManyPhotosError
        If there are more than `MOST_FILES`.
    """
    unreadable: list[OSError] = []
    files = sorted(
        Path(directory, name).relative_to(folder)
        for directory, _, names in os.walk(folder, onerror=unreadable.append)
        for name in names
    )
    if unreadable:
        raise ManifestError(f"{unreadable[0].filename} cannot be read: {unreadable[0].strerror}.")
    paths = {str(path): path for path in files if is_photo_name(path=path.as_posix())}
    _check_number(paths)
    table = _Credits(default)
    if (folder / CREDITS_FILE).is_file():
        content = _read_file(folder / CREDITS_FILE, _MOST_CREDITS_BYTES)
        _read_credits(content, into=table)
    found = [
        table.photo(storable(name), key=name, read=partial(_read_file, folder / path))
        for name, path in paths.items()
    ]
    return [*found, *table.missing()]


class PhotoArchive(zipfile.ZipFile):
    """A zip file with a bounded number of entries, of which each takes memory.

    Raises
    ------
    TooManyPhotosError
        While its directory is read, when it has more.
    """

    @property
    def filelist(self) -> list[zipfile.ZipInfo]:
        """The entries; `zipfile` adds one after the other."""
        return self._entries

    @filelist.setter
    def filelist(self, entries: Iterable[zipfile.ZipInfo]) -> None:
        self._entries = _Entries(entries)


class _Entries(list[zipfile.ZipInfo]):
    def append(self, entry: zipfile.ZipInfo) -> None:
        if len(self) >= _ENTRIES_PER_PHOTO * MOST_FILES:
            raise TooManyPhotosError
        super().append(entry)


def photos_in_archive(*, archive: PhotoArchive, default: PhotoCredit) -> list[PhotoFile]:
    """Return the photos of a zip file, in the order of their paths.

    A folder that holds all of them, as programs add one when they pack a folder, is left out of
    their paths. Of two entries of one name the second gets another name.

    Raises
    ------
    ManifestError
        If its `photos.csv` cannot be read.
    TooManyPhotosError
        If there are more than `MOST_FILES`.
    """
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    root = _root_of([entry.filename for entry in entries])
    names = _Names()
    named: dict[str, zipfile.ZipInfo] = {}
    table = _Credits(default)
    for entry in entries:
        path = entry.filename.removeprefix(root)
        if path in _TABLES:
            try:
                content = _read_entry(archive, entry, _MOST_CREDITS_BYTES)
            except PhotoFileError as error:
                raise ManifestError(str(error)) from error
            if path == LISTING_FILE:
                lines = content.decode("utf-8", "replace").split("\n")
                table.listed = [line.removeprefix(root) for line in lines if line]
            else:
                table.is_partial = path == PARTIAL_CREDITS_FILE
                _read_credits(content, into=table)
        elif is_photo_name(path=path):
            named[names.of(storable(path))] = entry
            _check_number(named)
    found = [
        table.photo(path, key=path, read=partial(_read_entry, archive, entry))
        for path, entry in sorted(named.items())
    ]
    return [*found, *table.missing()]


def pack(*, files: Iterable[tuple[str, IO[bytes]]]) -> bytes:
    """Return a zip file, without compression, of a part of an upload."""
    content = io.BytesIO()
    names = _Names()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for path, stream in files:
            pure = PurePosixPath(path)
            is_credits = pure.name == CREDITS_FILE
            name = names.of(str(pure.with_name(PARTIAL_CREDITS_FILE) if is_credits else pure))
            archive.writestr(zipfile.ZipInfo(name), stream.read())
    return content.getvalue()


def _check_number(paths: Collection[str]) -> None:
    if len(paths) > MOST_FILES:
        raise TooManyPhotosError


def _root_of(names: Sequence[str]) -> str:
    """Return the folder that holds all photos and the credits, or nothing."""
    wanted = [
        name for name in names if is_photo_name(path=name) or PurePosixPath(name).name in _TABLES
    ]
    tops = {name.partition("/")[0] for name in wanted}
    folder = f"{next(iter(tops))}/" if len(tops) == 1 else ""
    return folder if all(name.startswith(folder) for name in wanted) else ""


class _Names:
    """Gives each path a name that no other has."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._given: Counter[str] = Counter()

    def of(self, path: str) -> str:
        """Return a path, or another one if it is taken."""
        name, pure = path, PurePosixPath(path)
        while name in self._taken:
            self._given[path] += 1  # goes on counting with the next of this name
            number = self._given[path] + 1
            name = storable(str(pure.with_name(f"{pure.stem} ({number}){pure.suffix}")))
        self._taken.add(name)
        return name


def _comparable(path: str) -> str:
    """Return a path in the form in which rows and files are compared.

    Windows writes backslashes, macOS decomposes letters with accents.
    """
    plain = unicodedata.normalize("NFC", path.replace("\\", "/"))
    return str(PurePosixPath(plain))


def _nothing(_most: int) -> bytes:
    return b""


def _read_file(path: Path, most: int) -> bytes:
    try:
        if not path.is_file():  # a pipe would never end
            raise PhotoFileError("file_not_regular", "It is not a regular file.")
        with path.open("rb") as stream:
            return stream.read(most + 1)
    except OSError as error:
        raise PhotoFileError("file_unreadable", f"It cannot be read: {error.strerror}.") from error


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    if entry.flag_bits & _ENCRYPTED:
        raise PhotoFileError("entry_encrypted", "It is protected by a password.")
    if entry.compress_type not in _METHODS:
        raise PhotoFileError("entry_unsupported", "It is packed by a method that is not supported.")
    try:
        with archive.open(entry) as stream:
            return stream.read(most + 1)
    except DAMAGED as error:
        raise PhotoFileError("entry_damaged", f"It is damaged in the zip file: {error}.") from error


def _read_credits(content: bytes, *, into: _Credits) -> None:
    if len(content) > _MOST_CREDITS_BYTES:
        raise ManifestError(f"{CREDITS_FILE} has more than {_MOST_CREDITS_BYTES} bytes.")
    try:
        text = content.decode("utf-8-sig")
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        header = [name.strip() for name in rows.fieldnames or ()]
        rows.fieldnames = header
        unknown = [name for name in header if name not in COLUMNS]
        if "path" not in header or unknown or len(set(header)) != len(header):
            raise ManifestError(
                f"{CREDITS_FILE} has the columns {', '.join(header)}; it may have "
                f"{', '.join(COLUMNS)}, each once, and must have path."
            )
        for row in rows:
            _add_row(row, into)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{CREDITS_FILE} is not a CSV file in UTF-8: {error}.") from error


def _add_row(row: Mapping[str | None, Any], table: _Credits) -> None:
    values = {name: (row.get(name) or "").strip() for name in COLUMNS}
    path = _comparable(values["path"])
    if not values["path"]:
        raise ManifestError(f"{CREDITS_FILE} has a row without a path.")
    credit = PhotoCredit(
        author=values["author"] or table.default.author,
        license=values["license"] or table.default.license,
        source_url=values["source_url"] or table.default.source_url,
    )
    problem = credit_problem(credit=credit)
    if row.get(None) is not None:
        problem = RowProblem("row_has_extra_fields", "Its row has too many cells: quote commas.")
    elif path in table.rows:
        problem = RowProblem("path_twice", f"{CREDITS_FILE} names it more than once.")
    table.rows[path] = (credit, problem)


def credit_problem(*, credit: PhotoCredit) -> RowProblem | None:
    """Return what is wrong with a credit."""
    if credit.license not in LICENCES:
        known = ", ".join(LICENCES)
        return RowProblem("licence_unknown", f"{credit.license!r} is not one of {known}.")
    photo = SetPhoto(author=credit.author, source_url=credit.source_url)
    try:
        photo.clean_fields(exclude=["photo_set", "scene", "photo_sha256", "license"])
    except ValidationError as error:
        field_name, messages = next(iter(error.message_dict.items()))
        return RowProblem(f"{field_name}_invalid", " ".join(messages))
    return None
