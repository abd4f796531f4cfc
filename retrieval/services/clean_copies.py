"""Give recordings that came before there were clean copies the copy that is served."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from django.core.files.storage import default_storage

from retrieval.decoding.outcome import decoded_recording
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.errors import DecodeError
from retrieval.models import Clip
from retrieval.selectors.library import clips_served_as_they_came
from retrieval.storage import content_store

logger = logging.getLogger(__name__)


def make_clean_copies(
    *, pool: DecodingPool, scratch: Path, on_progress: Callable[[int], None]
) -> list[int]:
    """Make what is missing, one recording after the other; return the ids of those that failed.

    Called again, it goes on where it stopped.

    Raises
    ------
    StorageError
        If a copy cannot be made or kept for the disk's sake: then no other could.
    DecoderUnavailableError
        If nothing can be decoded for the moment.
    """
    failed = []
    for done, clip in enumerate(clips_served_as_they_came(), 1):
        try:
            _make_clean_copy(clip, pool=pool, scratch=scratch)
        except DecodeError as error:
            logger.error("clip %s keeps being served as it came: %s", clip.pk, error)
            failed.append(clip.pk)
        on_progress(done)
    return failed


def _make_clean_copy(clip: Clip, *, pool: DecodingPool, scratch: Path) -> None:
    original = Path(default_storage.path(str(clip.original.name)))
    decoding = pool.submit_recording(
        original, waveform_paths={}, preview_path=scratch / clip.sha256
    )
    facts = decoded_recording(decoding, name=f"clip {clip.pk}")
    made = facts.preview_path
    if made is None:  # never: one was asked for
        raise DecodeError(f"no copy of {original} was made", code="decoder_fault")
    kept = content_store.keep(
        made, folder="previews", sha256=content_store.sha256_of(made), suffix=made.suffix
    )
    made.unlink()
    Clip.objects.filter(pk=clip.pk).update(
        preview=kept, loudness_lufs=facts.loudness_lufs, true_peak_dbtp=facts.true_peak_dbtp
    )
