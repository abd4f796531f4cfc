"""Make the served copies, without tags, of recordings that were imported without one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from retrieval.decoding.outcome import decoded_recording
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.errors import DecodeError
from retrieval.models import Clip
from retrieval.selectors.library import clips_without_clean_copy
from retrieval.services.clips import store_preview
from retrieval.storage.content_store import local_file

logger = logging.getLogger(__name__)


def make_clean_copies(
    *, pool: DecodingPool, scratch: Path, on_progress: Callable[[int], None]
) -> list[int]:
    """Make the missing copies one by one and return the ids of the clips that failed.

    An interrupted run can be resumed.

    Raises
    ------
    StorageError
        If the disk fails or is full.
    DecoderUnavailableError
        If decoding is unavailable.
    """
    failed = []
    for done, clip in enumerate(clips_without_clean_copy(), 1):
        try:
            _make_clean_copy(clip, pool=pool, scratch=scratch)
        except DecodeError as error:
            logger.error("clip %s has no clean copy, its original is served: %s", clip.pk, error)
            failed.append(clip.pk)
        on_progress(done)
    return failed


def _make_clean_copy(clip: Clip, *, pool: DecodingPool, scratch: Path) -> None:
    original = local_file(str(clip.original.name), scratch=scratch)
    # Not named by its hash, as a copy of the original in the same folder is.
    decoding = pool.submit_recording(
        original, waveform_paths={}, preview_path=scratch / f"clean-{clip.sha256}"
    )
    facts = decoded_recording(decoding, name=f"clip {clip.pk}")
    copy = facts.preview_path
    if copy is None:  # impossible: a copy was requested
        raise DecodeError(f"no copy of {original} was made", code="decoder_fault")
    preview = store_preview(file=copy)
    copy.unlink()
    if original.parent == scratch:
        original.unlink()
    Clip.objects.filter(pk=clip.pk).update(
        preview=preview, loudness_lufs=facts.loudness_lufs, true_peak_dbtp=facts.true_peak_dbtp
    )
