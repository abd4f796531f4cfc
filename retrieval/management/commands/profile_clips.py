"""`manage.py profile_clips`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from retrieval.decoding.configured_limits import decoding_limits
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.jobs.priority import stepping_back
from retrieval.management.errors import failures_as_command_errors
from retrieval.management.guards import require_migrated_database
from retrieval.management.progress import ProgressDisplay
from retrieval.selectors.networks import available_spaces
from retrieval.selectors.profiling import unprofiled_clips
from retrieval.services.audio_profiles import AudioProfiler, audio_profilers
from retrieval.services.profiling import forget_failures, profile_clips
from retrieval.storage.scratch import scratch_folder


class Command(BaseCommand):
    """Compute missing profiles of recordings in the foreground."""

    help = (
        "Compute the missing profiles of all recordings. A running site does the same in the "
        "background."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument(
            "--retry-failed",
            action="store_true",
            help="also retry recordings that failed before",
        )

    def handle(self, *, retry_failed: bool, **options: Any) -> None:
        """Profile in each space; report what was done."""
        require_migrated_database()
        if retry_failed:
            forget_failures(spaces=available_spaces())
        registry = ModelRegistry(settings.SOUNDSCAPE_MODELS_DIRECTORY)
        # A site on the same machine has priority.
        with failures_as_command_errors(), stepping_back():
            for profiler in audio_profilers(spaces=available_spaces(), registry=registry):
                self._profile(profiler)

    def _profile(self, profiler: AudioProfiler) -> None:
        lacking = unprofiled_clips(profiler.space).count()
        if not lacking:
            self.stdout.write(f"{profiler.space.name}: every recording has its profile.")
            return
        with (
            ProgressDisplay(f"Profiling for {profiler.space.name}", total=lacking) as counting,
            scratch_folder(settings.SOUNDSCAPE_SCRATCH_DIRECTORY) as scratch,
            DecodingPool(
                processes=settings.SOUNDSCAPE_DECODING_PROCESSES, limits=decoding_limits()
            ) as pool,
        ):
            report = profile_clips(
                profiler=profiler,
                pool=pool,
                scratch=scratch,
                on_progress=lambda now: counting.show(
                    done=now.profiled + now.failed, rate=lambda _: f"{now.failed} failed"
                ),
            )
        self.stdout.write(
            f"{profiler.space.name}: {report.profiled} recordings profiled, {report.failed} failed."
        )
