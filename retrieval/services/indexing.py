"""Keep each matcher's rows up to date with the library."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.errors import EngineError
from retrieval.engine.matching.matcher import Matcher, Profiles
from retrieval.engine.ranking.files import IndexDamagedError
from retrieval.engine.ranking.ranker import IndexRow, Ranker, RowStore
from retrieval.engine.ranking.rows import remove_index
from retrieval.engine.ranking.segments import lower_priority
from retrieval.selectors.library import (
    library_state,
    profiled_clips,
    profiles_of,
    removed_clip_ids,
)
from retrieval.services.rankers.chosen import rows_of_matcher, superseded_folders

logger = logging.getLogger(__name__)

_BATCH_SIZE: Final = 500


@dataclass(frozen=True, slots=True)
class _Withdrawn:
    """Clips that are stored but not searched, with the sum of their ``log q``, in nats.

    Attributes
    ----------
    clip_ids : int64 [shape=(n,)]
    log_q_sum : float64 [shape=(classes,)]
    """

    clip_ids: NDArray[np.int64]
    log_q_sum: NDArray[np.float64] | float


_NONE_WITHDRAWN: Final = _Withdrawn(np.empty(0, np.int64), 0.0)


@dataclass(frozen=True)
class SearchableLibrary:
    """The library at one snapshot, indexed for one matcher.

    Attributes
    ----------
    identity : UUID
        Of the database's library; another one has other recordings by the same ids.
    known : _Withdrawn
        What an earlier snapshot of the same library left out.
    """

    matcher: Matcher
    ranker: Ranker
    store: RowStore
    identity: UUID
    known: _Withdrawn = _NONE_WITHDRAWN

    @property
    def snapshot(self) -> int:
        """The library snapshot that is searched."""
        return self.ranker.snapshot

    @property
    def size(self) -> int:
        """Number of clips that are searched."""
        return self.ranker.size

    @cached_property
    def mean_log_rows(self) -> dict[str, NDArray[np.float64]]:
        """Mean ``log q`` of the clips that are searched, in nats, by the space's name."""
        total = self.ranker.log_q_sum - self.withdrawn.log_q_sum
        edges = np.cumsum([len(space) for space in self.matcher.spaces])[:-1]
        parts = np.split(total / self.size, edges)
        return {space.name: part for space, part in zip(self.matcher.spaces, parts, strict=True)}

    @cached_property
    def withdrawn(self) -> _Withdrawn:
        """What is left out; reads the profiles of clips withdrawn or restored since `known`."""
        clip_ids, before = self.ranker.withdrawn, self.known
        gone = self._log_q_sum(np.setdiff1d(clip_ids, before.clip_ids))
        back = self._log_q_sum(np.setdiff1d(before.clip_ids, clip_ids))
        return _Withdrawn(clip_ids, before.log_q_sum + gone - back)

    def _log_q_sum(self, clip_ids: NDArray[np.int64]) -> NDArray[np.float64]:
        total = np.zeros_like(self.ranker.log_q_sum)
        for start in range(0, clip_ids.size, _BATCH_SIZE):
            batch = clip_ids[start : start + _BATCH_SIZE].tolist()
            for profiles in profiles_of(batch, model_versions=self.matcher.audio_models).values():
                total += _log_q(self.matcher, profiles)
        return total


def open_library(
    *,
    matcher: Matcher,
    directory: Path,
    afresh: bool = False,
    earlier: SearchableLibrary | None = None,
) -> SearchableLibrary:
    """Return the newest library for a matcher; first append the clips that its rows lack.

    Safe to call from several processes at once: one appends, the others wait for it. Rows that are
    damaged, or ahead of the database, are stored again from its profiles; `afresh` does so in any
    case. With the library of the same rows that was opened before, only what was withdrawn or
    restored since then is read for the mean.

    Raises
    ------
    RankerUnavailableError
        If the database that the settings choose for the rows cannot be used.
    """
    state = library_state()
    rows = rows_of_matcher(matcher=matcher, library=state.uuid, directory=directory)
    with rows.writing():
        if afresh:
            rows.store.clear()
        try:
            ranker = _updated(rows.store, matcher, state.snapshot)
        except IndexDamagedError as error:
            logger.warning("Building the index again from the database: %s", error.detail)
            rows.store.clear()
            ranker = _updated(rows.store, matcher, state.snapshot)
            earlier = None
    known = _NONE_WITHDRAWN
    if earlier and earlier.identity == state.uuid and earlier.snapshot <= ranker.snapshot:
        known = earlier.withdrawn
    return SearchableLibrary(matcher, ranker, rows.store, state.uuid, known)


def start_upkeep(
    *, library: SearchableLibrary, directory: Path, in_force: Sequence[Matcher] = ()
) -> threading.Thread | None:
    """Start the upkeep of a library's rows in the background, if it is due.

    A process that ends meanwhile loses only the work: searches never see part of it.

    Parameters
    ----------
    in_force : sequence of Matcher
        If given, indexes in `directory` that none of them uses are removed, unless somebody does.
    """
    superseded = (
        superseded_folders(matchers=in_force, library=library.identity, directory=directory)
        if in_force
        else []
    )
    if not (library.store.upkeep_due or superseded):
        return None
    thread = threading.Thread(
        target=_keep_up, args=(library.store, superseded), name="upkeep", daemon=True
    )
    thread.start()
    return thread


def _keep_up(store: RowStore, superseded: Sequence[Path]) -> None:
    lower_priority()
    try:
        store.upkeep()
        for folder in superseded:
            if remove_index(folder):
                logger.info("Removed the index %s, which nobody uses", folder.name)
    except (OSError, EngineError) as error:
        logger.warning("The index stays as it was, searches are slower: %s", error)


def _updated(store: RowStore, matcher: Matcher, snapshot: int) -> Ranker:
    """Append the clips up to `snapshot` that the rows lack, and open them."""
    after = store.snapshot
    if after < snapshot:
        new_clips = profiled_clips(model_versions=matcher.audio_models, after=after, up_to=snapshot)
        store.append(
            (
                IndexRow(clip.clip_id, matcher.row(clip.profiles), _log_q(matcher, clip.profiles))
                for clip in new_clips
            ),
            snapshot=snapshot,
        )
    elif after > snapshot:
        _refuse_rows_ahead_of_database(after)
        snapshot = after
    return store.open(without=removed_clip_ids(up_to=snapshot))


def _refuse_rows_ahead_of_database(snapshot: int) -> None:
    """Raise if the rows are at a later snapshot than the database: a backup was restored.

    Reads the database's snapshot again: while this process waited for the lock, another one may
    have appended a newer snapshot.
    """
    newest = library_state().snapshot
    if snapshot > newest:
        raise IndexDamagedError(f"the index holds snapshot {snapshot}, the database is at {newest}")


def _log_q(matcher: Matcher, clip: Profiles) -> NDArray[np.float64]:
    """Return ``log q`` in the matcher's spaces, concatenated."""
    rows = matcher.log_rows(clip)
    return np.concatenate([rows[space.name] for space in matcher.spaces])
