"""Make a backup while the site runs."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import django
from django.core.files.storage import default_storage
from django.db import connections, transaction

from retrieval.models import Library
from retrieval.selectors.deletion import deletions_since
from retrieval.selectors.media_files import NamedFile, is_named, named_files
from soundscape_site.backups.layout import (
    DATABASE,
    FORMAT,
    MEDIA,
    MEDIA_HASHES,
    BackupError,
    BackupManifest,
    TableCopy,
)
from soundscape_site.backups.tables import copy_out, sequence_values, tables_in_order

_NAMES: Final = ".names"
_ONE_INSTANT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
# A deletion is dated by its beginning; its commit may follow the instant of the rows.
_LONGEST_DELETION: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """The database at the backup's instant, by its own clock."""

    instant: datetime
    tables: list[TableCopy]
    sequences: dict[str, int]
    library: dict[str, Any]
    migrations: list[str]
    versions: dict[str, str]
    files: int


@dataclass(slots=True)
class CopiedFiles:
    """Progress and outcome of copying the files."""

    total: int = 0
    done: int = 0
    bytes: int = 0
    damaged: list[str] = field(default_factory=list)
    sha256: str = ""


def save_backup(
    folder: Path, *, using: str, on_progress: Callable[[CopiedFiles], None] = lambda _: None
) -> BackupManifest:
    """Write a backup into a new or empty folder; `using` is the owner's connection.

    The rows come first, in one transaction; then every file that they name. Files never change, so
    copying them later is safe. Scenes that are deleted meanwhile are recorded in the manifest.

    Raises
    ------
    BackupError
        If the folder is not empty.
    """
    _make_empty(folder)
    rows = _save_rows(folder, using=using)
    copied = CopiedFiles(total=rows.files)
    _copy_files(_read_names(folder), folder, copied, on_progress)
    (folder / _NAMES).unlink()
    manifest = BackupManifest(
        format=FORMAT,
        made_at=rows.instant.isoformat(),
        versions=rows.versions,
        library=rows.library,
        migrations=rows.migrations,
        tables=rows.tables,
        sequences=rows.sequences,
        media_files=copied.done,
        media_bytes=copied.bytes,
        media_sha256=copied.sha256,
        deleted_meanwhile=_deleted_since(rows.instant),
        damaged=copied.damaged,
    )
    manifest.write(folder)
    return manifest


def _make_empty(folder: Path) -> None:
    """Create the folder, readable by its user only: the rows contain personal data."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty: name a new or an empty folder.")
    for name in (DATABASE, MEDIA):
        (folder / name).mkdir(mode=0o700)


def _save_rows(folder: Path, *, using: str) -> _Rows:
    """Write all rows in one transaction, and a list of the files that they name."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(_ONE_INSTANT)
        cursor.execute("SELECT app || '.' || name FROM django_migrations ORDER BY id")
        migrations = [name for (name,) in cursor.fetchall()]
        cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        ((vector,),) = cursor.fetchall()
        cursor.execute("SELECT now(), current_setting('server_version')")
        ((instant, server),) = cursor.fetchall()
        tables = [
            copy_out(cursor, table, columns, folder)
            for table, columns in tables_in_order(cursor).items()
        ]
        library = Library.objects.using(using).get()
        files = _write_names(folder, using=using)
        return _Rows(
            instant=instant,
            tables=tables,
            sequences=sequence_values(cursor),
            library={"uuid": str(library.uuid), "snapshot": library.snapshot},
            migrations=migrations,
            versions={
                "django": django.get_version(),
                "postgresql": server,
                "pgvector": vector,
            },
            files=files,
        )


def _write_names(folder: Path, *, using: str) -> int:
    """List the files that the rows name, so that the transaction need not last for their copy."""
    count = 0
    with gzip.open(folder / _NAMES, "xt", encoding="utf-8", compresslevel=1) as stream:
        for file in named_files(using=using):
            stream.write(f"{file.name}\t{file.made_from}\n")
            count += 1
    return count


def _read_names(folder: Path) -> Iterator[NamedFile]:
    with gzip.open(folder / _NAMES, "rt", encoding="utf-8") as stream:
        for line in stream:
            name, _, made_from = line.rstrip("\n").partition("\t")
            yield NamedFile(name, made_from)


def _copy_files(
    files: Iterator[NamedFile],
    folder: Path,
    copied: CopiedFiles,
    on_progress: Callable[[CopiedFiles], None],
) -> None:
    """Copy files and list their hashes in the format of `sha256sum -c`."""
    listed = hashlib.sha256()
    with (folder / MEDIA_HASHES).open("wb") as hashes:
        for file in files:
            try:
                sha256, size = _copy(file.name, folder / MEDIA / file.name)
            except FileNotFoundError:
                if is_named(file.name):
                    copied.damaged.append(file.name)
                continue
            if file.is_as_named(sha256) is False:
                copied.damaged.append(file.name)
            line = f"{sha256}  {MEDIA}/{file.name}\n".encode()
            hashes.write(line)
            listed.update(line)
            copied.done += 1
            copied.bytes += size
            on_progress(copied)
        hashes.flush()
        os.fsync(hashes.fileno())
    copied.sha256 = listed.hexdigest()


def _copy(name: str, target: Path) -> tuple[str, int]:
    """Copy a stored file; return its hash and size."""
    digest, size = hashlib.sha256(), 0
    with default_storage.open(name, "rb") as source:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as copy:
            for block in source.chunks(1 << 20):
                digest.update(block)
                size += copy.write(block)
    return digest.hexdigest(), size


def _deleted_since(instant: datetime) -> list[dict[str, str]]:
    return [
        {"id": str(deleted.pk), "reason": deleted.reason}
        for deleted in deletions_since(instant - _LONGEST_DELETION)
    ]
