"""Make a backup while the site runs."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import django
from django.core.files.storage import default_storage
from django.db import connections, transaction

from retrieval.models import Library
from retrieval.selectors.deletion import deletions_since
from retrieval.selectors.media_files import NamedFile, is_named, named_files
from retrieval.storage.content_store import sha256_of
from soundscape_site.backups.layout import (
    DATABASE,
    FORMAT,
    MEDIA,
    MEDIA_HASHES,
    BackupError,
    BackupManifest,
)
from soundscape_site.backups.tables import DERIVED, copy_out, sequence_values, tables_in_order

_NAMES: Final = ".names"
_ONE_INSTANT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_LONGEST_DELETION: Final = timedelta(hours=1)


def save_backup(
    folder: Path, *, using: str, on_progress: Callable[[BackupManifest], None] = lambda _: None
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
    manifest = _save_rows(folder, using=using)
    _copy_files(folder, manifest, on_progress)
    # A deletion is dated by its beginning; its commit may follow the instant of the rows.
    since = datetime.fromisoformat(manifest.made_at) - _LONGEST_DELETION
    manifest.deleted_meanwhile = [
        {"id": str(deleted.pk), "reason": deleted.reason} for deleted in deletions_since(since)
    ]
    manifest.write(folder)
    return manifest


def _make_empty(folder: Path) -> None:
    """Create the folder, readable by its user only: the rows contain personal data."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty: name a new or an empty folder.")
    for name in (DATABASE, MEDIA):
        (folder / name).mkdir(mode=0o700)


def _save_rows(folder: Path, *, using: str) -> BackupManifest:
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
            if table not in DERIVED
        ]
        library = Library.objects.using(using).get()
        _write_names(folder, using=using)
        return BackupManifest(
            format=FORMAT,
            made_at=instant.isoformat(),
            versions={
                "django": django.get_version(),
                "postgresql": server,
                "pgvector": vector,
            },
            library={"uuid": str(library.uuid), "snapshot": library.snapshot},
            migrations=migrations,
            tables=tables,
            sequences=sequence_values(cursor),
        )


def _write_names(folder: Path, *, using: str) -> None:
    """List the files that the rows name, so that the transaction need not last for their copy."""
    with gzip.open(folder / _NAMES, "xt", encoding="utf-8", compresslevel=1) as stream:
        for file in named_files(using=using):
            stream.write(f"{file.name}\t{file.made_from}\n")


def _read_names(folder: Path) -> Iterator[NamedFile]:
    with gzip.open(folder / _NAMES, "rt", encoding="utf-8") as stream:
        for line in stream:
            name, _, made_from = line.rstrip("\n").partition("\t")
            yield NamedFile(name, made_from)


def _copy_files(
    folder: Path, manifest: BackupManifest, on_progress: Callable[[BackupManifest], None]
) -> None:
    """Copy the listed files and write their hashes in the format of `sha256sum -c`."""
    hashes = folder / MEDIA_HASHES
    with hashes.open("w") as stream:
        for file in _read_names(folder):
            try:
                sha256, size = _copy(file.name, folder / MEDIA / file.name)
            except FileNotFoundError:
                if is_named(file.name):
                    manifest.damaged.append(file.name)
                continue
            if file.is_as_named(sha256) is False:
                manifest.damaged.append(file.name)
            stream.write(f"{sha256}  {MEDIA}/{file.name}\n")
            manifest.media_files += 1
            manifest.media_bytes += size
            on_progress(manifest)
    manifest.media_sha256 = sha256_of(hashes)
    (folder / _NAMES).unlink()


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
