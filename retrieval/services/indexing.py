"""Keep each matcher's index on disk in step with the library."""

from __future__ import annotations

import fcntl
import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.matching.index import (
    IndexDamagedError,
    IndexFolder,
    IndexRow,
    LibraryIndex,
)
from retrieval.engine.matching.matcher import Matcher, Profiles
from retrieval.engine.matching.ranking import ExactRanker
from retrieval.selectors.library import (
    library_state,
    profiled_clips,
    profiles_of,
    removed_clip_ids,
)

logger = logging.getLogger(__name__)

_READ_AT_ONCE: Final = 500


@dataclass(frozen=True)
class SearchableLibrary:
    """The library at one snapshot, as one matcher sees it."""

    matcher: Matcher
    snapshot: int
    index: LibraryIndex
    ranker: ExactRanker

    @property
    def size(self) -> int:
        """How many clips are searched."""
        return len(self.index.clip_ids) - int(self.ranker.excluded.size)

    @cached_property
    def mean_log_rows(self) -> dict[str, NDArray[np.float64]]:
        """Mean ``log q`` of the clips still in the library, in nats, by the space's name."""
        total = self.index.log_sum.copy()
        gone = self.index.clip_ids[self.ranker.excluded].tolist()
        for start in range(0, len(gone), _READ_AT_ONCE):
            some = gone[start : start + _READ_AT_ONCE]
            for profiles in profiles_of(some, model_versions=self.matcher.audio_models).values():
                total -= _logs(self.matcher, profiles)
        edges = np.cumsum([len(space) for space in self.matcher.spaces])[:-1]
        parts = np.split(total / self.size, edges)
        return {space.name: part for space, part in zip(self.matcher.spaces, parts, strict=True)}


def open_library(matcher: Matcher, *, directory: Path) -> SearchableLibrary:
    """Return the newest library for a matcher, appending to its index what is missing there.

    Any number of processes may call this at once: one appends, the others wait for it. The index
    is derived from the database: one that cannot be right is made again.
    """
    state = library_state()
    folder = IndexFolder(
        directory / _folder_name(matcher, state.uuid),
        columns=matcher.columns,
        log_columns=sum(len(space) for space in matcher.spaces),
    )
    with _writer_lock(folder.path):
        try:
            index = _brought_up_to(state.snapshot, folder, matcher)
        except IndexDamagedError as error:
            logger.warning("Making the index again from the database: %s", error.detail)
            folder.clear()
            index = _brought_up_to(state.snapshot, folder, matcher)
    removed = removed_clip_ids(up_to=index.snapshot)
    return SearchableLibrary(
        matcher=matcher,
        snapshot=index.snapshot,
        index=index,
        ranker=index.ranker(without=removed),
    )


def _brought_up_to(snapshot: int, folder: IndexFolder, matcher: Matcher) -> LibraryIndex:
    """Open the index after appending what came up to a snapshot, unless another process has."""
    after = folder.snapshot
    if after < snapshot:
        newcomers = profiled_clips(model_versions=matcher.audio_models, after=after, up_to=snapshot)
        folder.append(
            (
                IndexRow(
                    clip.clip_id,
                    matcher.row(clip.profiles),
                    logs=_logs(matcher, clip.profiles),
                )
                for clip in newcomers
            ),
            snapshot=snapshot,
        )
    elif after > snapshot:
        _require_that_the_library_reached(after, folder)
    return folder.open()


def _require_that_the_library_reached(snapshot: int, folder: IndexFolder) -> None:
    """Raise if the index knows a later library than the database, which is a restored one then.

    Asked again, because the library may have grown, and its index with it, while we waited.
    """
    newest = library_state().snapshot
    if snapshot > newest:
        raise IndexDamagedError(
            f"{folder.path} holds snapshot {snapshot}, the database is at {newest}"
        )


def _logs(matcher: Matcher, clip: Profiles) -> NDArray[np.float64]:
    """Return ``log q`` in the matcher's spaces, one after the other."""
    rows = matcher.log_rows(clip)
    return np.concatenate([rows[space.name] for space in matcher.spaces])


def _folder_name(matcher: Matcher, library: UUID) -> str:
    """Name everything that a row depends on, so that nothing stale is ever read."""
    models = ",".join(
        f"{space}={version}" for space, version in sorted(matcher.audio_models.items())
    )
    digest = hashlib.sha256(f"{library}|{models}|{matcher.rows_version}".encode()).hexdigest()[:16]
    return f"{matcher.rows_version.partition('@')[0]}-{digest}"


@contextmanager
def _writer_lock(path: Path) -> Iterator[None]:
    path.mkdir(parents=True, exist_ok=True)
    with (path / "writer.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # the kernel frees it even when we are killed
        yield
