"""Background imports, run in time slices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from django.db import transaction

from accounts.services.audit import record
from retrieval.catalogue.manifest import ManifestEntry, ManifestError, read_entries
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.engine.spaces.space import ClassSpace
from retrieval.models import LibraryImport
from retrieval.services.audio_profiles import audio_profilers
from retrieval.services.importing.importer import ClipImporter
from retrieval.services.importing.outcomes import ImportReport
from retrieval.services.importing.sent import discard_sent_file, sent_entries
from retrieval.services.timed_jobs import PermanentJobError, Slicing, TimeSlice


@transaction.atomic
def request_import(*, source: str, requested_by: int | None = None) -> LibraryImport:
    """Add an import job for a source.

    Raises
    ------
    ValidationError
        If the source is not an absolute path.
    """
    job = LibraryImport(source=source, requested_by=requested_by)
    job.full_clean()
    job.save(force_insert=True)
    record(
        action="import.requested", subject=f"import {job.pk}", actor_id=requested_by, source=source
    )
    return job


@transaction.atomic
def record_command(*, source: str, report: ImportReport | None = None) -> None:
    """Record that a command starts to import a source, or what it has imported.

    The groups of an import are separate transactions, so the start has an entry of its own.
    """
    counts = {}
    if report is not None:
        counts = {
            "imported": report.imported,
            "duplicates": report.duplicates,
            "failed": len(report.failed),
        }
    record(
        action="import.started" if report is None else "import.finished",
        subject="library",
        actor_id=None,
        source=source,
        **counts,
    )


def run_slice(
    *,
    import_id: int,
    registry: ModelRegistry,
    spaces: Sequence[ClassSpace],
    batch_windows: int,
    slicing: Slicing,
) -> None:
    """Run one time slice of an import; an unfinished import is queued again."""

    def work(part: TimeSlice) -> bool:
        job = LibraryImport.objects.get(pk=import_id)
        importer = ClipImporter(
            source=job.source,
            pool=part.pool,
            profilers=audio_profilers(spaces=spaces, registry=registry),
            scratch=part.scratch,
            batch_windows=batch_windows,
            on_progress=lambda _report: None,
            should_stop=part.is_over,
        )
        try:
            report = importer.run(_entries(job, part.scratch))
        except ManifestError as error:
            raise PermanentJobError(str(error), code="manifest_invalid") from error
        return not report.stopped_early

    slicing.run(LibraryImport, import_id, work)
    discard_sent_file(import_id=import_id)


def _entries(job: LibraryImport, scratch: Path) -> Iterable[ManifestEntry]:
    if job.sent_row:
        return sent_entries(job=job, scratch=scratch)
    return read_entries(Path(job.source))
