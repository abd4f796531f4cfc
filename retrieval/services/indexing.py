"""Keep each matcher's index on disk up to date with the library."""

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
    INDEX_FORMAT,
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

_BATCH_SIZE: Final = 500


@dataclass(frozen=True)
class SearchableLibrary:
    """The library at one snapshot, indexed for one matcher."""

    matcher: Matcher
    index: LibraryIndex
    ranker: ExactRanker

    @property
    def snapshot(self) -> int:
        """The library snapshot that is searched."""
        return self.index.snapshot

    @property
    def size(self) -> int:
        """Number of clips that are searched."""
        return len(self.index.clip_ids) - int(self.ranker.excluded.size)

    @cached_property
    def mean_log_rows(self) -> dict[str, NDArray[np.float64]]:
        """Mean ``log q`` of the clips that are searched, in nats, by the space's name."""
        total = self.index.log_q_sum.copy()
        removed = self.index.clip_ids[self.ranker.excluded].tolist()
        for start in range(0, len(removed), _BATCH_SIZE):
            batch = removed[start : start + _BATCH_SIZE]
            for profiles in profiles_of(batch, model_versions=self.matcher.audio_models).values():
                total -= _log_q(self.matcher, profiles)
        edges = np.cumsum([len(space) for space in self.matcher.spaces])[:-1]
        parts = np.split(total / self.size, edges)
        return {space.name: part for space, part in zip(self.matcher.spaces, parts, strict=True)}


def open_library(*, matcher: Matcher, directory: Path) -> SearchableLibrary:
    """Return the newest library for a matcher; first append the clips that its index lacks.

    Safe to call from several processes at once: one appends, the others wait for it. An index
    that is damaged, or ahead of the database, is built again from the database.
    """
    state = library_state()
    folder = IndexFolder(
        directory / _folder_name(matcher, state.uuid),
        columns=matcher.columns,
        classes=sum(len(space) for space in matcher.spaces),
    )
    with _writer_lock(folder.path):
        try:
            index = _updated_index(state.snapshot, folder, matcher)
        except IndexDamagedError as error:
            logger.warning("Building the index again from the database: %s", error.detail)
            folder.clear()
            index = _updated_index(state.snapshot, folder, matcher)
    removed = removed_clip_ids(up_to=index.snapshot)
    return SearchableLibrary(matcher, index, index.ranker(without=removed))


def _updated_index(snapshot: int, folder: IndexFolder, matcher: Matcher) -> LibraryIndex:
    """Append the clips up to `snapshot` that the index lacks, and open it."""
    after = folder.snapshot
    if after < snapshot:
        new_clips = profiled_clips(model_versions=matcher.audio_models, after=after, up_to=snapshot)
        folder.append(
            (
                IndexRow(clip.clip_id, matcher.row(clip.profiles), _log_q(matcher, clip.profiles))
                for clip in new_clips
            ),
            snapshot=snapshot,
        )
    elif after > snapshot:
        _refuse_index_ahead_of_database(after, folder)
    return folder.open()


def _refuse_index_ahead_of_database(snapshot: int, folder: IndexFolder) -> None:
    """Raise if the index is at a later snapshot than the database: a backup was restored.

    Reads the database's snapshot again: while this process waited for the lock, another one may
    have indexed a newer snapshot.
    """
    newest = library_state().snapshot
    if snapshot > newest:
        raise IndexDamagedError(
            f"{folder.path} holds snapshot {snapshot}, the database is at {newest}"
        )


def _log_q(matcher: Matcher, clip: Profiles) -> NDArray[np.float64]:
    """Return ``log q`` in the matcher's spaces, concatenated."""
    rows = matcher.log_rows(clip)
    return np.concatenate([rows[space.name] for space in matcher.spaces])


def _folder_name(matcher: Matcher, library: UUID) -> str:
    """Return a name that changes with everything the files depend on: no stale file is read."""
    models = ",".join(
        f"{space}={version}" for space, version in sorted(matcher.audio_models.items())
    )
    content = f"{INDEX_FORMAT}|{library}|{models}|{matcher.rows_version}"
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    return f"{matcher.rows_version.partition('@')[0]}-{digest}"


@contextmanager
def _writer_lock(path: Path) -> Iterator[None]:
    path.mkdir(parents=True, exist_ok=True)
    with (path / "writer.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # the kernel releases it even if the process is killed
        yield
