"""What every ranker does: exact ranking of a library for a photo, by an inner product."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.errors import EngineError, SpaceMismatchError

_CHUNK_ROWS: Final = 2048  # of a thousand columns: 16 MB in float64


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One clip to append to an index.

    Attributes
    ----------
    row : float32 [shape=(columns,)]
        The matcher's ``b``.
    log_q : float64 [shape=(classes,)]
        ``log q`` in the matcher's spaces, concatenated; only the sum over all clips is stored.
    """

    clip_id: int
    row: NDArray[np.float32]
    log_q: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RankedClip:
    """One entry of a ranking; the score ``a . b``, in float64, is larger for a better fit."""

    clip_id: int
    score: float


class Ranker(Protocol):
    """The clips of a library at one snapshot, ready to be ranked.

    The order is that of float64 arithmetic over the stored float32 rows (`exact_scores`), ties by
    clip id, whatever index finds the candidates.
    """

    @property
    def snapshot(self) -> int:
        """Library snapshot up to which the rows are complete."""

    @property
    def size(self) -> int:
        """Number of clips that are ranked."""

    @property
    def withdrawn(self) -> NDArray[np.int64]:
        """Ids of the clips whose rows are stored but not ranked."""

    @property
    def log_q_sum(self) -> NDArray[np.float64]:
        """Sum of ``log q`` over all stored rows, withdrawn ones too; float64 [shape=(classes,)]."""

    def rank(
        self, query: NDArray[np.float64], *, top: int, only: NDArray[np.int64] | None = None
    ) -> list[RankedClip]:
        """Return the `top` clips with the largest scores, best first, ties by clip id.

        Parameters
        ----------
        query : float64 [shape=(columns,)]
            Vector ``a`` of the photo.
        top : int
            Number of clips, at least 1; a smaller library returns fewer.
        only : int64 [shape=(m,)], optional
            Ids of the clips among which to rank; ids that the index lacks are ignored.

        Raises
        ------
        SpaceMismatchError
            If the query and the rows differ in length.
        ValueError
            If `top` is below 1.
        """

    def rank_many(
        self, queries: Sequence[NDArray[np.float64]], *, top: int
    ) -> list[list[RankedClip]]:
        """Rank for several photos at once, which share the reading of the index."""


class RowStore(Protocol):
    """The rows of one matcher for all clips of a library, to which clips are appended."""

    @property
    def snapshot(self) -> int:
        """The library snapshot up to which the rows are complete; 0 before the first append."""

    def append(self, rows: Iterable[IndexRow], *, snapshot: int) -> int:
        """Append clips, publish the snapshot that they complete and return their number."""

    def open(self, *, without: Iterable[int] = ()) -> Ranker:
        """Return a ranker over all clips except those with the ids in `without`."""

    @property
    def upkeep_due(self) -> bool:
        """Whether `upkeep` has something to do."""

    def upkeep(self) -> None:
        """Make searches fast again after appends, if another process is not doing so.

        May take minutes; searches and appends go on meanwhile.
        """

    def clear(self) -> None:
        """Delete all rows; open rankers keep theirs."""


def check_query(query: NDArray[np.float64], *, columns: int, top: int) -> None:
    """Raise if a query has another length than the rows, or `top` is below 1."""
    if query.shape != (columns,):
        raise SpaceMismatchError(f"query {query.shape} against rows of {columns} columns")
    if top < 1:
        raise ValueError(f"top must be at least 1, got {top}")


def checked_row(entry: IndexRow, *, columns: int, classes: int) -> NDArray[np.float32]:
    """Return a clip's row in little-endian float32.

    Raises
    ------
    SpaceMismatchError
        If the row or its ``log q`` has another length than the matcher's.
    EngineError
        If either is not finite (code ``model_error``).
    """
    row = np.ascontiguousarray(entry.row, dtype="<f4")
    if row.shape != (columns,):
        raise SpaceMismatchError(
            f"clip {entry.clip_id}: row {row.shape}, the index has {columns} columns"
        )
    if entry.log_q.shape != (classes,):
        raise SpaceMismatchError(
            f"clip {entry.clip_id}: log q {entry.log_q.shape}, the spaces have {classes} classes"
        )
    if not (np.isfinite(row).all() and np.isfinite(entry.log_q).all()):
        raise EngineError(f"clip {entry.clip_id}: its row is not finite", code="model_error")
    return row


def best_of(
    scores: NDArray[np.float64], clip_ids: NDArray[np.int64], *, top: int
) -> list[RankedClip]:
    """Return the `top` largest scores with their clips, ties by clip id."""
    order = np.lexsort((clip_ids, -scores))[:top]
    return [RankedClip(int(clip_ids[place]), float(scores[place])) for place in order]


def exact_scores(
    rows: NDArray[np.float32], query: NDArray[np.float64], positions: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return ``row . query`` in float64 for the rows at `positions`; equal rows score equally.

    Not by ``@``: BLAS sums a row in an order that depends on its position, so equal rows would
    differ in their last bits, and clip ids would not decide their tie.
    """
    scores = np.empty(positions.size)
    for start in range(0, positions.size, _CHUNK_ROWS):
        chunk = slice(start, start + _CHUNK_ROWS)
        scores[chunk] = (rows[positions[chunk]] * query).sum(axis=1)
    return scores
