"""Restore a backup into an empty site, or over existing data if told to."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from django.contrib.auth import get_user_model
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connections, transaction
from django.db.migrations.executor import MigrationExecutor

from retrieval.models import (
    Clip,
    DeletedScene,
    HeardOverride,
    Library,
    LibraryImport,
    PhotoBank,
    Scene,
)
from retrieval.services.deletion import delete_scene
from retrieval.storage.content_store import DRAFT_PREFIX, store
from retrieval.storage.listing import hash_and_size, stored_names
from soundscape_site.backups.layout import (
    MEDIA,
    MEDIA_HASHES,
    BackupError,
    BackupManifest,
    altered,
    require_unaltered,
    table_path,
)
from soundscape_site.backups.tables import (
    DERIVED,
    copy_in,
    set_sequence_values,
    tables_in_order,
    truncate,
)

_LOCK_WITHIN: Final = "SET LOCAL lock_timeout = '10s'"

MigrationKey = tuple[str, str]


def restore_backup(
    folder: Path,
    *,
    using: str,
    replace: bool = False,
    on_progress: Callable[[int, int], None] = lambda _files, _bytes: None,
) -> BackupManifest:
    """Restore a backup and check every hash; `using` is the owner's connection.

    The files come first, then all rows in one transaction: a failure leaves the database unchanged.
    The library gets a new UUID, so that indexes of another state are not used.

    Raises
    ------
    BackupError
        If the backup is damaged or does not fit this program or database, or if there is data here
        and `replace` is False.
    """
    manifest = BackupManifest.read(folder)
    for table in manifest.tables:
        require_unaltered(table_path(folder, table.name), table.sha256)
    require_unaltered(folder / MEDIA_HASHES, manifest.media_sha256)
    _prepare_tables(manifest, using=using, replace=replace)
    if not replace:
        _require_no_other_files(folder)
    _restore_files(folder, on_progress)
    _restore_rows(folder, manifest, using=using)
    call_command("migrate", database=using, verbosity=0)
    for deleted in manifest.deleted_meanwhile:
        delete_scene(
            scene_id=uuid.UUID(deleted["id"]), reason=DeletedScene.Reason(deleted["reason"])
        )
    return manifest


def _prepare_tables(manifest: BackupManifest, *, using: str, replace: bool) -> None:
    """Create the tables, or check that they are those of the backup's version."""
    executor = MigrationExecutor(connections[using])
    wanted: set[MigrationKey] = {
        (app, name) for app, _, name in (key.partition(".") for key in manifest.migrations)
    }
    unknown = sorted(wanted - set(executor.loader.disk_migrations))
    if unknown:
        raise BackupError(
            f"The backup was made by a newer version, or by one with other apps: {len(unknown)} "
            f"of its migrations are unknown here, {'.'.join(unknown[0])} first. Use that version."
        )
    present = set(executor.loader.applied_migrations)
    if present < wanted:  # new, or an interrupted restoration made some
        if not replace:
            _require_no_rows(using)
        for app, name in _last_of(wanted, executor):
            call_command("migrate", app, name, database=using, verbosity=0)
        return
    if present != wanted:
        first = ".".join(min(present ^ wanted))
        raise BackupError(
            f"The tables here are not those of the backup's version ({first} is in one of them "
            "only). Name a database that was never migrated: its tables are made as needed."
        )
    if not replace:
        _require_no_rows(using)


def _last_of(wanted: set[MigrationKey], executor: MigrationExecutor) -> list[MigrationKey]:
    """Return the migrations on which no other wanted one depends; applying them applies all."""
    graph = executor.loader.graph
    needed = {parent.key for key in wanted for parent in graph.node_map[key].parents}
    return sorted(wanted - needed)


def _require_no_rows(using: str) -> None:
    tables = set(connections[using].introspection.table_names())
    for model in (Clip, Scene, LibraryImport, HeardOverride, PhotoBank, get_user_model()):
        if model._meta.db_table in tables and model._default_manager.using(using).exists():
            name = model._meta.verbose_name_plural
            raise BackupError(
                f"The database holds {name} already. Restore into an empty one, or give --replace "
                "to delete every row in it."
            )


def _require_no_other_files(folder: Path) -> None:
    """Check the media folder; delete the drafts of an interrupted restoration, keep its files."""
    for name in stored_names():
        if PurePosixPath(name).name.startswith(DRAFT_PREFIX):
            default_storage.delete(name)
        elif not (folder / MEDIA / name).is_file():
            raise BackupError(
                f"The media folder holds other files already ({name}). Restore into an empty "
                "one, or give --replace; other files then stay for check_media to find."
            )


def _restore_files(folder: Path, on_progress: Callable[[int, int], None]) -> None:
    done_bytes = 0
    with (folder / MEDIA_HASHES).open() as listed:
        for done, line in enumerate(listed, start=1):
            sha256, _, path = line.rstrip("\n").partition("  ")
            name = path.removeprefix(f"{MEDIA}/")
            done_bytes += _restore_file(folder / path, name, sha256)
            on_progress(done, done_bytes)


def _restore_file(source: Path, name: str, sha256: str) -> int:
    """Store a file unless it already exists unaltered; return its size."""
    if default_storage.exists(name):
        present, size = hash_and_size(name)
        if present == sha256:
            return size
        default_storage.delete(name)
    try:
        with source.open("rb") as stream:
            checked = _Checked(stream, source, sha256)
            store(checked, name=name)  # type: ignore[arg-type] # only `read` is used
            return checked.size
    except FileNotFoundError as error:
        raise BackupError(f"{source} is missing: use another backup.") from error


class _Checked:
    """A stream that raises at its end if its hash is not the expected one."""

    def __init__(self, stream: BinaryIO, path: Path, sha256: str) -> None:
        self._stream, self._path, self._expected = stream, path, sha256
        self._digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._digest.update(data)
        self.size += len(data)
        if not data and self._digest.hexdigest() != self._expected:
            raise altered(self._path)
        return data


def _restore_rows(folder: Path, manifest: BackupManifest, *, using: str) -> None:
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(_LOCK_WITHIN)
        derived = DERIVED.intersection(tables_in_order(cursor))  # an earlier version has none
        truncate(cursor, [*(table.name for table in manifest.tables), *derived])
        for table in manifest.tables:
            rows = copy_in(cursor, table, folder)
            if rows != table.rows:
                raise BackupError(f"{table.name} got {rows} rows, not {table.rows}.")
        set_sequence_values(cursor, manifest.sequences)
        Library.objects.using(using).update(uuid=uuid.uuid4())
