"""The exact index of a library, opened for reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.ranking.certified import Query, search
from retrieval.engine.ranking.dense import dense_candidates
from retrieval.engine.ranking.files import IndexDamagedError
from retrieval.engine.ranking.ranker import RankedClip, best_of, check_query, exact_scores
from retrieval.engine.ranking.segment_folder import SegmentFolder

_FEW_CLIPS: Final = 2048
"""So few clips are all scored in float64."""


@dataclass(frozen=True)
class LibraryIndex:
    """A `Ranker` over the rows of a library at one snapshot.

    Rows that have codes are found by `certified.search`, those of a small library by a pass over
    all of them.

    Attributes
    ----------
    snapshot : int
        Library snapshot up to which the rows are complete.
    rows : float32 [shape=(n, columns)]
        Memory-mapped, read-only.
    clip_ids : int64 [shape=(n,)]
        In the order in which the clips were appended; unique.
    max_abs : float
        Upper bound on the absolute entries of `rows`.
    log_q_sum : float64 [shape=(classes,)]
        Sum of all clips' ``log q``, in nats.
    served : bool [shape=(n,)]
        False for the rows of withdrawn clips.
    segments : SegmentFolder
        Codes of the rows; segments that are built later are used from the next search on.
    """

    snapshot: int
    rows: NDArray[np.float32]
    clip_ids: NDArray[np.int64]
    max_abs: float
    log_q_sum: NDArray[np.float64]
    served: NDArray[np.bool_]
    segments: SegmentFolder

    @cached_property
    def size(self) -> int:
        """Number of clips that are ranked."""
        return int(np.count_nonzero(self.served))

    @property
    def withdrawn(self) -> NDArray[np.int64]:
        """Ids of the clips whose rows are stored but not ranked."""
        return self.clip_ids[~self.served]

    def rank(
        self, query: NDArray[np.float64], *, top: int, only: NDArray[np.int64] | None = None
    ) -> list[RankedClip]:
        """Return the `top` clips with the largest scores; see `Ranker.rank`.

        Raises
        ------
        IndexDamagedError
            If the rows are damaged. Damaged codes are built again instead.
        """
        check_query(query, columns=self.rows.shape[1], top=top)
        return self._rank([query], top, self.served if only is None else self._among(only))[0]

    def rank_many(
        self, queries: Sequence[NDArray[np.float64]], *, top: int
    ) -> list[list[RankedClip]]:
        """Rank for several photos at once; see `Ranker.rank_many`."""
        for query in queries:
            check_query(query, columns=self.rows.shape[1], top=top)
        return self._rank(queries, top, self.served)

    def _rank(
        self, queries: Sequence[NDArray[np.float64]], top: int, allowed: NDArray[np.bool_]
    ) -> list[list[RankedClip]]:
        try:
            found = self._candidates(queries, top, allowed)
        except IndexDamagedError:
            if not self.segments.distrust_damaged():  # then the rows are
                raise
            found = self._candidates(queries, top, allowed)
        return [
            best_of(exact_scores(self.rows, query, positions), self.clip_ids[positions], top=top)
            for query, positions in zip(queries, found, strict=True)
        ]

    def _candidates(
        self, queries: Sequence[NDArray[np.float64]], top: int, allowed: NDArray[np.bool_]
    ) -> list[NDArray[np.intp]]:
        count = int(np.count_nonzero(allowed))
        if count <= max(top, _FEW_CLIPS):
            return [np.flatnonzero(allowed)] * len(queries)
        segments = [one for one in self.segments.segments() if one.stop <= len(self.rows)]
        if not segments:
            return [
                dense_candidates(self.rows, query, top=top, max_abs=self.max_abs, allowed=allowed)
                for query in queries
            ]
        restricted = None if count == allowed.size else allowed
        return search(
            self.rows, segments, [Query(query, top, self.max_abs, restricted) for query in queries]
        )

    def _among(self, clip_ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which rows are served and of one of these clips."""
        order, ordered = self._by_id
        places = np.searchsorted(ordered, clip_ids)
        places[places == ordered.size] = 0
        known = order[places[ordered[places] == clip_ids]] if ordered.size else order
        allowed = np.zeros_like(self.served)
        allowed[known] = self.served[known]
        return allowed

    @cached_property
    def _by_id(self) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        order = np.argsort(self.clip_ids)
        return order, np.asarray(self.clip_ids[order])
