"""Imports in the background: one slice after the other, each an attempt of its own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from retrieval.catalogue.manifest import ManifestError, read_entries
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.engine.spaces.space import ClassSpace
from retrieval.models import LibraryImport
from retrieval.services.audio_profiles import audio_profilers
from retrieval.services.importing import ClipImporter, ImportReport
from retrieval.services.timed_jobs import HopelessJobError, Slice, Slicing

logger = logging.getLogger(__name__)


def request_import(source: str, *, requested_by: int | None = None) -> LibraryImport:
    """Record that a source is to be imported."""
    wanted = LibraryImport(source=source, requested_by=requested_by)
    wanted.full_clean()
    wanted.save(force_insert=True)
    return wanted


def run_slice(
    import_id: int,
    *,
    registry: ModelRegistry,
    spaces: Sequence[ClassSpace],
    batch_windows: int,
    slicing: Slicing,
) -> None:
    """Work on an import for a while; what is left is queued again."""

    def work(part: Slice) -> bool:
        source = LibraryImport.objects.get(pk=import_id).source
        importer = ClipImporter(
            source=source,
            pool=part.pool,
            profilers=audio_profilers(spaces, registry),
            scratch=part.scratch,
            batch_windows=batch_windows,
            on_progress=_log,
            should_stop=part.is_over,
        )
        try:
            report = importer.run(read_entries(Path(source)))
        except ManifestError as error:
            raise HopelessJobError(str(error), code="manifest_invalid") from error
        return not report.stopped_early

    slicing.run(LibraryImport, import_id, work)


def _log(report: ImportReport) -> None:
    logger.debug("import: %d entries settled", report.settled)
