"""`manage.py import_clips MANIFEST.csv|FOLDER [--json]`."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand

from retrieval.catalogue.manifest import count_entries, read_entries, storable
from retrieval.decoding.configured_limits import decoding_limits
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.jobs.priority import stepping_back
from retrieval.management.errors import failures_as_command_errors
from retrieval.management.guards import require_migrated_database
from retrieval.management.progress import ProgressDisplay
from retrieval.selectors.networks import available_spaces
from retrieval.services.audio_profiles import audio_profilers
from retrieval.services.importing import ClipImporter, ImportReport
from retrieval.services.importing.jobs import record_command
from retrieval.storage.scratch import scratch_folder

_NOTHING_USABLE: Final = 1
"""Exit status if every file failed."""


class Command(BaseCommand):
    """Import the recordings of a manifest (CSV) or of a folder.

    Files that are already in the library are skipped (compared by content). Run the same command
    again to continue an interrupted import.
    """

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument(
            "source", type=Path, metavar="SOURCE", help="a CSV manifest or a folder of recordings"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, source: Path, **options: Any) -> None:
        """Run the import and print the report."""
        require_migrated_database()
        started = time.monotonic()
        with failures_as_command_errors(), stepping_back():
            report = self._import(source.resolve(), quiet=options["json"])
        seconds = time.monotonic() - started
        if options["json"]:
            self.stdout.write(json.dumps(_as_data(report, seconds)))
        else:
            self._print(report, seconds)
        if report.failed and not report.imported + report.duplicates:
            raise SystemExit(_NOTHING_USABLE)

    def _import(self, source: Path, *, quiet: bool) -> ImportReport:
        total = count_entries(source)
        with (
            ProgressDisplay("Importing", total=total, quiet=quiet) as display,
            scratch_folder(settings.SOUNDSCAPE_SCRATCH_DIRECTORY) as scratch,
            DecodingPool(
                processes=settings.SOUNDSCAPE_DECODING_PROCESSES, limits=decoding_limits()
            ) as pool,
        ):
            pool.warm()  # starts its processes while this one loads the models
            registry = ModelRegistry(settings.SOUNDSCAPE_MODELS_DIRECTORY)
            importer = ClipImporter(
                source=storable(str(source)),
                pool=pool,
                profilers=audio_profilers(spaces=available_spaces(), registry=registry),
                scratch=scratch,
                batch_windows=settings.SOUNDSCAPE_IMPORT_BATCH_WINDOWS,
                on_progress=lambda report: display.show(done=report.settled, rate=_rate(report)),
            )
            record_command(source=importer.source)
            report = importer.run(read_entries(source))
            record_command(source=importer.source, report=report)
            return report

    def _print(self, report: ImportReport, seconds: float) -> None:
        self.stdout.write(
            f"{report.imported} imported, {report.duplicates} already in the library, "
            f"{len(report.failed)} failed; {report.audio_seconds:.0f} s of sound in "
            f"{seconds:.1f} s ({report.audio_seconds / seconds:.0f} times real time)."
        )
        for path, problem in report.failed:
            self.stderr.write(f"  {path}: {problem.detail} [{problem.code}]")


def _rate(report: ImportReport) -> Callable[[float], str]:
    return lambda elapsed_s: (
        f"{report.audio_seconds / elapsed_s:.0f}x real time, {len(report.failed)} failed"
    )


def _as_data(report: ImportReport, seconds: float) -> dict[str, Any]:
    return {
        "imported": report.imported,
        "duplicates": report.duplicates,
        "failed": [{"path": path, "code": problem.code} for path, problem in report.failed],
        "audio_seconds": round(report.audio_seconds, 3),
        "seconds": round(seconds, 3),
        "realtime_factor": round(report.audio_seconds / seconds, 2),
    }
