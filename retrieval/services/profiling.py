"""Describe recordings that are in the library already, in a new space or by a new model."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from retrieval.decoding.outcome import decoded_recording
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.errors import DecodeError
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.engine.recordings.analysis import RecordingFacts
from retrieval.engine.spaces.audio_scores import AudioScores
from retrieval.engine.spaces.space import ClassSpace
from retrieval.jobs import leases, transitions
from retrieval.models import Clip, JobState, LibraryProfiling, ProfileFailure
from retrieval.selectors.profiling import unprofiled_clips
from retrieval.services.audio_profiles import AudioProfiler, audio_profilers
from retrieval.services.clips import RECORDINGS_FOLDER, describe_clips, store_profiles
from retrieval.services.library import advance_snapshot
from retrieval.services.timed_jobs import Slice, Slicing
from retrieval.storage import content_store

logger = logging.getLogger(__name__)

_SUPERSEDED: Final = "model_superseded"
_KEY: Final = ("space_id", "model_version")

_GROUP_CLIPS: Final = 24
_GROUP_S: Final = 1800.0  # half a minute of listening: no slice overruns its limit by much


@dataclass(slots=True)
class ProfilingReport:
    """How far it is."""

    profiled: int = 0
    failed: int = 0
    stopped_early: bool = False


def owe_profiles(spaces: Sequence[ClassSpace]) -> list[LibraryProfiling]:
    """Record that profiles are missing, where they are and nobody knows yet; return what is new.

    What failed is not owed again before `forget_failures`: most likely it would fail again, and one
    that ends its worker would end it for ever.
    """
    _end_superseded(spaces)
    lacking = [space for space in spaces if unprofiled_clips(space).exists()]
    return [
        owed for space in lacking if not _is_given_up(space) and (owed := _owe(space)) is not None
    ]


@transaction.atomic
def _end_superseded(spaces: Sequence[ClassSpace]) -> None:
    """End what waits for a model that none of the spaces has: nobody will come for it.

    The one sweeper decides that, not a worker: while releases change, a worker may be the older
    one. It bars nothing: after a step back to the older release its profiles are owed anew.
    """
    known = {_key(space) for space in spaces}
    for wanted in LibraryProfiling.objects.filter(state=JobState.QUEUED):
        if (wanted.space_id, wanted.model_version) in known:
            continue
        held = transitions.claim(LibraryProfiling, wanted.pk, owner="sweeper", lease=leases.LEASE)
        if held is not None:
            detail = f"This program has no {wanted.model_version} for {wanted.space_id}."
            transitions.fail(held, code=_SUPERSEDED, detail=detail)


def _is_given_up(space: ClassSpace) -> bool:
    """Say whether the last job for a space and its model failed, and tell the operators."""
    last = _jobs_of(space).order_by("-pk").first()
    if last is None or last.state != JobState.FAILED or last.failure_code == _SUPERSEDED:
        return False
    logger.warning(
        "%s are given up: %s [%s]; `manage.py profile_clips --retry-failed` tries again",
        last,
        last.failure_detail,
        last.failure_code,
    )
    return True


def _jobs_of(space: ClassSpace) -> QuerySet[LibraryProfiling]:
    return LibraryProfiling.objects.filter(space_id=space.name, model_version=space.audio_model)


def _key(space: ClassSpace) -> tuple[str, str]:
    return space.name, space.audio_model


def _owe(space: ClassSpace) -> LibraryProfiling | None:
    """Record what is owed; None if it is owed already."""
    wanted = LibraryProfiling(space_id=space.name, model_version=space.audio_model)
    try:
        with transaction.atomic():
            wanted.save(force_insert=True)
    except IntegrityError:  # the database allows one open job for a space and a model
        return None
    return wanted


def forget_failures(spaces: Sequence[ClassSpace]) -> None:
    """Let recordings and jobs be tried again that failed with the models of now."""
    for space in spaces:
        _jobs_of(space).filter(state=JobState.FAILED).delete()
        ProfileFailure.objects.filter(space_id=space.name, model_version=space.audio_model).delete()


def profile_clips(
    profiler: AudioProfiler,
    *,
    pool: DecodingPool,
    scratch: Path,
    on_progress: Callable[[ProfilingReport], None] = lambda _report: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> ProfilingReport:
    """Give every recording the profile that it lacks, a group at a time.

    Each group is stored whole, searchable from a snapshot of its own on; interrupted at any
    moment, the next call goes on. A recording that cannot be read any more is noted and left out.

    Raises
    ------
    StorageError
        If the recordings are away altogether, or the scratch disk is full; none is noted.
    DecoderUnavailableError
        If nothing can be decoded for the moment; nor then.
    """
    report = ProfilingReport()
    last = 0
    while clips := _next_group(profiler.space, after=last):
        last = clips[-1].pk
        heard, failed = _heard(clips, profiler, pool=pool, scratch=scratch)
        report.profiled += _store(heard, space=profiler.space)
        _note_failures(failed, space=profiler.space)
        report.failed += len(failed)
        on_progress(report)
        if should_stop():
            report.stopped_early = True
            break
    return report


def _next_group(space: ClassSpace, *, after: int) -> list[Clip]:
    """Return some recordings that lack their profile, of half an hour together or one alone."""
    group: list[Clip] = []
    seconds = 0.0
    for clip in unprofiled_clips(space).filter(pk__gt=after).defer("peaks")[:_GROUP_CLIPS]:
        seconds += clip.duration_s
        if group and seconds > _GROUP_S:
            break
        group.append(clip)
    return group


def run_profiling_slice(
    profiling_id: int,
    *,
    registry: ModelRegistry,
    spaces: Sequence[ClassSpace],
    slicing: Slicing,
) -> None:
    """Work on missing profiles for a while; what is left is queued again.

    A job of a model that this program does not know stays as it is: it is of another release, whose
    worker the sweeper wakes in its time; `owe_profiles` ends one whose release is gone.
    """
    profiler = _listener_for(profiling_id, audio_profilers(spaces, registry))
    if profiler is None:
        logger.info("profiling %s is none of this program's: left to others", profiling_id)
        return

    def work(part: Slice) -> bool:
        report = profile_clips(
            profiler, pool=part.pool, scratch=part.scratch, should_stop=part.is_over
        )
        return not report.stopped_early

    slicing.run(LibraryProfiling, profiling_id, work)


def _listener_for(profiling_id: int, profilers: Sequence[AudioProfiler]) -> AudioProfiler | None:
    wanted = LibraryProfiling.objects.filter(pk=profiling_id).values_list(*_KEY).first()
    return next((profiler for profiler in profilers if _key(profiler.space) == wanted), None)


def _heard(
    clips: Sequence[Clip], profiler: AudioProfiler, *, pool: DecodingPool, scratch: Path
) -> tuple[list[tuple[Clip, AudioScores]], list[tuple[Clip, DecodeError]]]:
    folder = scratch / "profiling"
    folder.mkdir()
    waveforms = {clip.pk: folder / f"{clip.pk}.f32" for clip in clips}
    futures: list[tuple[Clip, Future[RecordingFacts]]] = [
        (
            clip,
            pool.submit_recording(
                Path(clip.original.path),
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
    if failed and not default_storage.exists(RECORDINGS_FOLDER):
        raise content_store.StorageError("the folder of recordings is away")
    hearings = profiler.hear([waveforms[clip.pk] for clip in decoded]) if decoded else []
    shutil.rmtree(folder)
    return list(zip(decoded, hearings, strict=True)), failed


@transaction.atomic
def _store(heard: Sequence[tuple[Clip, AudioScores]], *, space: ClassSpace) -> int:
    """Store what nobody has stored meanwhile: the library's lock keeps others out until then."""
    if not heard:
        return 0
    snapshot = advance_snapshot()
    clip_ids = [clip.pk for clip, _ in heard]
    lacking = set(unprofiled_clips(space).filter(pk__in=clip_ids).values_list("pk", flat=True))
    news = [(clip, hearing) for clip, hearing in heard if clip.pk in lacking]
    store_profiles(scored=news, space=space, snapshot=snapshot)
    describe_clips(scored=news, space=space)
    return len(news)


def _note_failures(failed: Sequence[tuple[Clip, DecodeError]], *, space: ClassSpace) -> None:
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
