"""`manage.py profile_clips`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from retrieval.decoding.outcome import DecoderUnavailableError
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.errors import EngineError
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.engine.spaces.space import all_spaces
from retrieval.jobs.priority import stepping_back
from retrieval.management.guards import require_migrated_database
from retrieval.management.progress import ProgressDisplay
from retrieval.selectors.profiling import unprofiled_clips
from retrieval.services.audio_profiles import AudioProfiler, audio_profilers
from retrieval.services.profiling import forget_failures, profile_clips
from retrieval.storage.content_store import StorageError
from retrieval.storage.scratch import scratch_folder


class Command(BaseCommand):
    """Describe recordings that lack a profile of this program's models, now and not later."""

    help = (
        "Give every recording of the library the profiles it lacks. A site does that by itself in "
        "the background; this is for those who would rather wait."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument(
            "--retry-failed",
            action="store_true",
            help="try those again that could not be described before",
        )

    def handle(self, *, retry_failed: bool, **options: Any) -> None:
        """Go through the spaces; say what was done."""
        require_migrated_database()
        if retry_failed:
            forget_failures(all_spaces())
        registry = ModelRegistry(settings.SOUNDSCAPE_MODELS_DIRECTORY)
        try:
            with stepping_back():  # a site on the same machine goes first
                for profiler in audio_profilers(all_spaces(), registry):
                    self._profile(profiler)
        except EngineError as error:
            raise CommandError(f"{error.detail} [{error.code}]") from error
        except (StorageError, DecoderUnavailableError) as error:
            raise CommandError(f"{error} [{error.code}]; call it again to go on") from error
        except OSError as error:
            raise CommandError(f"{error}; call it again to go on") from error

    def _profile(self, profiler: AudioProfiler) -> None:
        lacking = unprofiled_clips(profiler.space).count()
        if not lacking:
            self.stdout.write(f"{profiler.space.name}: every recording has its profile.")
            return
        with (
            ProgressDisplay(f"Profiling for {profiler.space.name}", total=lacking) as counting,
            scratch_folder(settings.SOUNDSCAPE_SCRATCH_DIRECTORY) as scratch,
            DecodingPool(processes=settings.SOUNDSCAPE_DECODING_PROCESSES) as pool,
        ):
            report = profile_clips(
                profiler,
                pool=pool,
                scratch=scratch,
                on_progress=lambda now: counting.show(
                    done=now.profiled + now.failed, rate=lambda _: f"{now.failed} failed"
                ),
            )
        self.stdout.write(
            f"{profiler.space.name}: {report.profiled} recordings described, "
            f"{report.failed} could not be."
        )
