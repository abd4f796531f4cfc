"""Imports in the background: one slice after the other, each an attempt of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from retrieval.decoding import DecodingPool
from retrieval.engine.errors import EngineError
from retrieval.engine.registry import ModelRegistry
from retrieval.engine.spaces import Space
from retrieval.manifest import ManifestError, read_entries
from retrieval.media import StorageError, is_full
from retrieval.models import LibraryImport
from retrieval.scratch import scratch_folder
from retrieval.services import jobs, leases
from retrieval.services.importing import ClipImporter, ImportReport
from retrieval.services.listening import listeners_for

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
    spaces: Sequence[Space],
    scratch_directory: Path,
    decoding_processes: int,
    batch_windows: int,
    slice_s: float,
    worker: str,
) -> bool:
    """Work on an import for a while; return whether more of it is left to do."""
    held = jobs.claim(LibraryImport, import_id, owner=worker, lease=leases.LEASE)
    if held is None:
        logger.info("import %s is not queued: nothing to do", import_id)
        return False
    source = LibraryImport.objects.get(pk=import_id).source
    deadline = time.monotonic() + slice_s
    try:
        with (
            leases.kept(held) as lease,
            scratch_folder(scratch_directory) as scratch,
            DecodingPool(processes=decoding_processes) as pool,
        ):
            pool.warm()
            importer = ClipImporter(
                source=source,
                pool=pool,
                listeners=listeners_for(spaces, registry),
                scratch=scratch,
                batch_windows=batch_windows,
                on_progress=_log,
                should_stop=lambda: lease.is_lost or time.monotonic() > deadline,
            )
            report = importer.run(read_entries(Path(source)))
            if report.stopped_early:
                pool.close()  # what was to come next is left to the next slice
    except ManifestError as error:
        jobs.fail(held, code="manifest_invalid", detail=str(error))
        return False
    except (StorageError, OSError) as error:  # nothing is wrong with the import
        if isinstance(error, OSError) and not is_full(error):
            raise
        logger.error("import %s waits for the disk: %s", import_id, error)
        jobs.pause(held)
        return True
    except EngineError as error:
        jobs.fail(held, code=error.code, detail=error.detail)
        return False
    if report.stopped_early:
        jobs.pause(held)
        return True
    jobs.finish(held)
    return False


def _log(report: ImportReport) -> None:
    logger.debug("import: %d entries settled", report.settled)
