"""The Celery tasks: each takes ids and makes one service call."""

from __future__ import annotations

from functools import cache
from uuid import UUID

from django.conf import settings

from retrieval.engine.networks.registry import ModelRegistry
from retrieval.jobs.policies import inference_task, ingest_task
from retrieval.jobs.transitions import StaleClaimError
from retrieval.jobs.worker_names import child_name
from retrieval.selectors.networks import available_spaces
from retrieval.services.exporting import run_export
from retrieval.services.importing.jobs import run_slice
from retrieval.services.matching import SoundFinder
from retrieval.services.profiling import run_profiling_slice
from retrieval.services.rematching import run_rematch
from retrieval.services.scenes import find_sounds
from retrieval.services.timed_jobs import Slicing

_SLICE_S = 240.0


@cache
def model_registry() -> ModelRegistry:
    """Return this process's networks, each loaded on first use."""
    return ModelRegistry(settings.SOUNDSCAPE_MODELS_DIRECTORY)


@cache
def sound_finder() -> SoundFinder:
    """Return this process's finder, which loads networks and indexes on first use."""
    return SoundFinder(
        settings.SOUNDSCAPE_MATCHER,
        registry=model_registry(),
        index_directory=settings.SOUNDSCAPE_INDEX_DIRECTORY,
    )


@inference_task("find_sounds_for_scene", throws=(StaleClaimError,))
def find_sounds_for_scene(scene_id: str, **_: object) -> None:
    """Find the sounds of one scene. Ignores unknown arguments of a newer release."""
    find_sounds(scene_id=UUID(scene_id), finder=sound_finder(), worker=child_name())


@inference_task("rematch_scene", throws=(StaleClaimError,))
def rematch_scene(rematch_id: int, **_: object) -> None:
    """Match a finished scene with the newest library."""
    run_rematch(rematch_id=rematch_id, finder=sound_finder(), worker=child_name())


@ingest_task("run_import", throws=(StaleClaimError,))
def run_import(import_id: int, **_: object) -> None:
    """Work on an import for some minutes; the sweeper requests the next slice."""
    run_slice(
        import_id=import_id,
        registry=model_registry(),
        spaces=available_spaces(),
        batch_windows=settings.SOUNDSCAPE_IMPORT_BATCH_WINDOWS,
        slicing=slicing(),
    )


@ingest_task("profile_library", throws=(StaleClaimError,))
def profile_library(profiling_id: int, **_: object) -> None:
    """Compute missing profiles of recordings for some minutes."""
    run_profiling_slice(
        profiling_id=profiling_id,
        registry=model_registry(),
        spaces=available_spaces(),
        slicing=slicing(),
    )


@ingest_task("export_data", throws=(StaleClaimError,))
def export_data(export_id: int, **_: object) -> None:
    """Put a person's data into a file."""
    run_export(
        export_id=export_id,
        scratch_directory=settings.SOUNDSCAPE_SCRATCH_DIRECTORY,
        worker=child_name(),
    )


def slicing() -> Slicing:
    """Return how this worker runs long jobs."""
    return Slicing(
        scratch_directory=settings.SOUNDSCAPE_SCRATCH_DIRECTORY,
        decoding_processes=settings.SOUNDSCAPE_DECODING_PROCESSES,
        slice_s=_SLICE_S,
        worker=child_name(),
    )
