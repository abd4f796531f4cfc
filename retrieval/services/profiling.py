"""Describe recordings that are in the library already, in a new space or by a new model."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from retrieval import media
from retrieval.decoding import DecodingPool
from retrieval.engine.audio import RecordingFacts
from retrieval.engine.errors import DecodeError, EngineError
from retrieval.engine.hearing import Hearing
from retrieval.engine.registry import ModelRegistry
from retrieval.engine.spaces import Space
from retrieval.models import Clip, LibraryProfiling, ProfileFailure
from retrieval.scratch import scratch_folder
from retrieval.selectors.profiling import unprofiled_clips
from retrieval.services import jobs, leases
from retrieval.services.clips import RECORDINGS_FOLDER, describe_clips, store_profiles
from retrieval.services.library import advance_snapshot
from retrieval.services.listening import Listener, listeners_for

logger = logging.getLogger(__name__)

_OUR_FAULTS: Final = frozenset({"decoder_unavailable", "decoding_stopped"})
"""Codes that say nothing about a recording."""

_GROUP_CLIPS: Final = 24
_GROUP_S: Final = 1800.0  # half a minute of listening: no slice overruns its limit by much


@dataclass(slots=True)
class ProfilingReport:
    """How far it is."""

    profiled: int = 0
    failed: int = 0
    stopped_early: bool = False


def owe_profiles(spaces: Sequence[Space]) -> list[LibraryProfiling]:
    """Record that profiles are missing, where they are and nobody knows yet; return what is new."""
    lacking = [space for space in spaces if unprofiled_clips(space).exists()]
    return [owed for space in lacking if (owed := _owe(space)) is not None]


def _owe(space: Space) -> LibraryProfiling | None:
    """Record what is owed; None if it is owed already."""
    wanted = LibraryProfiling(space_id=space.name, model_version=space.audio_model)
    try:
        with transaction.atomic():
            wanted.save(force_insert=True)
    except IntegrityError:  # the database allows one open job for a space and a model
        return None
    return wanted


def forget_failures(spaces: Sequence[Space]) -> None:
    """Let recordings be tried again that could not be described by the models of now."""
    for space in spaces:
        ProfileFailure.objects.filter(space_id=space.name, model_version=space.audio_model).delete()


def profile_clips(
    listener: Listener,
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
    DecodeError
        If nothing can be decoded for the moment; nor then.
    """
    report = ProfilingReport()
    last = 0
    while clips := _next_group(listener.space, after=last):
        last = clips[-1].pk
        heard, failed = _heard(clips, listener, pool=pool, scratch=scratch)
        report.profiled += _store(heard, space=listener.space)
        _note_failures(failed, space=listener.space)
        report.failed += len(failed)
        on_progress(report)
        if should_stop():
            report.stopped_early = True
            break
    return report


def _next_group(space: Space, *, after: int) -> list[Clip]:
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
    spaces: Sequence[Space],
    scratch_directory: Path,
    decoding_processes: int,
    slice_s: float,
    worker: str,
) -> None:
    """Work on missing profiles for a while; what is left is queued again."""
    held = jobs.claim(LibraryProfiling, profiling_id, owner=worker, lease=leases.LEASE)
    if held is None:
        logger.info("profiling %s is not queued: nothing to do", profiling_id)
        return
    wanted = LibraryProfiling.objects.get(pk=profiling_id)
    listener = next(
        (
            listener
            for listener in listeners_for(spaces, registry)
            if (listener.space.name, listener.space.audio_model)
            == (wanted.space_id, wanted.model_version)
        ),
        None,
    )
    if listener is None:
        jobs.fail(
            held,
            code="model_superseded",
            detail=f"This program has no {wanted.model_version} for {wanted.space_id}.",
        )
        return
    deadline = time.monotonic() + slice_s
    try:
        with (
            leases.kept(held) as lease,
            scratch_folder(scratch_directory) as scratch,
            DecodingPool(processes=decoding_processes) as pool,
        ):
            report = profile_clips(
                listener,
                pool=pool,
                scratch=scratch,
                should_stop=lambda: lease.is_lost or time.monotonic() > deadline,
            )
    except (media.StorageError, OSError) as error:
        if isinstance(error, OSError) and not media.is_full(error):
            raise
        logger.error("profiling %s waits for the disk: %s", profiling_id, error)
        jobs.pause(held)
        return
    except EngineError as error:
        if error.code in _OUR_FAULTS:
            logger.error("profiling %s waits: %s [%s]", profiling_id, error.detail, error.code)
            jobs.pause(held)
        else:
            jobs.fail(held, code=error.code, detail=error.detail)
        return
    if report.stopped_early:
        jobs.pause(held)
    else:
        jobs.finish(held)


def _heard(
    clips: Sequence[Clip], listener: Listener, *, pool: DecodingPool, scratch: Path
) -> tuple[list[tuple[Clip, Hearing]], list[tuple[Clip, DecodeError]]]:
    folder = scratch / "profiling"
    folder.mkdir()
    waveforms = {clip.pk: folder / f"{clip.pk}.f32" for clip in clips}
    futures: list[tuple[Clip, Future[RecordingFacts]]] = [
        (
            clip,
            pool.submit_recording(
                Path(clip.original.path),
                waveform_paths={listener.sample_rate_hz: waveforms[clip.pk]},
            ),
        )
        for clip in clips
    ]
    decoded, failed = [], []
    for clip, future in futures:
        try:
            future.result()
        except DecodeError as error:
            if error.code in _OUR_FAULTS:
                raise
            logger.warning("clip %s: %s [%s]", clip.pk, error.detail, error.code)
            failed.append((clip, error))
        except OSError as error:  # of our disk: the recording can be read, or it had a code
            raise media.storage_error(error) from error
        except RuntimeError as error:  # a fault of the decoder's code: no other is to suffer
            logger.exception("decoding clip %s", clip.pk)
            detail = str(error).splitlines()[0]
            failed.append((clip, DecodeError(detail, code="decoder_fault")))
        else:
            decoded.append(clip)
    if failed and not default_storage.exists(RECORDINGS_FOLDER):
        raise media.StorageError("the folder of recordings is away")
    hearings = listener.hear([waveforms[clip.pk] for clip in decoded]) if decoded else []
    shutil.rmtree(folder)
    return list(zip(decoded, hearings, strict=True)), failed


@transaction.atomic
def _store(heard: Sequence[tuple[Clip, Hearing]], *, space: Space) -> int:
    """Store what nobody has stored meanwhile: the library's lock keeps others out until then."""
    if not heard:
        return 0
    snapshot = advance_snapshot()
    clip_ids = [clip.pk for clip, _ in heard]
    lacking = set(unprofiled_clips(space).filter(pk__in=clip_ids).values_list("pk", flat=True))
    news = [(clip, hearing) for clip, hearing in heard if clip.pk in lacking]
    store_profiles(news, space=space, snapshot=snapshot)
    describe_clips(news, space=space)
    return len(news)


def _note_failures(failed: Sequence[tuple[Clip, DecodeError]], *, space: Space) -> None:
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
