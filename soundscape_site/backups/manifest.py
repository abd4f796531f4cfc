"""What a backup says of itself. Written last: a folder without it is no backup."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from soundscape_site.backups.errors import BackupError

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
DATABASE: Final = "database"
MEDIA: Final = "media"
MEDIA_HASHES: Final = "media.sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCopy:
    """One table's rows: `database/<name>.copy.gz`, as COPY writes them."""

    name: str
    columns: list[str]
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A backup's description.

    Attributes
    ----------
    versions : dict[str, str]
        What made it: Django, PostgreSQL, pgvector.
    library : dict[str, Any]
        Identity and snapshot of the library it was made of.
    migrations : list[str]
        Applied when it was made, as ``app.name``: the tables are as these leave them.
    tables : list[TableCopy]
        In an order in which they can be filled.
    sequences : dict[str, int]
        The last number that each gave.
    media_files, media_bytes : int
        How many files were copied, and how large they are together.
    media_sha256 : str
        Of the list `media.sha256`.
    deleted_meanwhile : list[dict[str, str]]
        Id and reason of scenes that were deleted while files were copied. Their rows are in the
        tables, some of their files are not: they are deleted again when the backup is restored.
    damaged : list[str]
        Files that were missing, or not what their name says, on the site itself.
    """

    format: int
    made_at: str
    versions: dict[str, str]
    library: dict[str, Any]
    migrations: list[str]
    tables: list[TableCopy]
    sequences: dict[str, int]
    media_files: int
    media_bytes: int
    media_sha256: str
    deleted_meanwhile: list[dict[str, str]]
    damaged: list[str]

    def write(self, folder: Path) -> None:
        """Write it, for good: whoever sees it sees all that it describes."""
        draft = folder / f".{MANIFEST}"
        with draft.open("w") as stream:
            json.dump(asdict(self), stream, indent=1)
            stream.flush()
        os.sync()  # thousands of files at once, instead of one by one
        draft.replace(folder / MANIFEST)
        os.sync()

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read it.

        Raises
        ------
        BackupError
            If there is none, or one of another format.
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
