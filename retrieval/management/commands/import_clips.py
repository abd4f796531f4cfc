"""`manage.py import_clips MANIFEST.csv|FOLDER [--json]`."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from retrieval.catalogue.manifest import (
    ManifestError,
    count_entries,
    read_entries,
    storable,
)
from retrieval.decoding.outcome import DecoderAwayError
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.errors import EngineError
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.jobs.priority import stepping_back
from retrieval.management.counting import Counting
from retrieval.management.guards import require_migrated_database
from retrieval.selectors.networks import available_spaces
from retrieval.services.audio_profiles import audio_profilers
from retrieval.services.importing import ClipImporter, ImportReport
from retrieval.storage.content_store import StorageError
from retrieval.storage.scratch import scratch_folder


class Command(BaseCommand):
    """Import recordings into the library."""

    help = (
        "Import the recordings of a manifest (CSV) or of a folder. Files already in the library "
        "are recognised by content; an interrupted import goes on where it stopped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("source", type=Path, help="a manifest.csv, or a folder of recordings")
        parser.add_argument("--json", action="store_true", help="print a report as one JSON object")

    def handle(self, *, source: Path, json: bool, **options: Any) -> None:
        """Run the import and report."""
        require_migrated_database()
        started = time.monotonic()
        try:
            with stepping_back():  # a site on the same machine goes first
                report = self._import(source.resolve(), quiet=json)
        except (ManifestError, EngineError) as error:
            raise CommandError(str(error)) from error
        except (OSError, StorageError, DecoderAwayError) as error:
            raise CommandError(
                f"The import stopped: {error}. What was imported stays; the same command goes on."
            ) from error
        seconds = time.monotonic() - started
        if json:
            self.stdout.write(_as_json(report, seconds))
        else:
            self._print(report, seconds)

    def _import(self, source: Path, *, quiet: bool) -> ImportReport:
        total = count_entries(source)
        with (
            Counting("Importing", total=total, quiet=quiet) as counting,
            scratch_folder(settings.SOUNDSCAPE_SCRATCH_DIRECTORY) as scratch,
            DecodingPool(processes=settings.SOUNDSCAPE_DECODING_PROCESSES) as pool,
        ):
            pool.warm()  # children start while the model is loaded here
            registry = ModelRegistry(settings.SOUNDSCAPE_MODELS_DIRECTORY)
            importer = ClipImporter(
                source=storable(str(source)),
                pool=pool,
                profilers=audio_profilers(available_spaces(), registry),
                scratch=scratch,
                batch_windows=settings.SOUNDSCAPE_IMPORT_BATCH_WINDOWS,
                on_progress=lambda report: counting.show(done=report.settled, rate=_rate(report)),
            )
            return importer.run(read_entries(source))

    def _print(self, report: ImportReport, seconds: float) -> None:
        rate = report.audio_seconds / seconds
        self.stdout.write(
            f"{report.imported} imported, {report.duplicates} already there, "
            f"{len(report.failed)} failed; {report.audio_seconds:.0f} s of sound in "
            f"{seconds:.1f} s ({rate:.0f} times real time)."
        )
        for path, problem in report.failed:
            self.stderr.write(f"  {path}: {problem.detail} [{problem.code}]")


def _rate(report: ImportReport) -> Callable[[float], str]:
    return lambda elapsed_s: (
        f"{report.audio_seconds / elapsed_s:.0f}x real time, {len(report.failed)} failed"
    )


def _as_json(report: ImportReport, seconds: float) -> str:
    return json.dumps(
        {
            "imported": report.imported,
            "duplicates": report.duplicates,
            "failed": [{"path": path, "code": problem.code} for path, problem in report.failed],
            "audio_seconds": round(report.audio_seconds, 3),
            "seconds": round(seconds, 3),
            "realtime_factor": round(report.audio_seconds / seconds, 2),
        }
    )
