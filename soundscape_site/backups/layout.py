"""The files of a backup's folder, and the manifest that describes them."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from retrieval.storage.content_store import sha256_of

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
DATABASE: Final = "database"
MEDIA: Final = "media"
MEDIA_HASHES: Final = "media.sha256"


class BackupError(Exception):
    """A backup cannot be made or restored; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCopy:
    """One table's rows: `database/<name>.copy.gz`, in the format of COPY."""

    name: str
    columns: list[str]
    rows: int
    sha256: str


@dataclass(slots=True, kw_only=True)
class BackupManifest:
    """Description of a backup, written last: a folder without it is incomplete.

    The fields with defaults are filled while the files are copied.

    Attributes
    ----------
    versions : dict[str, str]
        Versions of Django, PostgreSQL and pgvector.
    library : dict[str, Any]
        UUID and snapshot of the library.
    migrations : list[str]
        Applied migrations as ``app.name``; they define the tables' columns.
    tables : list[TableCopy]
        In an order in which they can be filled.
    sequences : dict[str, int]
        Last value of each sequence.
    media_files, media_bytes : int
        Number and total size of the copied files.
    media_sha256 : str
        Hash of `media.sha256`.
    deleted_meanwhile : list[dict[str, str]]
        Id and reason of scenes deleted while files were copied. Their rows are in the tables, some
        of their files are missing: `restore` deletes them again.
    damaged : list[str]
        Files that were missing, or did not match their name's hash, on the site itself.
    """

    format: int
    made_at: str
    versions: dict[str, str]
    library: dict[str, Any]
    migrations: list[str]
    tables: list[TableCopy]
    sequences: dict[str, int]
    media_files: int = 0
    media_bytes: int = 0
    media_sha256: str = ""
    deleted_meanwhile: list[dict[str, str]] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Write the manifest after everything that it describes is on disk."""
        draft = folder / f".{MANIFEST}"
        draft.write_text(json.dumps(asdict(self), indent=1))
        os.sync()  # one call instead of an fsync for each of thousands of files
        draft.replace(folder / MANIFEST)
        os.sync()

    @classmethod
    def read(cls, folder: Path) -> BackupManifest:
        """Read the manifest.

        Raises
        ------
        BackupError
            If it is missing, unreadable or of another format.
        """
        path = folder / MANIFEST
        try:
            fields = json.loads(path.read_text())
        except FileNotFoundError:
            raise BackupError(
                f"{folder} is no backup, or one that was not finished: it has no {MANIFEST}."
            ) from None
        except ValueError as error:
            raise BackupError(f"{path} cannot be read ({error}): use another backup.") from error
        if fields.get("format") != FORMAT:
            raise BackupError(
                f"{path} has format {fields.get('format')!r}, and this version reads {FORMAT}: "
                "restore it with the version that made it."
            )
        tables = [TableCopy(**table) for table in fields.pop("tables")]
        return cls(tables=tables, **fields)


def table_path(folder: Path, table: str) -> Path:
    """Return the path of a table's rows in a backup's folder."""
    return folder / DATABASE / f"{table}.copy.gz"


def require_unaltered(path: Path, sha256: str) -> None:
    """Check a file's hash.

    Raises
    ------
    BackupError
        If the file is missing, unreadable or altered.
    """
    try:
        found = sha256_of(path)
    except OSError as error:
        raise BackupError(f"{path} cannot be read ({error}): use another backup.") from error
    if found != sha256:
        raise altered(path)


def altered(path: Path) -> BackupError:
    """Return the error for a file whose hash does not match."""
    return BackupError(f"{path} was altered after the backup was made: use another backup.")
