"""Keep each matcher's index on disk in step with the library."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.index import IndexFolder, IndexRow, LibraryIndex
from retrieval.engine.matchers import Matcher
from retrieval.engine.ranking import ExactRanker
from retrieval.selectors.library import library_state, profiled_clips, removed_clip_ids


@dataclass(frozen=True, slots=True)
class SearchableLibrary:
    """The library at one snapshot, as one matcher sees it."""

    snapshot: int
    index: LibraryIndex
    ranker: ExactRanker
    removed: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many clips are searched."""
        return len(self.index.clip_ids) - int(self.ranker.excluded.size)

    def mean_row(self) -> NDArray[np.float64]:
        """Return the mean of the clips' rows."""
        return self.index.mean_row(without=self.removed)


def open_library(matcher: Matcher, *, directory: Path) -> SearchableLibrary:
    """Return the newest library for a matcher, appending to its index what is missing there.

    Any number of processes may call this at once: one appends, the others wait for it.
    """
    state = library_state()
    folder = IndexFolder(directory / _folder_name(matcher, state.uuid), columns=matcher.columns)
    if folder.snapshot < state.snapshot:
        with _writer_lock(folder.path):
            _append_newcomers(folder, matcher, up_to=state.snapshot)
    index = folder.open()
    removed = tuple(removed_clip_ids(up_to=index.snapshot))
    return SearchableLibrary(
        snapshot=index.snapshot, index=index, ranker=index.ranker(without=removed), removed=removed
    )


def _append_newcomers(folder: IndexFolder, matcher: Matcher, *, up_to: int) -> None:
    after = folder.snapshot  # read again: another process may have appended while we waited
    if after >= up_to:
        return
    newcomers = profiled_clips(model_versions=matcher.audio_models, after=after, up_to=up_to)
    folder.append(
        (IndexRow(clip.clip_id, matcher.row(clip.profiles)) for clip in newcomers), snapshot=up_to
    )


def _folder_name(matcher: Matcher, library: UUID) -> str:
    """Name everything that a row depends on, so that nothing stale is ever read."""
    models = ",".join(
        f"{space}={version}" for space, version in sorted(matcher.audio_models.items())
    )
    digest = hashlib.sha256(f"{library}|{models}".encode()).hexdigest()[:16]
    return f"{matcher.name}-v{matcher.version}-{digest}"


@contextmanager
def _writer_lock(path: Path) -> Iterator[None]:
    path.mkdir(parents=True, exist_ok=True)
    with (path / "writer.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # the kernel frees it even when we are killed
        yield
