"""Imports of one recording that a program sent, by the same stages as those from the server."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from accounts.services.audit import record
from retrieval.catalogue.manifest import COLUMNS, ManifestEntry, RowProblem
from retrieval.models import JobState, LibraryImport
from retrieval.services.clips import metadata_problem
from retrieval.services.deletion import discard_files
from retrieval.storage import content_store

_FOLDER: Final = "sent-recordings"


class MetadataError(Exception):
    """What was said of a recording is not valid; its file was not kept."""

    def __init__(self, problem: RowProblem) -> None:
        super().__init__(problem.detail)
        self.code = problem.code


@transaction.atomic
def request_sent_import(
    *, entry: ManifestEntry, sha256: str, requested_by: int | None
) -> LibraryImport:
    """Keep a recording and add the job that imports it.

    The file is kept beside the recordings, where web server and workers see it, and in the
    transaction of the row that names it: it is kept as long as the job needs it, and no longer.

    Raises
    ------
    MetadataError
        If the metadata is not valid.
    StorageError
        If the file cannot be stored.
    """
    problem = entry.problem or metadata_problem(entry=entry)
    if problem is not None:
        raise MetadataError(problem)
    # A source of its own: outcomes belong to a source and a path.
    job = LibraryImport(source=f"/sent/{uuid.uuid4()}", requested_by=requested_by)
    job.sent_row = _row(entry)
    job.sent_file = content_store.keep(entry.file, folder=_FOLDER, sha256=sha256, suffix="")
    job.full_clean()
    job.save(force_insert=True)
    record(
        action="import.requested",
        subject=f"import {job.pk}",
        actor_id=requested_by,
        sent=entry.path,
        sha256=sha256,
    )
    return job


def sent_entries(*, job: LibraryImport, scratch: Path) -> list[ManifestEntry]:
    """Return the recording of a job as an entry of a manifest."""
    row: dict[str, Any] = job.sent_row
    file = content_store.local_file(str(job.sent_file.name), scratch=scratch)
    return [ManifestEntry(**row | {"tags": tuple(row["tags"]), "file": file})]


@transaction.atomic
def discard_sent_file(*, import_id: int) -> bool:
    """Discard the file of a job that has ended; return whether there was one.

    Before the end, which only the owner of the lease can reach, another attempt may need it.
    """
    ended = _ended_with_file().select_for_update(no_key=True).filter(pk=import_id).first()
    if ended is None:
        return False
    discard_files(names=[str(ended.sent_file.name)])
    LibraryImport.objects.filter(pk=import_id).update(sent_file="")
    return True


def discard_sent_files() -> int:
    """Discard the files of all jobs that have ended; return how many."""
    ids = list(_ended_with_file().values_list("pk", flat=True))
    return sum(discard_sent_file(import_id=import_id) for import_id in ids)


def _ended_with_file() -> QuerySet[LibraryImport]:
    ended = LibraryImport.objects.filter(state__in=[JobState.DONE, JobState.FAILED])
    return ended.exclude(sent_file="")


def _row(entry: ManifestEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in COLUMNS} | {"tags": list(entry.tags)}
