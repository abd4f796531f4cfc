"""Compute missing profiles of recordings that are in the library already."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from retrieval.decoding.outcome import decoded_recording
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.errors import DecodeError
from retrieval.engine.networks.backend import one_blas_thread
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.engine.recordings.analysis import RecordingFacts
from retrieval.engine.spaces.audio_scores import AudioScores
from retrieval.engine.spaces.space import ClassSpace
from retrieval.jobs import leases, transitions
from retrieval.models import Clip, JobState, LibraryProfiling, ProfileFailure
from retrieval.selectors.profiling import unprofiled_clips, unprofiled_count
from retrieval.services.audio_profiles import AudioProfiler, audio_profilers
from retrieval.services.clips import RECORDINGS_FOLDER, describe_clips, store_profiles
from retrieval.services.library import advance_snapshot
from retrieval.services.timed_jobs import Slicing, TimeSlice
from retrieval.storage import content_store
from retrieval.storage.listing import is_empty

logger = logging.getLogger(__name__)

_SUPERSEDED: Final = "model_superseded"
_KEY: Final = ("space_id", "model_version")

_GROUP_CLIPS: Final = 24
_GROUP_S: Final = 1800.0  # takes half a minute: no slice exceeds its limit by much


@dataclass(slots=True)
class ProfilingReport:
    """Counts of a run."""

    profiled: int = 0
    failed: int = 0
    stopped_early: bool = False


def request_missing_profiles(*, spaces: Sequence[ClassSpace]) -> list[LibraryProfiling]:
    """Create a job for each space in which profiles are missing; return the new jobs.

    A failed job is not requested again before `forget_failures`: it would most likely fail again,
    and one that kills its worker would kill every worker.
    """
    _end_superseded(spaces)
    lacking = [space for space in spaces if unprofiled_count(space.name, space.audio_model) > 0]
    wanted = [space for space in lacking if not _has_failed(space)]
    return [job for space in wanted if (job := _request(space)) is not None]


@transaction.atomic
def _end_superseded(spaces: Sequence[ClassSpace]) -> None:
    """Fail queued jobs whose model none of the spaces has: no worker would take them.

    Only the single sweeper decides this; during a release, a worker may be of the older one. Such
    a failure blocks nothing: after a downgrade the profiles are requested again.
    """
    known = {_key(space) for space in spaces}
    for job in LibraryProfiling.objects.filter(state=JobState.QUEUED):
        if (job.space_id, job.model_version) in known:
            continue
        held = transitions.claim(LibraryProfiling, job.pk, owner="sweeper", lease=leases.LEASE)
        if held is not None:
            detail = f"This program has no {job.model_version} for {job.space_id}."
            transitions.fail(held, code=_SUPERSEDED, detail=detail)


def _has_failed(space: ClassSpace) -> bool:
    """Say whether the last job for a space and its model failed, and log that."""
    last = _jobs_of(space).order_by("-pk").first()
    if last is None or last.state != JobState.FAILED or last.failure_code == _SUPERSEDED:
        return False
    logger.warning(
        "%s has failed: %s [%s]; `manage.py profile_clips --retry-failed` tries again",
        last,
        last.failure_detail,
        last.failure_code,
    )
    return True


def _jobs_of(space: ClassSpace) -> QuerySet[LibraryProfiling]:
    return LibraryProfiling.objects.filter(space_id=space.name, model_version=space.audio_model)


def _key(space: ClassSpace) -> tuple[str, str]:
    return space.name, space.audio_model


def _request(space: ClassSpace) -> LibraryProfiling | None:
    """Create a job, or return None if one is open."""
    # No `full_clean()`: the values are the program's own, and the database has the constraints.
    job = LibraryProfiling(space_id=space.name, model_version=space.audio_model)
    try:
        with transaction.atomic():
            job.save(force_insert=True)
    except IntegrityError:  # a constraint allows one open job per space and model
        return None
    return job


def forget_failures(*, spaces: Sequence[ClassSpace]) -> None:
    """Delete the failures of recordings and jobs with the current models, to allow a retry."""
    for space in spaces:
        _jobs_of(space).filter(state=JobState.FAILED).delete()
        ProfileFailure.objects.filter(space_id=space.name, model_version=space.audio_model).delete()


def profile_clips(
    *,
    profiler: AudioProfiler,
    pool: DecodingPool,
    scratch: Path,
    on_progress: Callable[[ProfilingReport], None] = lambda _report: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> ProfilingReport:
    """Compute and store the missing profiles of all recordings, a group at a time.

    Each group is stored atomically with a snapshot of its own; after an interruption, the next
    call continues. A recording that cannot be read any more is recorded as failed.

    Raises
    ------
    StorageError
        If the folder of recordings is missing or the scratch disk is full; no failure is recorded.
    DecoderUnavailableError
        If the decoding pool is unavailable; no failure is recorded.
    """
    report = ProfilingReport()
    last = 0
    while clips := _next_group(profiler.space, after=last):
        last = clips[-1].pk
        scored, failed = _score(clips, profiler, pool=pool, scratch=scratch)
        report.profiled += _store(scored, space=profiler.space)
        _store_failures(failed, space=profiler.space)
        report.failed += len(failed)
        on_progress(report)
        if should_stop():
            report.stopped_early = True
            break
    return report


def _next_group(space: ClassSpace, *, after: int) -> list[Clip]:
    """Return unprofiled recordings of at most half an hour together, at least one."""
    group: list[Clip] = []
    seconds = 0.0
    for clip in unprofiled_clips(space).filter(pk__gt=after).defer("peaks")[:_GROUP_CLIPS]:
        seconds += clip.duration_s
        if group and seconds > _GROUP_S:
            break
        group.append(clip)
    return group


def run_profiling_slice(
    *,
    profiling_id: int,
    registry: ModelRegistry,
    spaces: Sequence[ClassSpace],
    slicing: Slicing,
) -> None:
    """Work on missing profiles for a while; the rest is queued again.

    A job for an unknown model is left alone: it belongs to another release, whose worker will take
    it, or to none, and `request_missing_profiles` will end it.
    """
    wanted = LibraryProfiling.objects.filter(pk=profiling_id).values_list(*_KEY).first()
    space = next((space for space in spaces if _key(space) == wanted), None)
    if space is None:
        logger.info("profiling job %s is for a model that this program lacks", profiling_id)
        return
    (profiler,) = audio_profilers(spaces=[space], registry=registry)

    def work(part: TimeSlice) -> bool:
        report = profile_clips(
            profiler=profiler, pool=part.pool, scratch=part.scratch, should_stop=part.is_over
        )
        return not report.stopped_early

    slicing.run(LibraryProfiling, profiling_id, work)


def _score(
    clips: Sequence[Clip], profiler: AudioProfiler, *, pool: DecodingPool, scratch: Path
) -> tuple[list[tuple[Clip, AudioScores]], list[tuple[Clip, DecodeError]]]:
    folder = scratch / "profiling"
    folder.mkdir()
    waveforms = {clip.pk: folder / f"{clip.pk}.f32" for clip in clips}
    futures: list[tuple[Clip, Future[RecordingFacts]]] = [
        (
            clip,
            pool.submit_recording(
                content_store.local_file(str(clip.original.name), scratch=folder),
                waveform_paths={profiler.sample_rate_hz: waveforms[clip.pk]},
            ),
        )
        for clip in clips
    ]
    decoded, failed = [], []
    for clip, future in futures:
        try:
            decoded_recording(future, name=f"clip {clip.pk}")
        except DecodeError as error:
            logger.warning("clip %s: %s [%s]", clip.pk, error.detail, error.code)
            failed.append((clip, error))
        else:
            decoded.append(clip)
    if failed and is_empty(RECORDINGS_FOLDER):
        raise content_store.StorageError("the folder of recordings is missing or empty")
    with one_blas_thread():
        scores = profiler.score([waveforms[clip.pk] for clip in decoded]) if decoded else []
    shutil.rmtree(folder)
    return list(zip(decoded, scores, strict=True)), failed


@transaction.atomic
def _store(scored: Sequence[tuple[Clip, AudioScores]], *, space: ClassSpace) -> int:
    """Store the profiles that no other process has stored meanwhile; return how many."""
    if not scored:
        return 0
    snapshot = advance_snapshot()  # locks the library until commit
    clip_ids = [clip.pk for clip, _ in scored]
    lacking = set(unprofiled_clips(space).filter(pk__in=clip_ids).values_list("pk", flat=True))
    new = [(clip, scores) for clip, scores in scored if clip.pk in lacking]
    store_profiles(scored=new, space=space, snapshot=snapshot)
    describe_clips(scored=new, space=space)
    return len(new)


def _store_failures(failed: Sequence[tuple[Clip, DecodeError]], *, space: ClassSpace) -> None:
    ProfileFailure.objects.bulk_create(
        [
            ProfileFailure(
                clip=clip,
                space_id=space.name,
                model_version=space.audio_model,
                code=error.code,
                detail=error.detail,
            )
            for clip, error in failed
        ],
        ignore_conflicts=True,
    )
